// Package catalog declares every metric of logproof: name, type, unit, labels and what it means.
//
//	catalog.BrokerRequests ──> broker/server makes a prometheus counter of it and keeps the handle
//	                      ├──> panels, alerts and recording rules name it
//	                      └──> the documentation prints it
//
// One file per box: broker.go, load.go, chaos.go, verify.go. Nothing here counts anything, and the
// package imports nothing of this module, so every box may import it. A metric that is not declared
// here does not exist.
package catalog
