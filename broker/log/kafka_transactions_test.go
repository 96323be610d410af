package log

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env/real"
)

// Apache Kafka's own tool reads markers and the indexes of aborted transactions: whose they are, how each ended and by
// which coordinator, and every field of every entry.
func TestKafkaReadsTransactions(t *testing.T) {
	if os.Getenv(longEnv) == "" {
		t.Skipf("SKIPPED: a run of a Java tool: set %s=1", longEnv)
	}
	if _, err := os.Stat(filepath.Join(kafkaFolder, "complete")); err != nil {
		t.Skipf("SKIPPED: Apache Kafka is not here, that it reads our transactions is NOT proved: run make kafka (%v)", err)
	}
	root := t.TempDir()
	files, err := real.New(root)
	if err != nil {
		t.Fatal(err)
	}
	l, _ := mustOpen(t, files, Config{SegmentBytes: 4000})
	wild(t, seeded(3), l, 300)
	if err := l.TruncateTo(l.EndOffset() * 3 / 4); err != nil {
		t.Fatal(err)
	}
	wild(t, seeded(4), l, 100)
	batches := readAll(t, l, 1<<20)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var logs, indexes []string
	var wantMarkers, wantEntries []string
	for _, s := range l.segments {
		logs = append(logs, filepath.Join(root, s.name))
		if len(s.aborts.entries) > 0 {
			indexes = append(indexes, filepath.Join(root, s.aborts.name))
		}
		for _, a := range s.aborts.entries {
			wantEntries = append(wantEntries, fmt.Sprint(a.ProducerID, a.First, a.Last, a.LastStable))
		}
	}
	for _, v := range batches {
		if v.IsControl() {
			m, err := batch.ReadMarker(v)
			if err != nil {
				t.Fatal(err)
			}
			kind := map[bool]string{false: "ABORT", true: "COMMIT"}[m.Commit]
			wantMarkers = append(wantMarkers, fmt.Sprintln(v.ProducerID(), v.ProducerEpoch(), v.BaseOffset(), kind, m.CoordinatorEpoch))
		}
	}
	if len(indexes) < 3 || len(wantMarkers) < 50 {
		t.Fatalf("%d indexes, %d markers", len(indexes), len(wantMarkers))
	}
	said := dumped(t, []string{"--deep-iteration"}, slices.Concat(logs, indexes)...)
	if complains(said) {
		t.Errorf("the tool complains:\n%s", said)
	}
	var markers, entries []string
	for _, m := range markerLine.FindAllStringSubmatch(said, -1) {
		markers = append(markers, fmt.Sprintln(m[1], m[2], m[3], m[4], m[5]))
	}
	for _, m := range abortedLine.FindAllStringSubmatch(said, -1) {
		entries = append(entries, strings.Join(m[1:], " "))
	}
	if !slices.Equal(markers, wantMarkers) || !slices.Equal(entries, wantEntries) {
		t.Errorf("markers %q\nwant %q\nentries %q\nwant %q\n%s", markers, wantMarkers, entries, wantEntries, said[:min(len(said), 4000)])
	}
}

var (
	markerLine  = regexp.MustCompile(`producerId: (\d+) producerEpoch: (\d+) .*isControl: true .*\n\| offset: (\d+) .*endTxnMarker: (\w+) coordinatorEpoch: (\d+)`)
	abortedLine = regexp.MustCompile(`(?m)^version: 0 producerId: (\d+) firstOffset: (\d+) lastOffset: (\d+) lastStableOffset: (\d+)`)
)
