package cluster

// Voting can tell which nodes vote about the metadata of the cluster, up or down, ascending: for the target
// quorum. A node may be a broker too.
type Voting interface {
	Voters() []int32
}
