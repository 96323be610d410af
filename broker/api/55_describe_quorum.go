package api

// DescribeQuorum (key 55, KIP-595): who votes in the metadata quorum, who leads it, and how far each one is.
//
// Behaviour
//   - the leader of the quorum answers: a broker carries the request there; on a peer listener every voter
//     answers with what it knows, and only the leader knows where the others are
//   - the one topic is __cluster_metadata, the one partition 0: any other has UNKNOWN_TOPIC_OR_PARTITION
//   - a voter fetched when the leader last heard of it, and was caught up when it had all that was committed
//
// Versions
//   - 1 times of the last fetch and of being caught up; 2 messages, directory ids, where the voters listen
type describeQuorum struct{ toController }
