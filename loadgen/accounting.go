package loadgen

import (
	"errors"
	"fmt"
	"strings"
)

// Accounting says where every record went. It is final after StopLoad and StopReaders.
type Accounting struct {
	// Intended by the schedule until the load was stopped; Dropped of them because they were too late
	// or still unsent at the end; Sent is the rest.
	Intended, Dropped, Sent uint64
	// Acked, Failed (certainly not written) and Unknown are the fates of what was sent.
	Acked, Failed, Unknown uint64
	// Aborted is the fate of what was sent in transactions that were not committed.
	Aborted uint64
	// Readers, and last the scan if there was one.
	Readers []ReaderAccount
	// Groups of consumers.
	Groups []GroupAccount
}

// ReaderAccount says what one reader got of the load; barriers are apart.
type ReaderAccount struct {
	Process string
	// Live readers read during the load and measure end-to-end latency; the scan does not.
	Live                        bool
	Received, Unique, Duplicate uint64
	Barriers                    uint64
	// Measured and Negative are the unique records whose end-to-end latency was recorded, and those
	// that would have been received before they were due; both 0 for the scan.
	Measured, Negative uint64
}

// Identity checks intended = sent + dropped, sent = acked + aborted + failed + unknown, and for each reader
// received = unique + duplicate, and for each group polled = processed + barriers + abandoned and
// processed = unique + reprocessed. An error means that the generator lost count, so that none of its
// numbers can be trusted; it says nothing about the cluster.
func (a Accounting) Identity() error {
	var errs []error
	if a.Intended != a.Sent+a.Dropped {
		errs = append(errs, fmt.Errorf("intended %d is not sent %d + dropped %d", a.Intended, a.Sent, a.Dropped))
	}
	if a.Sent != a.Acked+a.Aborted+a.Failed+a.Unknown {
		errs = append(errs, fmt.Errorf("sent %d is not acked %d + aborted %d + failed %d + unknown %d", a.Sent, a.Acked, a.Aborted, a.Failed, a.Unknown))
	}
	for _, r := range a.Readers {
		if r.Received != r.Unique+r.Duplicate {
			errs = append(errs, fmt.Errorf("%s: received %d is not unique %d + duplicate %d", r.Process, r.Received, r.Unique, r.Duplicate))
		}
	}
	for _, g := range a.Groups {
		if g.Polled != g.Processed+g.Barriers+g.Abandoned {
			errs = append(errs, fmt.Errorf("group %s: polled %d is not processed %d + barriers %d + abandoned %d", g.Name, g.Polled, g.Processed, g.Barriers, g.Abandoned))
		}
		if g.Processed != g.Unique+g.Reprocessed {
			errs = append(errs, fmt.Errorf("group %s: processed %d is not unique %d + reprocessed %d", g.Name, g.Processed, g.Unique, g.Reprocessed))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("the generator lost count of its records: %w", err)
	}
	return nil
}

// String prints the equations, one per line.
func (a Accounting) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "intended %d = sent %d + dropped %d\n", a.Intended, a.Sent, a.Dropped)
	fmt.Fprintf(&b, "sent %d = acked %d + ", a.Sent, a.Acked)
	if a.Aborted > 0 {
		fmt.Fprintf(&b, "aborted %d + ", a.Aborted)
	}
	fmt.Fprintf(&b, "failed %d + unknown %d\n", a.Failed, a.Unknown)
	for _, r := range a.Readers {
		fmt.Fprintf(&b, "%s: received %d = unique %d + duplicate %d\n", r.Process, r.Received, r.Unique, r.Duplicate)
	}
	for _, g := range a.Groups {
		fmt.Fprintf(&b, "group %s: polled %d = processed %d + barriers %d + abandoned %d\n", g.Name, g.Polled, g.Processed, g.Barriers, g.Abandoned)
		fmt.Fprintf(&b, "group %s: processed %d = unique %d + reprocessed %d; skipped %d; %d crashes\n", g.Name, g.Processed, g.Unique, g.Reprocessed, g.Skipped, g.Crashes)
	}
	return b.String()
}
