// Package chaos executes the fault timeline of a run: faults in turn or several at once, each proved in and out.
//
//	Gate (all is whole, load held its floor) ─> Inject ─> Prove ─> hold ─> Heal ─> ProveHealed ─> next fault
//	                                              │        │               │          │
//	                                              └────────┴── Recorder ───┴──────────┘   operations of kind Fault
//
// The Nemesis is the only part that acts. What it may do is data (timeline), how it is done and
// proved stands in fault, on what in cluster; the ledger remembers it for a harness that dies.
// Targets are resolved when a fault fires, and what they turned out to be is recorded. Faults that
// overlap are in force together, each for its own hold (see group). A fault with a condition waits until
// it is true, one that was drawn from a mix until it can be proved beside those in force and breaks no
// guard; a written one that would break a guard fails. A stage that fails is recorded
// as such and ends the timeline: everything in force is healed, the last first, the faults that
// never fired make the run inconclusive, and nothing here decides a verdict.
package chaos
