// Package doctor tells which faults this machine can do, and why not the others.
//
//	/proc, signals, ports, descriptors, sockets, an engine ──> Findings ─┐
//	timeline.Kinds: placements, capabilities ─────────────────┴─> Abilities {kind, placement, reason}
//
// It tries what a run would need, on processes and files of its own, and leaves nothing behind.
package doctor
