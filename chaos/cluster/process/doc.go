// Package process places every node of a cluster in an operating-system process of its own.
//
//	Start ─> spawner (one locked OS thread) ──fork──> node 0   own process group, own ports,
//	            │ its death kills every child         node 1   nodes/<id>/broker.log, nodes/<id>/data
//	Kill / Restart / Stop ──signals──> groups
//	reaper per process ──waits──> exit status
//
// No process outlives the harness: a node is killed by the kernel when the thread that forked it
// ends (Linux, PR_SET_PDEATHSIG), which happens however the harness dies, and the ledger names it
// for the next harness in case that did not work. No port changes during a run: clients of a
// restarted node find it where it was.
//
// On systems other than Linux the death signal does not exist, and proofs that read /proc fail.
package process
