// Package partition is the machine of one partition's leader: log end, synced end, high watermark, and who waits for them.
//
//	Appended(end) ─┐                        ┌─> produce acknowledgements due
//	Synced(end)   ─┼─> high watermark moves ┤
//	Watch(...)    ─┘                        └─> fetch watches to wake
//
// It holds offsets and tickets, no bytes: the log is its owner's. It is pure: no clock, no lock,
// no I/O, and the same calls always give the same answers.
package partition
