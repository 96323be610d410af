// Package scenarios holds the scenario files, embedded so that they work after `go install`.
//
//	demo.yaml        the first run: one broker killed under load
//	bug-*.yaml       the smallest scenario that catches each planted bug of the reference broker
//
// spec reads a file, plan turns it into what will be done, run does it, report shows it.
package scenarios
