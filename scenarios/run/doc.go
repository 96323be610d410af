// Package run is the conductor: it executes a plan and leaves a run directory.
//
//	Plan ─> cluster up ─> warm-up ─> timeline ─> cool-down ─> converge ─> barriers ─> scan
//	           │             └──── load, readers and nemesis write one history ────┘     │
//	           └─> nodes/<id>/                                                           v
//	                          history.bin, read back ─> verify ─> verdict.json, summary.md, ...
//
// What the nodes noted of themselves (nodes/<id>/events.jsonl, placed on the history's clock by clock.json)
// says what each outage was spent on, and when which ISR was not full, which budgets of recovery ask for.
//
// Phases are gated by conditions, never slept. A phase that fails ends the run early but not
// silently: what was recorded is judged all the same, and the verdict cannot be pass.
package run
