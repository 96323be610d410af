// Package ledger is the harness's memory on disk of what it started, so that a later one can clean up.
//
//	run A: Open ── Add(child) ... (killed)          dir/4711-98765-1.json stays
//	run B: Heal ── harness dead? ── child the same process? ── SIGKILL its group ── remove the entry
//
// One JSON file per running harness, written to a temporary name, synced and renamed before the
// harness acts on what it describes. Processes are named by pid and start time within one boot and
// one pid namespace (see procfs): a pid that came back belongs to a stranger and is never killed.
// A group whose leader has ended is left alone for the same reason: nothing tells its members from
// strangers. The reference broker has no children of its own.
//
// What a harness makes in a system that is no child of it, as containers in an engine, is noted by a label
// before it is made, and removed by the label (see Outside and Healer).
//
// Children normally die with their harness (cluster/process asks the kernel for that); the ledger
// is for those that could not. It needs /proc, that is Linux.
package ledger
