// Package main runs the tools and tests of others, unmodified, against a cluster of reference brokers, and says what failed.
//
//	referees ──starts──> logproof cluster up -n 3      real processes, replication factor 3
//	         ──runs────> kgo     franz-go's own test suite, of the version in go.mod
//	         ──runs────> kcat    librdkafka 2.0.2, as Debian has it
//	         ──runs────> java    Apache Kafka's console tools
//	         <──results── pass, fail, skip; a reason for every fail and skip; a table for the README
//
// Whoever wrote the broker also wrote its tests: what both got wrong in the same way, they do not show. These
// referees were written by others, for other brokers. With --chaos the suite of kgo runs while a broker is
// killed every five seconds.
//
// It is a module of its own, so that it pins the version of the tests and adds nothing to logproof. It runs on
// Linux: the kernel ends the cluster with it. Exit codes are 0, 1 if something failed, 2 for usage, 3 if a suite
// could not be run, 75 if all passed that could be had here, and 130.
package main
