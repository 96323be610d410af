package log

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/real"
)

const (
	longEnv = "LOGPROOF_TEST_LONG"
	// kafkaFolder is where `make kafka` puts Apache Kafka, seen from here.
	kafkaFolder = "../../kafka"
)

// dumped is what Apache Kafka's DumpLogSegments says of some files.
func dumped(t *testing.T, options []string, files ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	args := []string{"-XX:TieredStopAtLevel=1", "-Xmx256M", "-Dlog4j2.level=ERROR", "-cp", filepath.Join(kafkaFolder, "libs", "*"), "org.apache.kafka.tools.DumpLogSegments"}
	said, err := exec.CommandContext(ctx, "java", append(append(args, options...), "--files", strings.Join(files, ","))...).CombinedOutput()
	if err != nil {
		t.Fatalf("DumpLogSegments: %v\n%s", err, said)
	}
	return string(said)
}

// needKafka skips a test where Apache Kafka is not there, and gives it a directory.
func needKafka(t *testing.T) string {
	t.Helper()
	if os.Getenv(longEnv) == "" {
		t.Skipf("SKIPPED: runs of a Java tool: set %s=1", longEnv)
	}
	if _, err := os.Stat(filepath.Join(kafkaFolder, "complete")); err != nil {
		t.Skipf("SKIPPED: Apache Kafka is not here, that it reads our files is NOT proved: run make kafka (%v)", err)
	}
	return t.TempDir()
}

// Apache Kafka's own tool reads the log, the index and the time index as if they were its own: every batch of every
// codec, the same offsets, epochs, checksums and records, and no index entry that is not right. The log has been
// through all that a log goes through.
func TestKafkaReadsTheFiles(t *testing.T) {
	root := needKafka(t)
	files, err := real.New(root)
	if err != nil {
		t.Fatal(err)
	}
	l := lived(t, files)
	want := allFrom(t, l)
	epochs := slices.Clone(l.epochs.starts)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var logs, indexes, times []string
	for _, s := range l.segments {
		logs = append(logs, filepath.Join(root, s.name))
		indexes = append(indexes, filepath.Join(root, s.offsets.name))
		times = append(times, filepath.Join(root, s.times.name))
	}
	said := dumped(t, []string{"--deep-iteration", "--print-data-log"}, slices.Concat(logs, indexes, times)...)
	sameAsDumped(t, said, want)
	content := content(t, files, epochsFile)
	if first := fmt.Sprintf("0\n%d\n%d %d\n", len(epochs), epochs[0].epoch, epochs[0].offset); !strings.HasPrefix(string(content), first) {
		t.Errorf("%s is %q, want Kafka's text, which begins with %q", epochsFile, content, first)
	}
	said = dumped(t, []string{"--index-sanity-check"}, append(indexes, times...)...)
	if n := strings.Count(said, "passed sanity check"); n != len(indexes)+len(times) {
		t.Errorf("%d of %d indexes pass the sanity check:\n%s", n, len(indexes)+len(times), said)
	}
	if said = dumped(t, []string{"--verify-index-only"}, append(indexes, times...)...); complains(said) {
		t.Errorf("the indexes are not right:\n%s", said)
	}
	// The tool does find what is wrong.
	b, err := os.ReadFile(indexes[0])
	if err != nil || len(b) < 2*offsetEntryBytes {
		t.Fatal(err, len(b))
	}
	b[3]++ // the offset of the first entry
	if err := os.WriteFile(indexes[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	if said = dumped(t, []string{"--verify-index-only"}, indexes[0]); !complains(said) {
		t.Errorf("an entry has another offset, and the tool says nothing:\n%s", said)
	}
}

// complains reports whether the tool found anything wrong.
func complains(said string) bool {
	return regexp.MustCompile(`(?i)mismatch|out of order|isvalid: false|could not|exception|error|non-secutive`).MatchString(said)
}

var (
	batchLine  = regexp.MustCompile(`(?m)^baseOffset: (\d+) lastOffset: (\d+) count: (\d+) .* partitionLeaderEpoch: (\d+) .* position: (\d+) (\w+): (\d+) size: (\d+) magic: 2 compresscodec: (\w+) crc: (\d+) isvalid: true`)
	recordLine = regexp.MustCompile(`(?m)^\| offset: (\d+) .* payload: (producer -?\d+ record \d+) `)
)

// sameAsDumped compares what the tool read with what was written: every batch, and every record by its text.
func sameAsDumped(t *testing.T, said string, want []batch.View) {
	t.Helper()
	if complains(said) {
		t.Fatalf("the tool complains: %s", regexp.MustCompile(`(?im)^.*(mismatch|out of order|isvalid: false|could not|exception|error).*$`).FindString(said))
	}
	var batches, records, wantRecords []string
	for _, m := range batchLine.FindAllStringSubmatch(said, -1) {
		batches = append(batches, strings.Join(append(m[1:5:5], m[6:]...), " "))
	}
	for _, m := range recordLine.FindAllStringSubmatch(said, -1) {
		records = append(records, m[1]+" "+m[2])
	}
	var wantBatches []string
	var c batch.Codecs
	types := map[batch.TimestampType]string{batch.CreateTime: "CreateTime", batch.LogAppendTime: "LogAppendTime"}
	for _, v := range want {
		name := strings.Replace(v.Codec().String(), "uncompressed", "none", 1)
		wantBatches = append(wantBatches, fmt.Sprint(v.BaseOffset(), v.LastOffset(), v.Count(), v.LeaderEpoch(), " ", types[v.TimestampType()], " ", v.MaxTimestamp(), v.Length(), " ", name, " ", v.CRC()))
		plain, err := c.Recompress(v, batch.Uncompressed, 0)
		if err != nil {
			t.Fatal(err)
		}
		all, err := batch.Records(plain)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			text, _, _ := strings.Cut(string(r.Value), "\x00")
			wantRecords = append(wantRecords, fmt.Sprint(r.Offset, " ", strings.TrimSpace(text)))
		}
	}
	// The first segment begins before the log start: the tool reads files, not logs.
	if n := len(batches) - len(wantBatches); n < 0 || !slices.Equal(batches[n:], wantBatches) {
		t.Errorf("the tool reads %d batches that are not the %d that were written:\n%q\n%q", len(batches), len(wantBatches), batches[:2], wantBatches[:2])
	}
	if n := len(records) - len(wantRecords); n < 0 || len(wantRecords) < 200 || !slices.Equal(records[n:], wantRecords) {
		t.Errorf("the tool reads %d records that are not the %d that were written:\n%q\n%q", len(records), len(wantRecords), records[:2], wantRecords[:2])
	}
}

// lived is a log with all codecs, both types of timestamps, idempotent producers, several segments and epochs, after
// truncations, retention, deletions and a crash.
func lived(t *testing.T, files env.FS) *Log {
	t.Helper()
	cfg := Config{SegmentBytes: 6000, IndexIntervalBytes: 300}
	l, _ := mustOpen(t, files, cfg)
	append := func(n int, epoch int32) {
		for i := range n {
			v := made(int64(i%3)-1, int32(i), 1+i%5, 1_700_000_000_000+l.EndOffset()*10, 100+i%200)
			v, err := l.codecs().Recompress(v, batch.Codec(i%5), batch.DefaultLevel)
			if err != nil {
				t.Fatal(err)
			}
			if i%11 == 0 {
				v.SetTimestamps(batch.LogAppendTime, 1_700_000_000_000+l.EndOffset()*10)
			}
			if _, err := l.Append(v, epoch); err != nil {
				t.Fatal(err)
			}
		}
		syncLog(t, l)
	}
	append(100, 1)
	append(50, 4)
	if err := l.TruncateTo(l.EndOffset() - 60); err != nil {
		t.Fatal(err)
	}
	append(60, 5)
	if _, err := l.Retain(Retention{-1, l.Size() - 7000}, 0, l.EndOffset()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.RaiseStart(l.StartOffset() + 7); err != nil {
		t.Fatal(err)
	}
	if err := l.BeginEpoch(7); err != nil {
		t.Fatal(err)
	}
	l.releaseAll() // the process is killed
	l, _ = mustOpen(t, files, cfg)
	append(40, 8)
	return l
}
