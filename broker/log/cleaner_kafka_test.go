package log

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env/real"
)

var keyedLine = regexp.MustCompile(`(?m)^\| offset: (\d+) .* key: (\w+)(?: payload: (\w+))?`)

// Apache Kafka's own tool reads compacted segments as if they were its own: fillers, emptied batches, delete horizons,
// markers and records of all codecs; every index is right.
func TestKafkaReadsCompactedFiles(t *testing.T) {
	root := needKafka(t)
	files, err := real.New(root)
	if err != nil {
		t.Fatal(err)
	}
	l := written(t, files, 200)
	for _, commit := range []bool{true, false} {
		mustAppend(t, l, keyed("t=1 k1=2", 9, 0, true))
		mustAppend(t, l, batch.BuildMarker(9, 0, batch.Marker{Commit: commit}, 1000))
		for i := range 20 {
			mustAppend(t, l, keyed(fmt.Sprintf("k%d=7", i%7), -1, 0, false))
		}
	}
	syncLog(t, l)
	pass(t, l, 0, l.EndOffset(), 1<<20, nothing)
	var want []string
	emptied, fillers, horizons := 0, 0, 0
	for _, v := range allFrom(t, l) {
		if v.IsFiller() {
			fillers++
		} else if v.Count() == 0 {
			emptied++
		}
		if _, ok := v.DeleteHorizon(); ok {
			horizons++
		}
		if v.IsControl() {
			continue
		}
		if err := l.codecs().Entries(v, func(e batch.Entry) bool {
			want = append(want, fmt.Sprint(e.Offset, " ", string(e.Key), " ", e.Tombstone))
			return true
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var logs, indexes []string
	for _, s := range l.segments {
		logs = append(logs, filepath.Join(root, s.name))
		indexes = append(indexes, filepath.Join(root, s.offsets.name), filepath.Join(root, s.times.name))
		if len(s.aborts.entries) > 0 {
			indexes = append(indexes, filepath.Join(root, s.aborts.name))
		}
	}
	said := dumped(t, []string{"--deep-iteration", "--print-data-log"}, slices.Concat(logs, indexes)...)
	if wrong := regexp.MustCompile(`(?im)^.*(mismatch|out of order|isvalid: false|could not|exception|error).*$`).FindString(said); wrong != "" {
		t.Fatalf("the tool complains: %s", wrong)
	}
	var got []string
	for _, m := range keyedLine.FindAllStringSubmatch(said, -1) {
		got = append(got, fmt.Sprint(m[1], " ", m[2], " ", m[3] == ""))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the tool reads\n%q, want\n%q", got, want)
	}
	if n := strings.Count(said, " count: 0 "); n != emptied+fillers || emptied == 0 || fillers == 0 {
		t.Errorf("the tool reads %d batches without records, want %d fillers and %d that were emptied", n, fillers, emptied)
	}
	if n := len(regexp.MustCompile(`deleteHorizonMs: OptionalLong\[\d+\]`).FindAllString(said, -1)); n != horizons || n == 0 {
		t.Errorf("the tool reads %d delete horizons, want %d", n, horizons)
	}
	if said = dumped(t, []string{"--verify-index-only"}, indexes...); complains(said) {
		t.Errorf("the indexes are not right:\n%s", said)
	}
}
