package txn

import (
	"context"
	"encoding/json"
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
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kafkaFolder is where `make kafka` puts Apache Kafka, seen from here.
const kafkaFolder = "../../kafka"

// record of a log, as Apache Kafka's tool prints it.
var decodedLine = regexp.MustCompile(`key: (.*) payload: (.*)\n`)

// Apache Kafka's own tool reads the records of transactional ids: every state, partitions, a rolled producer id, and a
// tombstone.
func TestKafkaReadsTheRecords(t *testing.T) {
	if os.Getenv("LOGPROOF_TEST_LONG") == "" {
		t.Skip("SKIPPED: runs of a Java tool: set LOGPROOF_TEST_LONG=1")
	}
	if _, err := os.Stat(filepath.Join(kafkaFolder, "complete")); err != nil {
		t.Skipf("SKIPPED: Apache Kafka is not here, that it reads our records is NOT proved: run make kafka (%v)", err)
	}
	d := newDesk(t, nil)
	d.init(nil)
	d.add(0, 2, 0)
	d.end(0, true, nil)
	d.m.ids["t"].epoch = lastEpoch
	d.add(lastEpoch, 1)
	d.end(lastEpoch, false, nil)
	d.addOf(200, 0, VersionOne, 1)
	d.end(0, true, func(r *kmsg.EndTxnRequest) { r.SetVersion(4); r.ProducerID = 200 })
	d.pass(DefaultExpiration)
	d.m.Expire(d.now)
	d.settle()
	var b batch.Builder
	for _, r := range d.log {
		b.Add(r.Key, r.Value, r.Timestamp)
	}
	v := b.Build()
	v.Assign(0, 3)
	file := filepath.Join(t.TempDir(), "00000000000000000000.log")
	if err := os.WriteFile(file, v, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	said, err := exec.CommandContext(ctx, "java", "-XX:TieredStopAtLevel=1", "-Xmx256M", "-Dlog4j2.level=ERROR", "-cp", filepath.Join(kafkaFolder, "libs", "*"),
		"org.apache.kafka.tools.DumpLogSegments", "--transaction-log-decoder", "--files", file).CombinedOutput()
	if err != nil {
		t.Fatalf("DumpLogSegments: %v\n%s", err, said)
	}
	var got []string
	for _, m := range decodedLine.FindAllStringSubmatch(string(said), -1) {
		if m[1] != `{"type":"0","data":{"transactionalId":"t"}}` {
			t.Errorf("a key is read as %s", m[1])
		}
		got = append(got, decoded(t, m[2]))
	}
	want := []string{
		"0 of 100/0 [] roll -1 to -1, version 0", "1 of 100/0 [orders:0,2] roll -1 to -1, version 2",
		"2 of 100/1 [orders:0,2] roll -1 to -1, version 2", "4 of 100/1 [] roll -1 to -1, version 2",
		"1 of 100/32766 [orders:1] roll -1 to -1, version 2", "3 of 100/32767 [orders:1] roll -1 to 200, version 2",
		"5 of 200/0 [] roll 100 to -1, version 2",
		"1 of 200/0 [orders:1] roll 100 to -1, version 1", "2 of 200/0 [orders:1] roll 100 to -1, version 1", "4 of 200/0 [] roll 100 to -1, version 1",
		"<DELETE>",
	}
	if !slices.Equal(got, want) {
		t.Errorf("read\n\t%s\nwant\n\t%s\nof\n%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"), said)
	}
}

// decoded is a payload as the tool prints it, in a line.
func decoded(t *testing.T, payload string) string {
	if payload == "<DELETE>" {
		return payload
	}
	var v struct {
		Version string
		Data    struct {
			ProducerID            int64 `json:"producerId"`
			Epoch                 int16 `json:"producerEpoch"`
			Status                int   `json:"transactionStatus"`
			TransactionPartitions []struct {
				Topic        string
				PartitionIDs []int32 `json:"partitionIds"`
			}
			Previous *int64 `json:"previousProducerId"`
			Next     *int64 `json:"nextProducerId"`
			Client   int16  `json:"clientTransactionVersion"`
		}
	}
	if err := json.Unmarshal([]byte(payload), &v); err != nil || v.Version != "1" {
		t.Fatalf("%s: version %s, %v", payload, v.Version, err)
	}
	known := func(id *int64) int64 {
		if id == nil {
			return noProducer
		}
		return *id
	}
	var partitions []string
	for _, p := range v.Data.TransactionPartitions {
		partitions = append(partitions, p.Topic+":"+strings.ReplaceAll(strings.Trim(fmt.Sprint(p.PartitionIDs), "[]"), " ", ","))
	}
	return fmt.Sprintf("%d of %d/%d %v roll %d to %d, version %d", v.Data.Status, v.Data.ProducerID, v.Data.Epoch, partitions, known(v.Data.Previous), known(v.Data.Next), v.Data.Client)
}
