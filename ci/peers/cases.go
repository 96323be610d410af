package main

// load is what the client sends in one case.
type load struct {
	name string
	// recordBytes is the size of a record's value, batchBytes the most that a batch may take.
	recordBytes, batchBytes int
	// synced adds a broker that syncs before each acknowledgement, replicated one of three processes.
	synced, replicated bool
}

// Every case runs with one topic of six partitions, acks=all, idempotent, no compression.
const partitions = 6

var loads = []load{
	{"1 KB in 1 MiB batches", 1000, 1 << 20, true, true},
	{"1 KB in 16 KiB batches", 1000, 16 << 10, false, true},
	{"100 B in 1 MiB batches", 100, 1 << 20, false, false},
}

// Floors: ours may not fall below these. They keep the shape fast, they are no goal.
const (
	floorPeer   = 0.8   // of kfake's rate, produce and consume
	floorSync   = 0.3   // of our own page-cache rate, with a sync before each acknowledgement
	floorThree  = 0.25  // of our own rate on one replica, with three of them in as many processes
	idleMax     = 30e6  // bytes resident after start
	startMax    = 0.100 // seconds from start of the process to the first answer
	startRounds = 5
)
