// Package deadline keeps what is due when, for machines that look after many names at once.
//
//	Add(at, name) ──> heap ──Pop(now)──> names that are due, the earliest first
//	                   └──Next──> when to look again
//
// The deadlines of a name move all the time. Its entry stays where it is: the owner remembers the one that counts, and
// lets others pass.
package deadline
