// Package cluster is what chaos needs to know of a running cluster, and the capabilities it may have.
//
//	Cluster (addresses, readiness)
//	  + Killer + Pauser         optional, found by type assertion; one fault needs one or two
//	  + Terminator + Wiper      a node is stopped in order; its disk is lost
//	  + Disconnecter            its network is taken away
//	  + DiskController          its disk fills, fails, dawdles, rots, or loses its power
//	  + ClockSetter             its clock is off
//	  + Linker, LinkHolder      what flows between two ends is cut, delayed, changed: see Link and LinkRule
//	  + Transferrer             leaders change places
//	  + Reassigner              replicas change places
//	  + ClientCrasher           clients of the load die
//	  + Direct + Pinger         for proofs: a node is asked past its links, and asks over one of them
//	  + Metered + TopicMaker    for proofs: what a node shows, and something that changes
//	  + Replicated              when its replicas are in sync again
//	  + Locator                 who is leader, follower, controller: for targets that name a role
//	process/                    the implementations, one folder per placement
package cluster
