package api

// Operations that a client may be authorised to, by Kafka's numbers for them (KIP-430): a set of them is a number with
// these bits.
const (
	mayRead = 1 << (iota + 3)
	mayWrite
	mayCreate
	mayDelete
	mayAlter
	mayDescribe
	mayActForCluster
	mayDescribeConfigs
	mayAlterConfigs
	mayWriteIdempotently
)

// What a client may do that asks. There are no ACLs: it may do all that can be done with the resource, as Apache Kafka
// says without an authorizer. Who does not ask is told the least number, which stands for no answer.
const (
	topicOperations   = mayRead | mayWrite | mayCreate | mayDelete | mayAlter | mayDescribe | mayDescribeConfigs | mayAlterConfigs
	groupOperations   = mayRead | mayDelete | mayDescribe | mayDescribeConfigs | mayAlterConfigs
	clusterOperations = mayCreate | mayAlter | mayDescribe | mayActForCluster | mayDescribeConfigs | mayAlterConfigs | mayWriteIdempotently
)
