// Package timeline is the faults of a run as data: kinds, targets, when, and which placement can do which.
//
//	scenario YAML ── plan: repetitions written out, mixes drawn ──> Timeline ──> chaos.Nemesis (processes, containers)
//	                          │                                              └──> chaos/sim     (simulated nodes)
//	                          └── Validate, ValidateRoles, ValidateGuards: what cannot be
//
//	Fault   kind, target, peers, parameters (Kinds: which kind takes which)
//	        after, hold, overlap: when; Until: the condition it waits for; Drawn: the mix it comes from
//	Guards  what may be in force at once
//	Ends    who a target is when the fault fires (Draw: the same draws on every placement)
//
// Nothing here acts. The package imports nothing of this module: a plan is made, printed and
// compared without a cluster.
package timeline
