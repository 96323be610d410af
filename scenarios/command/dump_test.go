package command

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env/real"
	"github.com/logproof/logproof/broker/log"
)

// transactionDir makes the directory of a partition with transactions that were committed, aborted, and left open.
func transactionDir(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	files, err := real.New(root)
	if err != nil {
		t.Fatal(err)
	}
	l, _, err := log.Open(files, "orders-0", log.Config{})
	if err != nil {
		t.Fatal(err)
	}
	data := func(id int64) batch.View {
		var b batch.Builder
		b.Producer(id, 2, 0)
		b.Transactional()
		b.Add(nil, []byte("v"), 1000)
		return b.Build()
	}
	marker := func(id int64, commit bool) batch.View {
		return batch.BuildMarker(id, 3, batch.Marker{Commit: commit, CoordinatorEpoch: 9}, 1000)
	}
	for _, v := range []batch.View{data(5), data(6), marker(6, true), marker(5, false), data(7)} {
		if _, err := l.Append(v, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "orders-0")
}

// Transactions show: whose batches they are, how each ended, and what was aborted.
func TestDumpOfTransactions(t *testing.T) {
	t.Parallel()
	dir := transactionDir(t)
	out := want(t, ExitPass, "", "dump", dir)
	for _, says := range []string{
		"5 epoch 2 sequence 0..0 transactional", "6 epoch 3 commit, coordinator epoch 9", "5 epoch 3 abort, coordinator epoch 9",
		"producer 5 offsets 0 to 3, last stable offset 4",
	} {
		if !strings.Contains(out, says) {
			t.Errorf("the dump does not say %q:\n%s", says, out)
		}
	}
	index := filepath.Join(dir, "00000000000000000000.txnindex")
	sound, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	for says, at := range map[string]int{
		"has version 1": 1, "aborts a transaction of producer 4": 9, "is of offsets 9 to 3": 17, "no marker has offset": 25, "stable to 260": 32,
	} {
		spoilt := bytes.Clone(sound)
		if spoilt[at] ^= 1; at == 17 || at == 25 { // first and last offset
			spoilt[at] = 9
		}
		if err := os.WriteFile(index, spoilt, 0o644); err != nil {
			t.Fatal(err)
		}
		if out := want(t, ExitFail, "DAMAGED", "dump", dir); !strings.Contains(out, says) {
			t.Errorf("it does not say %q:\n%s", says, out)
		}
	}
	twice := append(bytes.Clone(sound), sound...)
	if err := os.WriteFile(index, twice, 0o644); err != nil {
		t.Fatal(err)
	}
	if out := want(t, ExitFail, "DAMAGED", "dump", dir); !strings.Contains(out, "does not come after the one of 3") {
		t.Errorf("an entry that comes twice:\n%s", out)
	}
}

// partitionDir makes the directory of a partition that was closed in order: two epochs, several segments,
// indexes with entries.
func partitionDir(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	files, err := real.New(root)
	if err != nil {
		t.Fatal(err)
	}
	l, _, err := log.Open(files, "orders-0", log.Config{SegmentBytes: 4000, IndexIntervalBytes: 500})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		var b batch.Builder
		for n := range 3 {
			b.Add(fmt.Appendf(nil, "key %d", i), bytes.Repeat([]byte{byte('a' + n)}, 60), int64(1_000_000+10*i+n))
		}
		if _, err := l.Append(b.Build(), int32(i/25)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "orders-0")
}

func TestDumpOfASoundDirectory(t *testing.T) {
	t.Parallel()
	dir := partitionDir(t)
	out := want(t, ExitPass, "", "dump", dir)
	for _, says := range []string{"epoch 0 begins at offset 0", "epoch 1 begins at offset 75", "117..119", "1970-01-01T00:16:40.002Z"} {
		if !strings.Contains(out, says) {
			t.Errorf("the dump does not say %q:\n%s", says, out)
		}
	}
	if n := strings.Count(out, " entries\n"); n < 7 {
		t.Errorf("%d files with entries, want the indexes of several segments and the epochs:\n%s", n, out)
	}
	if out := want(t, ExitPass, "", "dump", dir, "-r"); strings.Count(out, `key "key `) != 120 {
		t.Errorf("not every record is printed:\n%s", out)
	}
}

// Each way to damage a file is found, and the exit code says so.
func TestDumpFindsDamage(t *testing.T) {
	t.Parallel()
	const first = "00000000000000000000"
	for name, c := range map[string]struct {
		file   string
		damage func([]byte) []byte
		says   string
	}{
		"checksum":         {first + ".log", func(b []byte) []byte { b[80] ^= 1; return b }, "corrupt record batch"},
		"torn end":         {first + ".log", func(b []byte) []byte { return b[:len(b)-5] }, "torn write"},
		"torn header":      {first + ".log", func(b []byte) []byte { return append(b, 1, 2, 3) }, "less than the header"},
		"nonsense":         {first + ".log", func(b []byte) []byte { return append(b, bytes.Repeat([]byte{7}, 100)...) }, "what is behind cannot be told"},
		"offsets fall":     {first + ".log", func(b []byte) []byte { b[7] = 9; return b }, "begins at offset 3, and the log before it ends at"},
		"epochs fall":      {first + ".log", func(b []byte) []byte { b[15] = 5; return b }, "is of leader epoch 0, and the one before it of 5"},
		"index position":   {first + ".index", func(b []byte) []byte { b[7]++; return b }, "no batch begins at"},
		"index offset":     {first + ".index", func(b []byte) []byte { b[3]++; return b }, "ends with offset"},
		"index order":      {first + ".index", func(b []byte) []byte { return append(b, b[:8]...) }, "does not come after"},
		"index torn":       {first + ".index", func(b []byte) []byte { return b[:len(b)-3] }, "not a whole number"},
		"time of a batch":  {first + ".timeindex", func(b []byte) []byte { b[7]++; return b }, "the newest timestamp of the batch"},
		"time of no batch": {first + ".timeindex", func(b []byte) []byte { b[10] = 9; return b }, "no batch has offset"},
		"epoch":            {epochsName, func(b []byte) []byte { return bytes.Replace(b, []byte("1 75"), []byte("1 78"), 1) }, "offset 75 is of leader epoch 1, and by this file of 0"},
		"epoch count":      {epochsName, func(b []byte) []byte { return bytes.Replace(b, []byte("\n2\n"), []byte("\n3\n"), 1) }, "says that it has 3 entries"},
		"epoch text":       {epochsName, func(b []byte) []byte { return bytes.Replace(b, []byte("1 75"), []byte("1 x"), 1) }, "is not an epoch"},
		"epoch order":      {epochsName, func(b []byte) []byte { return bytes.Replace(b, []byte("1 75"), []byte("0 75"), 1) }, "does not come after"},
		"epoch version":    {epochsName, func(b []byte) []byte { return append([]byte("1"), b...) }, "version 0"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := partitionDir(t)
			path := filepath.Join(dir, c.file)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, c.damage(content), 0o644); err != nil {
				t.Fatal(err)
			}
			if out := want(t, ExitFail, "DAMAGED", "dump", dir); !strings.Contains(out, c.says) {
				t.Errorf("it does not say %q:\n%s", c.says, out)
			}
		})
	}
}

// Zeros at the end of an index, as Apache Kafka leaves them in the active segment, are no entries.
func TestDumpOfAPreallocatedIndex(t *testing.T) {
	t.Parallel()
	dir := partitionDir(t)
	before := want(t, ExitPass, "", "dump", dir)
	for _, name := range []string{"00000000000000000000.index", "00000000000000000000.timeindex"} {
		path := filepath.Join(dir, name)
		content, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, append(content, make([]byte, 240)...), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if after := want(t, ExitPass, "", "dump", dir); after != before {
		t.Errorf("zeros change the dump:\n%s", after)
	}
}

func TestDumpUsage(t *testing.T) {
	t.Parallel()
	want(t, ExitUsage, "no such file", "dump", "./missing.log")
	want(t, ExitUsage, "is no directory of a partition", "dump", t.TempDir())
	other := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(other, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	want(t, ExitUsage, "is not that of a file of a partition", "dump", other)
	want(t, ExitUsage, "requires at least 1 arg", "dump")
}
