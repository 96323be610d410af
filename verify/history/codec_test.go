package history

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

var testMeta = Meta{
	Version: "test", Run: 0xfedcba9876543210, Scenario: "demo", Seed: -7,
	Started: time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC),
}

// stepClock gives 1, 2, 3, ...
func stepClock() func() Time {
	now := Time(0)
	return func() Time { now++; return now }
}

// record writes entries through a Recorder and returns the file.
func record(t testing.TB, entries []Entry) []byte {
	t.Helper()
	var file bytes.Buffer
	r, err := NewRecorder(&file, testMeta, stepClock())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Operation != nil {
			r.Operation(*e.Operation)
		} else {
			r.Attempt(*e.Attempt)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// readAll reads a source to its error.
func readAll(src Source) ([]Entry, error) {
	var entries []Entry
	for {
		e, err := src.Next()
		if err != nil {
			return entries, err
		}
		entries = append(entries, e)
	}
}

// randomEntries has every kind of entry with every field set now and then, returns not decreasing.
func randomEntries(seed uint64, n int) []Entry {
	rng := rand.New(rand.NewPCG(seed, 1))
	word := func(words ...string) string { return words[rng.IntN(len(words))] }
	partition := func() Partition { return Partition{Topic: word("orders", "a", ""), Index: int32(rng.IntN(7)) - 1} }
	now := Time(1)
	entries := make([]Entry, n)
	for i := range entries {
		now += Time(rng.Int64N(1000))
		if rng.IntN(3) == 0 {
			a := Attempt{
				Process: word("producer-0", "reader-1"), Connection: rng.Int64N(9), API: int16(rng.IntN(3)) - 1,
				Version: int16(rng.IntN(13)), Correlation: rng.Int32(), Partition: partition(),
				ProducerID: rng.Int64() - rng.Int64(), ProducerEpoch: int16(rng.IntN(9)) - 1,
				BaseSequence: rng.Int32(), Count: rng.Int32N(100), Written: now - 500, Answered: now,
				Error: int16(rng.IntN(99)) - 1, BaseOffset: rng.Int64N(1 << 40),
			}
			if rng.IntN(4) == 0 {
				a.Answered, a.BaseOffset = Never, Unset
			}
			entries[i].Attempt = &a
			continue
		}
		op := Operation{
			Process: word("producer-0", "reader-1", "nemesis"), Kind: Kind(1 + rng.IntN(int(Transact))),
			Outcome: Outcome(rng.IntN(3)), Invoke: now - Time(rng.Int64N(1e9)), Return: now,
			Error: word("", "", "timed out"),
		}
		for range rng.IntN(4) {
			op.Runs = append(op.Runs, Run{
				Partition: partition(), FirstOffset: rng.Int64N(1<<50) - 1, Producer: rng.Uint32(),
				FirstSequence: rng.Int64N(1<<50) - 1, Count: 1 + rng.Int32N(5000), Chain: rng.Uint64() >> rng.IntN(65),
			})
		}
		for range rng.IntN(3) {
			if op.Kind == Fetch || op.Kind == Scan {
				high := rng.Int64N(1 << 50)
				op.Watermarks = append(op.Watermarks, Watermark{
					Partition: partition(), HighWatermark: high, LastStable: high - rng.Int64N(2)*high, LogStart: rng.Int64N(9) - 1,
					Next: []int64{Unset, high, rng.Int64N(1 << 50)}[rng.IntN(3)], LeaderEpoch: rng.Int32N(9) - 1,
				})
			}
		}
		for range rng.IntN(2) {
			op.Corrupt = append(op.Corrupt, Corrupt{Partition: partition(), Offset: rng.Int64(), Reason: word("magic", "checksum")})
		}
		if op.Kind == Fault {
			op.Fault = &FaultStage{
				Index: rng.Int32(), Fault: "kill", Target: "node 0", Stage: Stage(1 + rng.IntN(4)), Detail: word("", "gone"),
			}
		}
		if op.Kind.ofGroup() {
			op.Group = randomGroup(rng, op.Kind, now)
		}
		randomTransaction(rng, &op)
		entries[i].Operation = &op
	}
	return entries
}

// randomGroup has every field of a group part set now and then.
func randomGroup(rng *rand.Rand, kind Kind, now Time) *GroupPart {
	g := &GroupPart{
		Group: "workers", Member: fmt.Sprint("m", rng.IntN(3)), Instance: []string{"", "i0"}[rng.IntN(2)],
		Generation: rng.Int32N(9) - 1,
	}
	if kind == Own {
		g.Until = Time(rng.Int64N(2)) * (now + Time(rng.Int64N(1e9)))
	}
	for i := range rng.Int32N(4) {
		p := Position{Partition: Partition{Topic: "orders", Index: i}, Offset: rng.Int64N(1 << 50)}
		if kind == Own || kind == Resume && rng.IntN(3) == 0 {
			p.Offset = Unset
		}
		g.Positions = append(g.Positions, p)
	}
	return g
}

func TestCodecGivesBackEveryField(t *testing.T) {
	want := randomEntries(1, 5000) // several blocks
	r, err := NewReader(bytes.NewReader(record(t, want)))
	if err != nil {
		t.Fatal(err)
	}
	if r.Meta() != testMeta {
		t.Errorf("meta is %+v, want %+v", r.Meta(), testMeta)
	}
	got, err := readAll(r)
	if err != io.EOF {
		t.Fatalf("reading ended with %v, want io.EOF", err)
	}
	if len(got) != len(want) {
		t.Fatalf("read %d entries, want %d", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("entry %d is\n%+v %+v, want\n%+v %+v", i, got[i].Operation, got[i].Attempt, want[i].Operation, want[i].Attempt)
		}
	}
	if r.blocks < 3 {
		t.Errorf("the test covers %d blocks, want at least 3", r.blocks)
	}
}

// A file cut anywhere is read to its last whole block, and the reader says that it is torn.
func TestTornTailIsReadToTheLastWholeBlock(t *testing.T) {
	entries := randomEntries(2, 3000)
	file := record(t, entries)
	ends, whole := blockEnds(t, file)
	header := ends[0]
	for cut := header; cut < len(file); cut += 997 {
		r, err := NewReader(bytes.NewReader(file[:cut]))
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		got, err := readAll(r)
		var torn *TornError
		if !errors.As(err, &torn) {
			t.Fatalf("cut at %d: reading ended with %v, want a TornError", cut, err)
		}
		block := 0
		for block+1 < len(ends) && ends[block+1] <= cut {
			block++
		}
		if torn.Blocks != int64(block) || torn.Offset != int64(ends[block]) || torn.Entries != int64(whole[block]) || len(got) != whole[block] {
			t.Fatalf("cut at %d: %v and %d entries; want %d blocks, byte %d, %d entries", cut, torn, len(got), block, ends[block], whole[block])
		}
	}
	for cut := range header {
		if _, err := NewReader(bytes.NewReader(file[:cut])); err == nil {
			t.Fatalf("a file cut at byte %d inside its header was accepted", cut)
		}
	}
}

// blockEnds lists where the header and each block end, and how many entries stand before.
func blockEnds(t *testing.T, file []byte) (ends, entries []int) {
	t.Helper()
	at := headerHead + int(binary.LittleEndian.Uint32(file[len(magic)+2:])) + 4
	ends, entries = []int{at}, []int{0}
	for {
		length := int(binary.LittleEndian.Uint32(file[at:]))
		if length == 0 {
			return ends, entries
		}
		n := int(binary.LittleEndian.Uint32(file[at+4:]))
		at += blockHead + length
		ends, entries = append(ends, at), append(entries, entries[len(entries)-1]+n)
	}
}

// Any single damaged byte is noticed.
func TestDamageIsNoticed(t *testing.T) {
	entries := randomEntries(3, 60)
	file := record(t, entries)
	for at := range file {
		damaged := bytes.Clone(file)
		damaged[at] ^= 0x10
		r, err := NewReader(bytes.NewReader(damaged))
		if err != nil {
			continue
		}
		got, err := readAll(r)
		if err == io.EOF {
			t.Fatalf("byte %d of %d was changed and %d entries were read without an error", at, len(file), len(got))
		}
	}
	if r, err := NewReader(bytes.NewReader(append(bytes.Clone(file), 0))); err != nil {
		t.Error(err)
	} else if _, err := readAll(r); err == io.EOF {
		t.Error("a byte after the end mark was not noticed")
	}
}

func TestHeaderErrorsSayWhatIsWrong(t *testing.T) {
	file := record(t, nil)
	newer := bytes.Clone(file)
	newer[len(magic)] = 9
	damaged := bytes.Clone(file)
	damaged[headerHead+3] ^= 1
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"empty":   {nil, "history is empty"},
		"other":   {[]byte("PK\x03\x04 something else entirely"), "not a history"},
		"newer":   {newer, "format version 9"},
		"damaged": {damaged, "header is damaged"},
		"short":   {file[:20], "cut short"},
	} {
		if _, err := NewReader(bytes.NewReader(c.file)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want %q in it", name, err, c.want)
		}
	}
	if _, err := Open(t.TempDir() + "/history.bin"); err == nil {
		t.Error("a missing file was opened")
	}
}

// older takes out of an operation what an older version did not have. It reports whether anything is left.
func older(op *Operation, version byte) bool {
	if version < 3 && op.Kind.ofGroup() || op.Kind == Transact {
		return false
	}
	if version < 2 {
		op.Watermarks = nil
	}
	op.Isolation, op.Markers, op.Transaction = ReadUncommitted, nil, nil
	for i := range op.Runs {
		op.Runs[i].Origin, op.Runs[i].Source, op.Runs[i].Key = nil, nil, 0
	}
	return true
}

// Older files are read: version 1 is this one without watermarks, groups and transactions, version 2 without the
// last two, version 3 without transactions.
func TestOlderVersionsAreRead(t *testing.T) {
	for version := byte(oldestVersion); version < formatVersion; version++ {
		var want []Entry
		for _, e := range randomEntries(3, 200) {
			if e.Operation != nil && !older(e.Operation, version) {
				continue
			}
			want = append(want, e)
		}
		file := record(t, want)
		file[len(magic)] = version
		end := headerHead + int(binary.LittleEndian.Uint32(file[len(magic)+2:]))
		binary.LittleEndian.PutUint32(file[end:], crc32.Checksum(file[:end], castagnoli))
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readAll(r); err != io.EOF || !reflect.DeepEqual(got, want) {
			t.Errorf("version %d: %d entries and %v; want the %d that were written", version, len(got), err, len(want))
		}
	}
}

// A hundred million records take less than a gigabyte, in batches of 16 that two readers read.
func TestHundredMillionRecordsFitInAGigabyte(t *testing.T) {
	const records, batch, partitions = 320_000, 16, 6
	rng := rand.New(rand.NewPCG(4, 4))
	var file bytes.Buffer
	now := Time(1e9)
	r, err := NewRecorder(&file, testMeta, func() Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	readers := [2]RunBuilder{}
	names := [2]string{"reader-0", "reader-1"}
	var ends [partitions]int64
	for i := range records / batch {
		p := Partition{Topic: "orders", Index: int32(i % partitions)}
		first := ends[p.Index]
		ends[p.Index] += batch
		now += Time(100_000 + rng.Int64N(300_000))
		written := now - Time(1e6+rng.Int64N(2e6))
		r.Attempt(Attempt{
			Process: "producer-0", Connection: 1, Version: 11, Correlation: int32(i), Partition: p, ProducerID: 1000,
			BaseSequence: int32(first), Count: batch, Written: written, Answered: now, BaseOffset: first,
		})
		r.Operation(Operation{
			Process: "producer-0", Kind: Produce, Outcome: OK, Invoke: written - Time(rng.Int64N(2e6)),
			Runs: []Run{{Partition: p, FirstOffset: first, FirstSequence: first, Count: batch}},
		})
		for k := range readers {
			now += Time(rng.Int64N(50_000))
			for j := range int64(batch) {
				readers[k].Add(p, first+j, 0, first+j, rng.Uint64())
			}
			r.Operation(Operation{
				Process: names[k], Kind: Fetch, Outcome: OK, Invoke: now - Time(1e6+rng.Int64N(1e6)),
				Watermarks: []Watermark{{Partition: p, HighWatermark: ends[p.Index], LastStable: ends[p.Index], Next: ends[p.Index]}},
			})
			r.Operation(Operation{
				Process: names[k], Kind: Fetch, Outcome: OK, Invoke: now - Time(1e6+rng.Int64N(1e6)), Runs: readers[k].Runs(),
			})
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	perRecord := float64(file.Len()) / records
	t.Logf("%.1f bytes per batch of %d (one operation, one attempt, two reads, two answers); 100 million records: %.0f MB",
		perRecord*batch, batch, perRecord*100)
	if perRecord*1e8 >= 1e9 {
		t.Errorf("100 million records would take %.0f MB, want less than 1000", perRecord*100)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(record(f, randomEntries(5, 50)))
	f.Add(record(f, nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := NewReader(bytes.NewReader(data))
		if err != nil {
			return
		}
		if _, err := readAll(r); err == nil {
			t.Fatal("reading ended without an error")
		}
	})
}

// FuzzBlock gets past the checksum: the payload itself is damaged.
func FuzzBlock(f *testing.F) {
	file := record(f, randomEntries(6, 50))
	header := headerHead + int(binary.LittleEndian.Uint32(file[len(magic)+2:])) + 4
	f.Add(file[header+blockHead:len(file)-blockHead], uint32(50))
	f.Fuzz(func(t *testing.T, payload []byte, entries uint32) {
		if len(payload) == 0 {
			return // that is an end mark
		}
		block := append(make([]byte, blockHead), payload...)
		sealBlock(block, entries)
		r, err := NewReader(bytes.NewReader(append(bytes.Clone(file[:header]), block...)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := readAll(r)
		if !isTorn(err) {
			t.Fatalf("reading ended with %v, want a TornError", err)
		}
		for _, e := range got {
			if e.Operation != nil {
				if err := e.Operation.check(); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
