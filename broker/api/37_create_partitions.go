package api

// CreatePartitions (key 37): more partitions for topics that are there. A key may have another partition from then on.
//
// Behaviour
//   - the controller decides (broker/controller); the client's next question on any connection here shows them
//   - the number is that of all partitions; not more than there are is INVALID_PARTITIONS
//   - the client may say where the replicas of the new ones go: as many for each as the topic has, one list for each
//   - each topic has its own error; validate-only decides and records nothing
//
// Versions
//   - 2 flexible
type createPartitions struct{ toController }
