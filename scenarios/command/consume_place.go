package command

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// place in a log, the same in every partition: from where to read, or to where a group is put.
type place struct {
	kind placeKind
	// number is the offset, or how many records before the end.
	number int64
	// when counts if kind is placeTime.
	when time.Time
}

type placeKind uint8

const (
	placeStart placeKind = iota
	placeEnd
	placeOffset
	placeLast
	placeTime
)

var theEnd = place{kind: placeEnd}

// parsePlace reads what people type: start, end, 42, -10, 2026-01-02T15:04:05Z, 90m.
func parsePlace(text string) (place, error) {
	switch text {
	case "start", "earliest":
		return place{}, nil
	case "end", "latest":
		return theEnd, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n < 0 {
			return place{kind: placeLast, number: -n}, nil
		}
		return place{kind: placeOffset, number: n}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02"} {
		if at, err := time.Parse(layout, text); err == nil {
			return place{kind: placeTime, when: at}, nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return place{kind: placeTime, when: time.Now().Add(-ago)}, nil
	}
	return place{}, errors.New("write start, end, an offset, -N for the last N, a time such as 2026-01-02T15:04:05Z (UTC where it does not say), or a duration such as 1h")
}

// offsets are where the place is in each of some partitions now. Between the log's start and its end there is
// always one: an offset beyond them is moved to them, a time after all records is the end.
func (p place) offsets(ctx context.Context, adm *kadm.Client, of kadm.TopicsSet) (kadm.Offsets, error) {
	starts, err := (place{}).offsetsOf(ctx, adm, of, false)
	if err != nil {
		return nil, err
	}
	ends, err := theEnd.offsetsOf(ctx, adm, of, false)
	if err != nil {
		return nil, err
	}
	at := kadm.Offsets{}
	switch p.kind {
	case placeStart:
		return starts, nil
	case placeEnd:
		return ends, nil
	case placeTime:
		if at, err = p.offsetsOf(ctx, adm, of, false); err != nil {
			return nil, err
		}
	}
	for topic, partitions := range of {
		for partition := range partitions {
			start, _ := starts.Lookup(topic, partition)
			end, _ := ends.Lookup(topic, partition)
			wanted := p.number
			switch p.kind {
			case placeLast:
				wanted = end.At - p.number
			case placeTime:
				o, _ := at.Lookup(topic, partition)
				wanted = o.At
			}
			at.AddOffset(topic, partition, min(max(wanted, start.At), end.At), -1)
		}
	}
	return at, nil
}

// offsetsOf asks the cluster for a start, an end (the last stable offset if committed, else the high watermark)
// or a time.
func (p place) offsetsOf(ctx context.Context, adm *kadm.Client, of kadm.TopicsSet, committed bool) (kadm.Offsets, error) {
	ask := adm.ListStartOffsets
	switch {
	case p.kind == placeTime:
		ask = func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
			return adm.ListOffsetsAfterMilli(ctx, p.when.UnixMilli(), topics...)
		}
	case p.kind == placeEnd && committed:
		ask = adm.ListCommittedOffsets
	case p.kind == placeEnd:
		ask = adm.ListEndOffsets
	}
	listed, err := insist(ctx, func() (kadm.ListedOffsets, error) { return offsetsOrError(ask(ctx, of.Topics()...)) })
	if err != nil {
		return nil, refused(err, "", "ask for offsets")
	}
	found := kadm.Offsets{}
	for topic, partitions := range of {
		for partition := range partitions {
			o, ok := listed.Lookup(topic, partition)
			if !ok {
				return nil, environment(fmt.Errorf("ask for offsets: no answer about %s/%d", topic, partition))
			}
			found.AddOffset(topic, partition, o.Offset, -1)
		}
	}
	return found, nil
}
