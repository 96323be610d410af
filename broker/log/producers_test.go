package log

import (
	"slices"
	"testing"

	"github.com/logproof/logproof/broker/env/mem"
)

// What is remembered of producers is the same after a crash, from the batches alone.
func TestProducers(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, Config{})
	mustAppend(t, l, made(9, 0, 2, 500, 0))
	mustAppend(t, l, sent(7, 2, 0, 3))
	mustAppend(t, l, made(9, 2, 3, 400, 0))
	mustAppend(t, l, made(-1, -1, 1, 900, 0))
	mustAppend(t, l, sent(7, 3, 0, 1))
	want := l.Producers()
	if len(want) != 2 || want[0] != (Producer{ID: 7, Epoch: 3, LastSequence: 0, CurrentTxnStart: -1, CoordinatorEpoch: -1}) || want[1].ID != 9 || want[1].LastSequence != 4 || want[1].LastTimestamp < 400 || want[1].LastTimestamp >= 500 {
		t.Errorf("%+v", want)
	}
	syncLog(t, l)
	again, _ := mustOpen(t, killed(files), Config{})
	if got := again.Producers(); !slices.Equal(got, want) {
		t.Errorf("after a crash: %+v, want %+v", got, want)
	}
}
