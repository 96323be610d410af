package clean

// Policy says when a log is cleaned; times are in milliseconds.
type Policy struct {
	// MinDirtyRatio of a log must be dirty (min.cleanable.dirty.ratio).
	MinDirtyRatio float64
	// MinLag is how old a record is at least when it is cleaned (min.compaction.lag.ms, KIP-58), MaxLag how long one
	// may stay uncleaned whatever the ratio (max.compaction.lag.ms, KIP-354).
	MinLag, MaxLag int64
	// DeleteRetention is how long tombstones and markers stay after they have been met (delete.retention.ms).
	DeleteRetention int64
}

// Extent is a sealed segment, as far as the decision goes by it. Timestamps are in milliseconds since 1970, -1 if
// there is none.
type Extent struct {
	Base, End, Size int64
	// First is a timestamp of its first batch, Youngest the largest of all.
	First, Youngest int64
}

// Need says what there is to be cleaned.
type Need struct {
	// From and To are where the dirty part begins and ends that may be cleaned; there is nothing if they are equal.
	From, To int64
	// Ratio of the dirty bytes to all below To.
	Ratio float64
	// Overdue is how many milliseconds something is dirty longer than it may be, 0 if nothing is.
	Overdue int64
	// Due is set if the log is to be cleaned now.
	Due bool
}

// Judge says what is to be cleaned of a log: of its sealed segments, in order, those that lie wholly below bound, which
// is neither above the high watermark nor above the last stable offset. clean is where the last cleaning ended; now is
// the wall clock.
func Judge(sealed []Extent, clean, bound, now int64, p Policy) Need {
	if len(sealed) == 0 {
		return Need{}
	}
	from := max(clean, sealed[0].Base)
	n := Need{From: from, To: from}
	cleanBytes, dirtyBytes, earliest := int64(0), int64(0), int64(-1)
	for _, s := range sealed {
		if s.End <= from {
			cleanBytes += s.Size
			continue
		}
		if s.End > bound || p.MinLag > 0 && s.Youngest > now-p.MinLag {
			break
		}
		if n.To = s.End; s.First >= 0 && (earliest < 0 || s.First < earliest) {
			earliest = s.First
		}
		dirtyBytes += s.Size
	}
	if n.To == n.From {
		return n
	}
	n.Ratio = float64(dirtyBytes) / float64(cleanBytes+dirtyBytes)
	if lag := max(p.MaxLag, p.MinLag); earliest >= 0 && now-earliest > lag {
		n.Overdue = now - earliest - lag
	}
	n.Due = n.Overdue > 0 || n.Ratio > p.MinDirtyRatio
	return n
}

// Before reports whether a log is to be cleaned before another: what is overdue for longest, then what is dirtier.
func (n Need) Before(other Need) bool {
	if n.Overdue != other.Overdue {
		return n.Overdue > other.Overdue
	}
	return n.Ratio > other.Ratio
}
