// Package mem is env.FS in memory, with a power switch.
//
//	            written                  synced
//	WriteAt ──▶ pages ──── File.Sync ──▶ kept pages ──┐
//	Create  ──▶ entries ── SyncDir ────▶ kept entries ┴── Crash ──▶ a new FS
//
// The FS keeps two states: what callers see, and what is on stable storage. Crash cuts the power:
// it returns a second FS made of the stable state, plus, by the given draw, some of what was not synced.
// Files and directory entries need their own sync, so all of these are gone or undone after a crash:
//
//	a file that was created, when its directory was not synced      no such file
//	a file that was synced, when its directory was not synced       no such file
//	a file whose entry was synced and whose data was not            an empty file
//	a directory, when the directory above it was not synced         gone with everything in it
//	a rename, when the directory was not synced                     the old name
//	a removal, when the directory was not synced                    the file is back
//	a truncation, when the file was not synced                      the old size and the old bytes
//
// File systems in use keep more than that; code that survives this one survives them.
//
// Data is kept in pages of 4 KiB, shared by both states until one of them changes, so an append costs
// its own bytes and a Sync the pages changed since the last.
package mem
