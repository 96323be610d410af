package wire

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Versions of one API key that this broker serves.
type Versions struct {
	// Min and Max are advertised by ApiVersions.
	Min, Max int16
	// Accepted is the lowest version that is answered; above Min for Produce only. Kafka 4 refuses
	// Produce below 3 and yet advertises 0, because older librdkafka silently drops compression
	// when it sees a higher minimum (KAFKA-18659).
	Accepted int16
}

// served holds exactly the keys with a handler in broker/api, with the ranges of Apache Kafka 4.4.
var served = map[int16]Versions{
	kmsg.Produce.Int16():              {Min: 0, Max: 13, Accepted: 3},
	kmsg.Fetch.Int16():                {Min: 4, Max: 18, Accepted: 4},
	kmsg.ListOffsets.Int16():          {Min: 1, Max: 11, Accepted: 1},
	kmsg.Metadata.Int16():             {Min: 0, Max: 13, Accepted: 0},
	kmsg.ApiVersions.Int16():          {Min: 0, Max: 5, Accepted: 0},
	kmsg.CreateTopics.Int16():         {Min: 2, Max: 7, Accepted: 2},
	kmsg.DeleteTopics.Int16():         {Min: 1, Max: 6, Accepted: 1},
	kmsg.InitProducerID.Int16():       {Min: 0, Max: 5, Accepted: 0},
	kmsg.OffsetForLeaderEpoch.Int16(): {Min: 2, Max: 4, Accepted: 2},
}

// Served gives the versions of a key; ok is false for a key that is not served.
func Served(key int16) (v Versions, ok bool) {
	v, ok = served[key]
	return v, ok
}

// Keys lists the served API keys, ascending.
func Keys() []int16 {
	keys := make([]int16, 0, len(served))
	for key := range served {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
