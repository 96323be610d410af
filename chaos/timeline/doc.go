// Package timeline is the faults of a run as data: kinds, targets, when, and which placement can do which.
//
//	scenario YAML -> plan ── Timeline ──> chaos.Nemesis (processes, containers)
//	                                 └──> chaos/sim     (simulated nodes)
//
// Nothing here acts. The package imports nothing of this module: a plan is made, printed and
// compared without a cluster.
package timeline
