// Package main runs kfake and the reference broker side by side under the same client, and holds the ratios to their floors.
//
//	peers ──starts──> logproof broker --flush none ─┐   one at a time, taking turns,
//	      ──starts──> peers kfake --dir D           ─┤   fresh process and files each time
//	      <──rates── franz-go: produce, then consume ┘
//
// kfake is the pure-Go broker that people use in tests today; it runs with files and without sync,
// as ours does here: both leave durability to the page cache. The client is most of the work in
// every row, so a ratio near one says that the broker is not in the way, not that brokers are equal.
// Rates are of one machine in one minute: the ratio of two neighbours in time means more than either.
//
// It is a module of its own, so that kfake never becomes a dependency of logproof. It runs on
// Linux: it reads /proc and lets the kernel end its children with it.
package main
