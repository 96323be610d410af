// Package ci guards the shape of the project: who imports whom, which packages are pure, style, and the README's map.
//
//	every .go file ──parse──> layering   who may import whom, one table
//	                     ├──> purity     no clock, lock, goroutine, channel or I/O where decisions are made
//	                     ├──> style      package sentences, doc comments, lengths with their ratchet
//	                     └──> map        README.md lists the packages by their own first sentence
//	every text file ─────────> words     nothing left to do later, no path of somebody's machine
//	the table of what is not as in Apache Kafka ──> docs/differences.md, each entry with a test that there is
//	.ci/run, Makefile ───────> tools     what people and machines start agrees with the README
//
// All of it is `go test ./ci`: it parses files and needs neither a build nor a network, and files
// of every build tag are seen. Each rule is itself tested on a small bad source.
//
// A file or function past the limit stands in ratchet.txt with a reason and its length, which it may
// not exceed. After a change of package sentences, `go test ./ci -run Map -update` writes the map.
package ci
