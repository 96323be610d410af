package partition

// Epochs is what a log knows of the leader epochs of its records.
type Epochs interface {
	// LatestEpoch is the last leader epoch that the log has seen, -1 if there is none. A leader's own
	// counts from the beginning of its term, records or not.
	LatestEpoch() int32
	// EndOffsetForEpoch gives the largest epoch in the log that is not above the one asked, and the
	// offset after its last record; found is -1 if there is none (KIP-101, KIP-279).
	EndOffsetForEpoch(epoch int32) (found int32, end int64)
	// StartOffset is the offset of the first record that is kept.
	StartOffset() int64
}

// RecordEpochs is what a log knows of single records.
type RecordEpochs interface {
	// EpochForOffset is the leader epoch of the record at an offset, -1 if it is not in the log.
	EpochForOffset(offset int64) int32
}

// DivergingEpoch tells a follower that its log left the leader's: of Epoch and older ones, the leader
// has nothing from End on (KIP-595).
type DivergingEpoch struct {
	Epoch int32
	End   int64
}

// Diverging compares the log of a reader with the leader's: lastFetchedEpoch is the epoch of the
// reader's record before fetchOffset, -1 if it has none or does not say. It reports false if both logs
// are the same up to fetchOffset; a reader of a diverging log must get no records and must not count
// as having any.
func Diverging(cache Epochs, lastFetchedEpoch int32, fetchOffset int64) (DivergingEpoch, bool) {
	if lastFetchedEpoch < 0 {
		return DivergingEpoch{}, false
	}
	found, end := endOf(cache, lastFetchedEpoch)
	if found < 0 {
		// All the leader keeps is younger: below its log start nothing can be compared, or needs to be.
		found = lastFetchedEpoch
	}
	return DivergingEpoch{Epoch: found, End: end}, found < lastFetchedEpoch || end < fetchOffset
}

// endOf is EndOffsetForEpoch with answers where caches may have none: of an epoch above the latest
// nothing is there beyond the log end, and what is older than the log ends where the log starts.
func endOf(cache Epochs, epoch int32) (found int32, end int64) {
	if latest := cache.LatestEpoch(); latest >= 0 {
		found, end = cache.EndOffsetForEpoch(min(epoch, latest))
		if found >= 0 {
			return found, end
		}
	}
	return -1, cache.StartOffset()
}
