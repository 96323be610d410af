// Package cluster is what chaos needs to know of a running cluster, and the capabilities it may have.
//
//	Cluster (addresses, readiness)
//	  + Killer + Pauser         optional, found by type assertion; one fault needs one or two
//	  + Terminator + Wiper      a node is stopped in order; its disk is lost
//	  + Replicated              when its replicas are in sync again
//	  + Locator                 who is leader, follower, controller: for targets that name a role
//	  + Linker                  every directed link between nodes and clients on its own
//	process/                    the implementations, one folder per placement
package cluster
