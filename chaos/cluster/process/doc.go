// Package process places every node of a cluster in an operating-system process of its own.
//
//	Start ─> spawner (one locked OS thread) ──fork──> node 0   own process group, own ports,
//	            │ its death kills every child         node 1   nodes/<id>/broker.log, nodes/<id>/data
//	Kill / Restart / Stop ──signals──> groups
//	reaper per process ──waits──> exit status
//	SetDisk / SetClock / Ping / PowerLoss ──nodes/<id>/control.sock──> node
//	clients, other nodes ──Address, Peers──> link proxy ──Direct──> node      with Config.Links
//
// No process outlives the harness: a node is killed by the kernel when the thread that forked it
// ends (Linux, PR_SET_PDEATHSIG), which happens however the harness dies, and the ledger names it
// for the next harness in case that did not work. No port that others know changes during a run: clients
// of a restarted node find it where it was. With links those ports are the proxy's all the time, and a node
// whose own port was taken while it was down gets another one.
//
// On systems other than Linux the death signal does not exist, and proofs that read /proc fail.
package process
