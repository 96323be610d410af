// Package chaos executes the fault timeline of a run: faults in turn or several at once, each proved in and out.
//
//	Gate (all is whole, load held its floor) ─> Inject ─> Prove ─> hold ─> Heal ─> ProveHealed ─> next fault
//	                                              │        │               │          │
//	                                              └────────┴── Recorder ───┴──────────┘   operations of kind Fault
//
// The Nemesis is the only part that acts. What it may do is data (timeline), how it is done and
// proved stands in fault, on what in cluster; the ledger remembers it for a harness that dies.
// Targets are resolved when a fault fires, and what they turned out to be is recorded. Faults that
// overlap are in force together, each for its own hold (see group). A stage that fails is recorded
// as such and ends the timeline: everything in force is healed, the last first, the faults that
// never fired make the run inconclusive, and nothing here decides a verdict.
package chaos
