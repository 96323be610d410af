package history

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"
)

var orders = Partition{Topic: "orders"}

// read gives offsets to a builder, the sequence being the offset, and returns the runs.
func read(b *RunBuilder, offsets ...int64) []Run {
	for _, o := range offsets {
		b.Add(orders, o, 0, o, mix(uint64(o)))
	}
	return b.Runs()
}

// offsets from, from+1, ... to-1.
func offsets(from, to int64) []int64 {
	var list []int64
	for o := from; o < to; o++ {
		list = append(list, o)
	}
	return list
}

func TestRunsBreakWhereConsecutionEnds(t *testing.T) {
	var b RunBuilder
	other := Partition{Topic: "orders", Index: 1}
	b.Add(orders, 0, 0, 0, 1)
	b.Add(orders, 1, 0, 1, 1) // goes on
	b.Add(orders, 3, 0, 2, 1) // offset
	b.Add(orders, 4, 0, 4, 1) // sequence
	b.Add(orders, 5, 1, 5, 1) // producer
	b.Add(other, 6, 1, 6, 1)  // partition
	b.Add(orders, ChainBlock-1, 1, 7, 1)
	b.Add(orders, ChainBlock, 1, 8, 1) // block
	got := b.Runs()
	wantCounts := []int32{2, 1, 1, 1, 1, 1, 1}
	if len(got) != len(wantCounts) {
		t.Fatalf("got %d runs %+v, want %d", len(got), got, len(wantCounts))
	}
	for i, run := range got {
		if run.Count != wantCounts[i] {
			t.Errorf("run %d has %d records, want %d: %+v", i, run.Count, wantCounts[i], run)
		}
	}
	if rest := b.Runs(); len(rest) != 0 {
		t.Errorf("a second call gives %+v, want nothing", rest)
	}
}

// Two readers have the same chain at the same offset however their polls were cut.
func TestChainsDoNotDependOnPolls(t *testing.T) {
	var whole RunBuilder
	want := read(&whole, offsets(0, 3*ChainBlock)...)
	rng := rand.New(rand.NewPCG(1, 1))
	var cut RunBuilder
	chains := map[int64]uint64{}
	for from := int64(0); from < 3*ChainBlock; {
		to := min(from+1+rng.Int64N(500), 3*ChainBlock)
		for _, run := range read(&cut, offsets(from, to)...) {
			chains[run.FirstOffset+int64(run.Count)-1] = run.Chain
		}
		from = to
	}
	if len(want) != 3 {
		t.Fatalf("three blocks in one poll give %d runs, want 3", len(want))
	}
	for _, run := range want {
		end := run.FirstOffset + int64(run.Count) - 1
		if run.Chain == 0 || chains[end] != run.Chain {
			t.Errorf("chain at offset %d is %x in one poll and %x in many", end, run.Chain, chains[end])
		}
	}
}

// What a chain says about joining late, jumps and steps back.
func TestChainIsOnlyGivenForWhatWasSeen(t *testing.T) {
	var straight RunBuilder
	want := read(&straight, offsets(0, 10)...)[0].Chain
	second := read(&straight, offsets(10, ChainBlock+10)...)
	last := second[len(second)-1].Chain

	var late RunBuilder
	if runs := read(&late, offsets(5, 10)...); runs[0].Chain != 0 {
		t.Error("a reader that joined inside the block has a chain")
	}
	if runs := read(&late, offsets(ChainBlock, ChainBlock+10)...); runs[0].Chain != last {
		t.Error("a reader that joined late has no or another chain in the next block")
	}
	var jump RunBuilder
	runs := read(&jump, 0, 1, 2, 3, 4, 6, 7, 8, 9)
	if chain := runs[len(runs)-1].Chain; chain == 0 || chain == want {
		t.Errorf("a reader that was not given offset 5 has chain %x, want one that differs from %x and 0", chain, want)
	}
	var back RunBuilder
	runs = read(&back, 0, 1, 2, 1, 2, 3)
	if chain := runs[len(runs)-1].Chain; chain != 0 {
		t.Errorf("a reader that stepped back has chain %x, want none", chain)
	}
	if runs = read(&back, offsets(0, 10)...); runs[0].Chain != want {
		t.Error("a reader that began the block anew has no or another chain")
	}
	var over RunBuilder
	read(&over, offsets(0, ChainBlock-1)...)
	if runs = read(&over, ChainBlock+1); runs[0].Chain == 0 {
		t.Error("a gap over the start of a block took the chain away, although nothing of the block was missed")
	}
}

func TestHashRecordTellsRecordsApart(t *testing.T) {
	seen := map[uint64]string{}
	add := func(name string, key, value []byte) {
		h := HashRecord(key, value)
		if other, ok := seen[h]; ok {
			t.Errorf("%s and %s have the same hash", name, other)
		}
		seen[h] = name
	}
	value := bytes.Repeat([]byte("payload "), 32)
	add("plain", nil, value)
	add("key ab value c", []byte("ab"), []byte("c"))
	add("key a value bc", []byte("a"), []byte("bc"))
	for i := range value {
		for bit := range 8 {
			flipped := bytes.Clone(value)
			flipped[i] ^= 1 << bit
			add("flipped", nil, flipped)
		}
	}
	if HashRecord(nil, value) != HashRecord([]byte{}, bytes.Clone(value)) {
		t.Error("equal records have different hashes")
	}
}

func TestAppendRunJoinsWhatContinues(t *testing.T) {
	var runs []Run
	for _, r := range []struct{ offset, sequence int64 }{{5, 0}, {6, 1}, {Unset, 2}, {Unset, 3}, {9, 4}, {10, 6}} {
		runs = AppendRun(runs, orders, r.offset, 1, r.sequence)
	}
	want := []Run{
		{Partition: orders, FirstOffset: 5, Producer: 1, FirstSequence: 0, Count: 2},
		{Partition: orders, FirstOffset: Unset, Producer: 1, FirstSequence: 2, Count: 2},
		{Partition: orders, FirstOffset: 9, Producer: 1, FirstSequence: 4, Count: 1},
		{Partition: orders, FirstOffset: 10, Producer: 1, FirstSequence: 6, Count: 1},
	}
	if !reflect.DeepEqual(runs, want) {
		t.Errorf("got %+v, want %+v", runs, want)
	}
}

func BenchmarkHashRecord(b *testing.B) {
	value := make([]byte, 1024)
	b.SetBytes(int64(len(value)))
	for b.Loop() {
		HashRecord(nil, value)
	}
}

func BenchmarkRunBuilder(b *testing.B) {
	var builder RunBuilder
	offset := int64(0)
	for b.Loop() {
		builder.Add(orders, offset, 0, offset, uint64(offset))
		if offset++; offset%1000 == 0 {
			builder.Runs()
		}
	}
}

// A reader that was away from a partition has no chain until the next block begins.
func TestForgottenChainsBeginAnewWithTheNextBlock(t *testing.T) {
	var b RunBuilder
	b.Forget(orders) // nothing to forget
	b.Add(orders, 0, 0, 0, 1)
	if run := b.Runs()[0]; run.Chain == 0 {
		t.Fatal("the first record of a block has no chain")
	}
	b.Forget(orders)
	b.Add(orders, 5, 0, 5, 1)
	b.Add(orders, ChainBlock, 0, ChainBlock, 1)
	runs := b.Runs()
	if len(runs) != 2 || runs[0].Chain != 0 || runs[1].Chain == 0 {
		t.Errorf("runs %+v: want none with a chain before the next block", runs)
	}
}
