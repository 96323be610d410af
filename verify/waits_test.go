package verify

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/logproof/logproof/verify/history"
)

// naive finds the long waits of one partition by their definition, looking at all operations at once.
func naive(ops []*history.Operation) (writes, reads []wait) {
	var success, delivery history.Time
	var acked, read int64
	since, begunWrites, begunReads := history.Never, false, false
	for _, op := range ops {
		end := op.Runs[0].FirstOffset + int64(op.Runs[0].Count)
		switch {
		case op.Kind == history.Produce && op.Outcome == history.OK:
			if begunWrites {
				asked := history.Never // of all that return after the last success
				for _, other := range ops[indexAfter(ops, success):] {
					if other.Kind == history.Produce {
						asked = min(asked, max(success, other.Invoke))
					}
				}
				if op.Return > asked {
					writes = append(writes, wait{success, asked, op.Return})
				}
			}
			begunWrites, success = true, op.Return
			if acked = max(acked, end); acked > read && since == history.Never {
				since = op.Return
			}
		case op.Kind == history.Fetch:
			if begunReads && since < op.Return {
				reads = append(reads, wait{delivery, since, op.Return})
			}
			begunReads, delivery, since = true, op.Return, history.Never
			if read = max(read, end); acked > read {
				since = op.Return
			}
		}
	}
	long := func(w wait) bool { return w.took() <= outageMin }
	return slices.DeleteFunc(writes, long), slices.DeleteFunc(reads, long)
}

// indexAfter is the first operation that returned after a time.
func indexAfter(ops []*history.Operation, at history.Time) int {
	i := slices.IndexFunc(ops, func(op *history.Operation) bool { return op.Return > at })
	if i < 0 {
		return len(ops)
	}
	return i
}

// Random loads with pauses: what is found as operations come is what the definition says of all of them.
func TestWaitsAreThoseOfTheDefinition(t *testing.T) {
	place := history.Partition{Topic: "orders"}
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var ops []*history.Operation
		var acked, read int64
		at := history.Time(0)
		for range 300 {
			at += 1 + history.Time(rng.Int64N(int64(20*ms)))
			if rng.IntN(25) == 0 {
				at += history.Time(rng.Int64N(int64(400 * ms)))
			}
			op := &history.Operation{Kind: history.Produce, Outcome: history.OK, Invoke: max(0, at-history.Time(rng.Int64N(int64(300*ms)))), Return: at,
				Runs: []history.Run{{Partition: place, FirstOffset: acked, Count: 1}}}
			switch {
			case rng.IntN(3) == 0 && read <= acked:
				op.Kind, op.Runs[0].FirstOffset = history.Fetch, read // it may be there before its acknowledgement
				read++
			case rng.IntN(8) == 0:
				op.Outcome, op.Runs[0].FirstOffset = history.Unknown, history.Unset
			default:
				acked++
			}
			ops = append(ops, op)
		}
		o := newOutages(&faults{})
		for _, op := range ops {
			o.observe(op)
		}
		writes, reads := naive(ops)
		for kind, c := range map[string][2][]wait{
			"writes": {o.of(place).writes.whole(history.Never).pauses, writes}, "reads": {o.of(place).reads.whole(history.Never).pauses, reads},
		} {
			if fmt.Sprint(c[0]) != fmt.Sprint(c[1]) {
				t.Fatalf("seed %d: long waits of %s are\n%v\nwant\n%v", seed, kind, waitsOf(c[0]), waitsOf(c[1]))
			}
		}
		if len(writes) == 0 || len(reads) == 0 {
			t.Fatalf("seed %d has no long waits: %v, %v", seed, writes, reads)
		}
	}
}

func waitsOf(list []wait) (text []string) {
	for _, w := range list {
		text = append(text, fmt.Sprintf("%v..%v", time.Duration(w.since), time.Duration(w.to)))
	}
	return text
}
