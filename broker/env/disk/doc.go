// Package disk is a wrapper of any env.FS that behaves badly by rules.
//
//	node ── env.FS ──▶ disk (sync-delay=5ms,lose-unsynced,space=64MiB,sync-error=3) ── env.FS ──▶ real or mem
//
//	             sync-delay       each Sync and SyncDir takes at least that long
//	             sync-error=N     the Nth Sync and every later one of that file fail with EIO
//	             sync-error=now   every Sync fails once: what it was to cover is lost, the next says all is well
//	             write-delay      each write takes at least that long
//	             write-error=now  every write fails with EIO
//	             space            a write past the limit stops short with ENOSPC
//	             lose-unsynced    WriteAt ─▶ 4 KiB pages in this process ── Sync ──▶ the file below
//
// All rules but lose-unsynced may change while the disk is used (SetRules). Rot changes a bit of a file
// below; PowerLoss ends everything, and draws what is left of the layers below.
//
// With lose-unsynced a process that is killed loses what it did not sync, as a machine does in a power cut,
// without a machine to switch off:
//
//	ReadAt ─▶ open layer ─▶ sealed layers ─▶ file below        the first that has the page answers
//	           writes,        one per Sync                     cuts hide what lies under them
//	           cuts           under way
//
// A Sync seals the open layer, so that it covers what was written before the call and nothing later,
// waits for its delay, writes the sealed layers down, oldest first, and syncs the file below. Only the
// sealing takes the lock of the file: writes and reads go on meanwhile, into and out of the next layer.
// A layer leaves memory when its bytes are synced below; when that fails it stays, and the next Sync
// writes it again.
//
// The layers belong to the file, not to a handle: all handles of a file share them, they follow it through
// Rename, and they outlive Close for as long as the process lives. Close does not write them down, just
// as closing a file does not sync it: a clean shutdown syncs first, or it loses data as a crash does.
//
// What is never synced stays in memory: a broker that leaves syncing to the kernel needs memory for all it
// writes.
//
// Directory entries (Create, Rename, Remove, MkdirAll) go through at once and survive the process: a missing
// SyncDir shows in env/mem, whose Crash loses entries too. Rules see the calls made through this FS
// only, so the files below belong to it for as long as it is used.
package disk
