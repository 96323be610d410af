// Package scenarios holds the scenario files, embedded so that they work after `go install`.
//
//	demo.yaml            the first run: three brokers, a leader killed under load
//	n-minus-1-of-*.yaml  all replicas but one killed, in every order
//	bug-*.yaml           the smallest scenario that catches a planted bug of the reference broker
//
// spec reads a file, plan turns it into what will be done, run does it, report shows it.
package scenarios
