package wire

import (
	"maps"
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

// Listener of a node, by who connects to it.
type Listener uint8

const (
	// Clients is where Kafka clients connect.
	Clients Listener = iota
	// Peers is where the other nodes of the cluster connect.
	Peers
)

// served holds exactly the keys with a handler in broker/api, by listener, with the ranges of Apache
// Kafka 4.4. Peers send the newest version only.
var served = [...]map[int16]Versions{
	Clients: {
		kmsg.Produce.Int16():              {Min: 0, Max: 13, Accepted: 3},
		kmsg.Fetch.Int16():                {Min: 4, Max: 18, Accepted: 4},
		kmsg.ListOffsets.Int16():          {Min: 1, Max: 11, Accepted: 1},
		kmsg.Metadata.Int16():             {Min: 0, Max: 13, Accepted: 0},
		kmsg.OffsetCommit.Int16():         {Min: 2, Max: 10, Accepted: 2},
		kmsg.OffsetFetch.Int16():          {Min: 1, Max: 10, Accepted: 1},
		kmsg.FindCoordinator.Int16():      {Min: 0, Max: 6, Accepted: 0},
		kmsg.JoinGroup.Int16():            {Min: 0, Max: 9, Accepted: 0},
		kmsg.Heartbeat.Int16():            {Min: 0, Max: 4, Accepted: 0},
		kmsg.LeaveGroup.Int16():           {Min: 0, Max: 5, Accepted: 0},
		kmsg.SyncGroup.Int16():            {Min: 0, Max: 5, Accepted: 0},
		kmsg.DescribeGroups.Int16():       {Min: 0, Max: 6, Accepted: 0},
		kmsg.ListGroups.Int16():           {Min: 0, Max: 5, Accepted: 0},
		kmsg.DeleteGroups.Int16():         {Min: 0, Max: 3, Accepted: 0},
		kmsg.OffsetDelete.Int16():         {Min: 0, Max: 0, Accepted: 0},
		kmsg.WriteTxnMarkers.Int16():      {Min: 1, Max: 2, Accepted: 1},
		kmsg.TxnOffsetCommit.Int16():      {Min: 0, Max: 6, Accepted: 0},
		kmsg.ApiVersions.Int16():          {Min: 0, Max: 5, Accepted: 0},
		kmsg.CreateTopics.Int16():         {Min: 2, Max: 7, Accepted: 2},
		kmsg.DeleteTopics.Int16():         {Min: 1, Max: 6, Accepted: 1},
		kmsg.DeleteRecords.Int16():        {Min: 0, Max: 2, Accepted: 0},
		kmsg.InitProducerID.Int16():       {Min: 0, Max: 5, Accepted: 0},
		kmsg.OffsetForLeaderEpoch.Int16(): {Min: 2, Max: 4, Accepted: 2},
		kmsg.ElectLeaders.Int16():         {Min: 0, Max: 2, Accepted: 0},

		kmsg.AlterPartitionAssignments.Int16():  {Min: 0, Max: 1, Accepted: 0},
		kmsg.ListPartitionReassignments.Int16(): {Min: 0, Max: 0, Accepted: 0},
		kmsg.DescribeTopicPartitions.Int16():    {Min: 0, Max: 0, Accepted: 0},

		kmsg.DescribeConfigs.Int16():         {Min: 1, Max: 4, Accepted: 1},
		kmsg.AlterConfigs.Int16():            {Min: 0, Max: 2, Accepted: 0},
		kmsg.CreatePartitions.Int16():        {Min: 0, Max: 3, Accepted: 0},
		kmsg.IncrementalAlterConfigs.Int16(): {Min: 0, Max: 1, Accepted: 0},
		kmsg.AddPartitionsToTxn.Int16():      {Min: 0, Max: 5, Accepted: 0},
		kmsg.AddOffsetsToTxn.Int16():         {Min: 0, Max: 4, Accepted: 0},
		kmsg.EndTxn.Int16():                  {Min: 0, Max: 5, Accepted: 0},
		kmsg.DescribeTransactions.Int16():    {Min: 0, Max: 0, Accepted: 0},
		kmsg.ListTransactions.Int16():        {Min: 0, Max: 2, Accepted: 0},
		kmsg.DescribeQuorum.Int16():          {Min: 0, Max: 2, Accepted: 0},
		kmsg.DescribeLogDirs.Int16():         {Min: 1, Max: 5, Accepted: 1},
		kmsg.DescribeProducers.Int16():       {Min: 0, Max: 0, Accepted: 0},
		kmsg.DescribeCluster.Int16():         {Min: 0, Max: 2, Accepted: 0},
		kmsg.UpdateFeatures.Int16():          {Min: 0, Max: 2, Accepted: 0},
		kmsg.UnregisterBroker.Int16():        {Min: 0, Max: 0, Accepted: 0},
		kmsg.ListConfigResources.Int16():     {Min: 0, Max: 1, Accepted: 0},
	},
	Peers: {
		kmsg.Fetch.Int16():              {Min: 18, Max: 18, Accepted: 18},
		kmsg.WriteTxnMarkers.Int16():    {Min: 2, Max: 2, Accepted: 2},
		kmsg.ApiVersions.Int16():        {Min: 0, Max: 5, Accepted: 0},
		kmsg.CreateTopics.Int16():       {Min: 7, Max: 7, Accepted: 7},
		kmsg.DeleteTopics.Int16():       {Min: 6, Max: 6, Accepted: 6},
		kmsg.InitProducerID.Int16():     {Min: 5, Max: 5, Accepted: 5},
		kmsg.ElectLeaders.Int16():       {Min: 2, Max: 2, Accepted: 2},
		kmsg.DescribeQuorum.Int16():     {Min: 2, Max: 2, Accepted: 0},
		kmsg.AlterPartition.Int16():     {Min: 3, Max: 3, Accepted: 3},
		kmsg.BrokerRegistration.Int16(): {Min: 4, Max: 4, Accepted: 4},
		kmsg.BrokerHeartbeat.Int16():    {Min: 1, Max: 1, Accepted: 1},
		kmsg.AddPartitionsToTxn.Int16(): {Min: 5, Max: 5, Accepted: 5},

		kmsg.AlterPartitionAssignments.Int16():  {Min: 1, Max: 1, Accepted: 1},
		kmsg.ListPartitionReassignments.Int16(): {Min: 0, Max: 0, Accepted: 0},

		kmsg.UpdateFeatures.Int16():          {Min: 2, Max: 2, Accepted: 2},
		kmsg.UnregisterBroker.Int16():        {Min: 0, Max: 0, Accepted: 0},
		kmsg.AlterConfigs.Int16():            {Min: 2, Max: 2, Accepted: 2},
		kmsg.CreatePartitions.Int16():        {Min: 3, Max: 3, Accepted: 3},
		kmsg.IncrementalAlterConfigs.Int16(): {Min: 1, Max: 1, Accepted: 1},

		QuorumMessageKey: {},
		MetadataTailKey:  {},

		DamagedReplicaKey: {},
	},
}

// Served gives the versions of a key on a listener; ok is false for a key that is not served there.
func Served(l Listener, key int16) (v Versions, ok bool) {
	v, ok = served[l][key]
	return v, ok
}

// Keys lists the API keys served on a listener, ascending.
func Keys(l Listener) []int16 { return slices.Sorted(maps.Keys(served[l])) }

// AllKeys lists the API keys served on any listener, ascending.
func AllKeys() []int16 {
	var keys []int16
	for l := range served {
		keys = append(keys, Keys(Listener(l))...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
