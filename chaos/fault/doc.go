// Package fault breaks a cluster on purpose, one file per kind, and proves that it did.
//
//	Inject ──> Prove ── hold ── Heal ──> ProveHealed
//	   │         │                │           │
//	 acts     looks another     acts     looks another way
//	            way
//
// A proof never asks the part that acted: kill is injected by a signal and proved by /proc and by
// a refused connection, pause by /proc and by a request that is taken and not answered, a link by the
// same question over it and past it, a disk by what the node noted of the system's errors. A fault that
// was not proved makes the run inconclusive, so that no verdict rests on a fault that did not happen.
package fault
