// Package partition is the machine of one replica: leader or follower, ISR, high watermark, truncation, and who waits for them.
//
//	Appended, Synced ────────┐            ┌─> bool: the high watermark moved, or acknowledgements are due
//	Fetched(follower, now) ──┤            ├─> Due, Refused     acknowledgements, each handed out once
//	Tick(now) ───────────────┼─> Leader ──┼─> Proposal         an AlterPartition for the controller
//	Answered(proposal) ──────┤            ├─> Behind           followers to tell of the high watermark
//	MetadataChanged(state) ──┘            └─> Admit, LatestOffset  what may be asked of it now
//
//	Appended, Synced ────────┐
//	LeaderSaid(watermark) ───┼─> Follower ──> Fetch            where to read on
//	Diverged(epoch, end) ────┘            └─> Truncation       what does not belong to the leader's log
//
// It holds offsets and tickets, no bytes: the log is its owner's, who makes a new machine for every
// leader epoch. It is pure: no clock, no lock, no I/O, and the same calls always give the same answers.
//
// # Rules
//
// The high watermark is the minimum of safe ends over the maximal ISR: the committed one, and the one
// that was proposed as long as the controller's answer is not known, because the controller may elect
// any of them. It moves only while the committed ISR has min.insync.replicas members (KIP-966). Safe
// is what is synced with flush: commit, else what is in the log; a follower says it with its fetch
// offset, which therefore never passes its synced end.
//
// A new leader knows a high watermark that may be too old, but no record of an older term that was
// committed is missing in its log. So the offset where its epoch starts stands for the high watermark
// where a too old one would do harm: a follower joins the ISR only from there on, and latest offsets
// are not answered until the high watermark has come there (KIP-207).
//
// What does not match the leader's log goes by comparing epochs, never by the high watermark
// (KIP-101, KIP-279, KIP-320, KIP-595).
//
// testdata holds the rules as stories of a small cluster: commands, and what the machines did.
package partition
