package proxy

import (
	"reflect"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// place is a part of a response: all of it, a topic in it, or a partition. Kafka's responses all name
// these alike, and so one walk over their fields serves every request.
type place struct {
	topic    string
	topicID  [16]byte
	inTopic  bool
	part     int32
	isPart   bool
	contents reflect.Value // the struct
}

// places lists all that a response has, outer ones first.
func places(response kmsg.Response) []place {
	var all []place
	collect(reflect.ValueOf(response).Elem(), place{}, &all)
	return all
}

func collect(v reflect.Value, around place, all *[]place) {
	here := around
	here.contents = v
	for _, name := range []string{"TopicID", "TopidID"} { // the library has a slip of the pen in AlterPartition
		if id := v.FieldByName(name); id.IsValid() && id.Type() == reflect.TypeFor[[16]byte]() {
			here.topicID, here.inTopic = id.Interface().([16]byte), true
		}
	}
	switch name := v.FieldByName("Topic"); {
	case !name.IsValid():
	case name.Kind() == reflect.String:
		here.topic, here.inTopic = name.String(), true
	case name.Kind() == reflect.Pointer && !name.IsNil() && name.Elem().Kind() == reflect.String:
		here.topic, here.inTopic = name.Elem().String(), true
	}
	if part := v.FieldByName("Partition"); here.inTopic && part.IsValid() && part.Kind() == reflect.Int32 {
		here.part, here.isPart = int32(part.Int()), true
	}
	*all = append(*all, here)
	for i := range v.NumField() {
		switch f := v.Field(i); {
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
			for j := range f.Len() {
				collect(f.Index(j), here, all)
			}
		case f.Kind() == reflect.Struct && v.Type().Field(i).IsExported():
			collect(f, here, all)
		}
	}
}

// matching keeps the places that a rule names: those of its topic, and there those of its partition.
// Names of topics that the response gives by id are looked up.
func matching(all []place, r *rule, nameOf func(id [16]byte) string) []place {
	if r.Topic == "" {
		return all
	}
	var found []place
	for _, p := range all {
		if p.topic == "" && p.inTopic {
			p.topic = nameOf(p.topicID)
		}
		if !p.inTopic || p.topic != r.Topic {
			continue
		}
		if r.Partition >= 0 && (!p.isPart || p.part != r.Partition) {
			continue
		}
		found = append(found, p)
	}
	return found
}

// codes keeps the places whose error code is the one to write: those of partitions if there are any,
// else those of topics, else that of the whole response.
func codes(all []place) []place {
	var byDepth [3][]place
	for _, p := range all {
		code := p.contents.FieldByName("ErrorCode")
		if !code.IsValid() || code.Kind() != reflect.Int16 {
			continue
		}
		depth := 0
		if p.isPart {
			depth = 2
		} else if p.inTopic {
			depth = 1
		}
		byDepth[depth] = append(byDepth[depth], p)
	}
	for depth := 2; depth >= 0; depth-- {
		if len(byDepth[depth]) > 0 {
			return byDepth[depth]
		}
	}
	return nil
}

// fail writes an error code, and takes away what Kafka does not send with an error: an offset, records.
func (p place) fail(code int16) {
	p.contents.FieldByName("ErrorCode").SetInt(int64(code))
	if code == 0 {
		return
	}
	switch part := p.contents.Addr().Interface().(type) {
	case *kmsg.ProduceResponseTopicPartition:
		part.BaseOffset, part.LogAppendTime, part.LogStartOffset = -1, -1, -1
	case *kmsg.FetchResponseTopicPartition:
		part.HighWatermark, part.LastStableOffset, part.LogStartOffset = -1, -1, -1
		part.AbortedTransactions, part.RecordBatches = nil, nil
	case *kmsg.ListOffsetsResponseTopicPartition:
		part.Timestamp, part.Offset, part.LeaderEpoch = -1, -1, -1
	}
}
