// Package broker is a Kafka-protocol broker that a person can read, and that a Go program can start.
//
//	Config ── Start ──> Broker (Address, PeerAddress, Done, Close)
//	                      └─ server: sockets, goroutines ─ node: actors ─ log: files
//
// A node is a broker, a controller, or both. With Voters it is one of a cluster, without it is one by
// itself.
//
// # A disk that fails, is full, or rots
//
// A call to the disk that fails stops the node, where it leads and where it follows, as Apache Kafka stops a broker
// whose only log directory fails: the event disk-failed names file and errno, Done is closed, nothing is
// acknowledged that is not synced, nothing is marked clean, and `logproof broker` ends with exit code 3 and says
// what to do. A sync that failed is not tried again: the kernel may have dropped the pages, and would say that
// all is well. A full disk is no other case. The metadata log lies on it too, and others can lead: the node
// hands over what it leads, within a second, and stops. With all disks full all nodes stop that have something to
// write, and come back with everything they acknowledged once there is room.
//
// A segment that is not as it was written is served to nobody. It is found where it is read, by recovery, and by
// looks at 2.5 MiB a second for each shard; the controller strikes the replica from ISR, ELR and lead, then the
// segment is set aside and fetched again: segment-damaged, segment-quarantined, segment-refilled. Where nobody else
// has its records it stays where it is, and they are answered with KAFKA_STORAGE_ERROR. Above the recovery point
// rot cannot be told from a torn write, there recovery cuts.
//
// Read it from the bottom: batch, log, partition, controller, node, api, server. Its API is stable.
package broker
