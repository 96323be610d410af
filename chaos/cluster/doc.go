// Package cluster is what chaos needs to know of a running cluster, and the capabilities it may have.
//
//	Cluster (addresses, readiness)
//	  + Killer + Pauser         optional, found by type assertion; one fault needs one or two
//	  + Locator                 who is leader, follower, controller: for targets that name a role
//	process/                    the implementations, one folder per placement
package cluster
