// Package batch sees a record batch of format v2 through its 61-byte header, and leaves its records alone.
//
//	 0        8        12       16  17    21          23                27
//	┌────────┬────────┬────────┬───┬─────┬───────────┬─────────────────┬──
//	│ base   │ length │ leader │ 2 │ crc │ attributes│ last offset     │
//	│ offset │        │ epoch  │   │     │           │ delta           │
//	└────────┴────────┴────────┴───┴─────┴───────────┴─────────────────┴──
//	 27          35         43        51       53        57      61
//	──┬──────────┬──────────┬─────────┬────────┬─────────┬───────┬─────────
//	  │ base     │ max      │ producer│ epoch  │ base    │ count │ records
//	  │ timestamp│ timestamp│ id      │        │ sequence│       │
//	──┴──────────┴──────────┴─────────┴────────┴─────────┴───────┴─────────
//
// The checksum covers everything from the attributes on. What a leader changes (base offset, leader
// epoch) stands before it, so an append costs no second pass over the bytes (KIP-98). All numbers
// are big-endian.
//
// The package is pure. Builder and Records serve the metadata log and tests; batches of clients are not taken
// apart. Lengths, numbers and timestamps of their records are passed over once (ValidateClient): compressed ones as a
// Codecs decompresses them, with at most a window of them in memory, and never more than ExpandedMax.
package batch
