package linearize

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// appendsInFlight is how many appends are under way at once where the rule is compared with porcupine.
const appendsInFlight = 8

// promised is an append of one record as both are asked about it.
type promised struct {
	client         int
	call, returned int64
	offset         int64
}

// appends gives n of them in order of return: each takes effect somewhere between its call and its return.
func appends(n int) []promised {
	rng := rand.New(rand.NewPCG(3, 9))
	waiting := make([]promised, appendsInFlight)
	now := int64(0)
	for c := range waiting {
		waiting[c] = promised{client: c, call: now, offset: -1}
	}
	list := make([]promised, 0, n)
	for offset := int64(0); len(list) < n; {
		now++
		c := rng.IntN(appendsInFlight)
		if w := &waiting[c]; w.offset < 0 {
			w.offset = offset
			offset++
			continue
		}
		waiting[c].returned = now
		list = append(list, waiting[c])
		now++
		waiting[c] = promised{client: c, call: now, offset: -1}
	}
	return renumbered(list)
}

// renumbered closes the gaps that appends leave which were not answered.
func renumbered(list []promised) []promised {
	known := map[int64]bool{}
	for _, a := range list {
		known[a.offset] = true
	}
	place, next := map[int64]int64{}, int64(0)
	for offset := int64(0); len(place) < len(known); offset++ {
		if known[offset] {
			place[offset] = next
			next++
		}
	}
	for i := range list {
		list[i].offset = place[list[i].offset]
	}
	return list
}

// ruled asks the rule append-order, whether an order was broken.
func ruled(list []promised) bool {
	engine := verify.New(verify.Expect{Rules: []verify.Rule{verify.AppendOrder}})
	op := history.Operation{Kind: history.Produce, Outcome: history.OK, Runs: make([]history.Run, 1)}
	var names [appendsInFlight]string
	var sequences [appendsInFlight]int64
	for c := range names {
		names[c] = fmt.Sprintf("producer-%d", c)
	}
	for _, a := range list {
		op.Process, op.Invoke, op.Return = names[a.client], history.Time(a.call), history.Time(a.returned)
		op.Runs[0] = history.Run{Partition: orders, FirstOffset: a.offset, Producer: uint32(a.client), FirstSequence: sequences[a.client], Count: 1}
		sequences[a.client]++
		engine.Observe(history.Entry{Operation: &op})
	}
	engine.End(io.EOF)
	for _, r := range engine.Report().Rules {
		if r.Rule == verify.AppendOrder {
			return r.Total == 0
		}
	}
	panic("append-order was not asked")
}

// porcupined asks porcupine the same about the whole history at once: an append is legal where the log ends.
func porcupined(list []promised) bool {
	model := porcupine.Model{
		Init: func() any { return int64(0) },
		Step: func(state, input, _ any) (bool, any) {
			end := state.(int64)
			return input.(int64) == end, end + 1
		},
	}
	operations := make([]porcupine.Operation, len(list))
	for i, a := range list {
		operations[i] = porcupine.Operation{ClientId: a.client, Input: a.offset, Call: a.call, Return: a.returned}
	}
	return porcupine.CheckOperations(model, operations)
}

// The rule decides exactly and in time that grows with the history, where a search of the whole history grows with
// its square. LOGPROOF_TEST_LONG=1 prints the whole table.
func TestAppendsBesidePorcupine(t *testing.T) {
	sizes, most := []int{1_000, 5_000, 1_000_000}, 5_000
	if os.Getenv("LOGPROOF_TEST_LONG") != "" {
		sizes, most = []int{1_000, 10_000, 50_000, 100_000, 1_000_000}, 100_000
	}
	t.Logf("%10s %16s %16s", "appends", "append-order", "porcupine")
	for _, n := range sizes {
		list := appends(n)
		rule := timed(t, n, list, ruled)
		search := "-"
		if n <= most {
			search = timed(t, n, list, porcupined).String()
		}
		t.Logf("%10d %16s %16s", n, rule, search)
	}
}

// timed asks about a history, and about one in which two appends that did not overlap have each other's place.
func timed(t *testing.T, n int, list []promised, ask func([]promised) bool) time.Duration {
	t.Helper()
	began := time.Now()
	if !ask(list) {
		t.Errorf("%d appends in order are refused", n)
	}
	took := time.Since(began)
	wrong := append([]promised(nil), list[:1_000]...)
	first, last := &wrong[100], &wrong[800]
	first.offset, last.offset = last.offset, first.offset
	if ask(renumbered(wrong)) {
		t.Errorf("%d appends of which two are in the wrong order are taken", n)
	}
	return took.Round(10 * time.Microsecond)
}
