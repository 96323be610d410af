// Package linearize is a second opinion on a history: windows of it are judged by porcupine.
//
//	              survey           outline             collect             search
//	history ─> what there is, ─> which offsets ─> appends, reads and ─> porcupine: ok, illegal
//	  read     where to look     a window has     answers cut down      or unknown, and a picture
//	 3 times                                      to those offsets          │
//	                                                                        v
//	                        verify.Report, what the rules found ──> do both agree?
//
// Porcupine is a checker of linearizability that shares nothing with the rules of package verify. A partition
// is modelled as its log end, the chained hash of the records below it, and its log start. An
// append is legal where the log ends at its offset; a read where the log has reached the read's end, and where
// what was read and what was appended both have the hash that the final scan gives to those offsets. Hashes
// are over the identities of records (producer and sequence), not over their bytes. A fetch that brings
// nothing is not modelled: a new leader's high watermark may be behind (KIP-207), and recency judges that.
//
// A window is a set of offsets, not of times: if a log is linearizable then so is what remains of it when
// some offsets are left out everywhere, so a window can never be illegal because of how it was cut. Appends
// whose outcome or offset is unknown are settled by the final scan before the search: as long as they are
// open they are what makes the search exponential. A search is bounded by its steps, not by time, so that a
// busy machine gives the same answer; one that was given up is unknown, and unknown is never a pass.
//
// Where to look: around anomalies first, then around faults, elections and outages, then at windows drawn
// by the seed. Where porcupine and the rules disagree, one of them is wrong: that is a bug of logproof, and
// is said as such. That a leader told a high watermark above everything that had been appended is seen by
// porcupine only.
package linearize
