// Package chaos executes the fault timeline of a run: one fault after the other, each proved in and out.
//
//	Gate (load held its floor) ─> Inject ─> Prove ─> hold ─> Heal ─> ProveHealed ─> next fault
//	                                 │        │               │          │
//	                                 └────────┴── Recorder ───┴──────────┘   operations of kind Fault
//
// The Nemesis is the only part that acts. What it may do is data (timeline), how it is done and
// proved stands in fault, on what in cluster; the ledger remembers it for a harness that dies. A
// stage that fails is recorded as such and ends the timeline: the faults that never fired make the
// run inconclusive, and nothing here decides a verdict.
package chaos
