package broker

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The crowd is this test program again, in a process of its own: it has descriptors of its own, and what it costs to
// be many clients is not the broker's. CROWD names what it is, its address and how many of it there are.
const crowdVariable = "LOGPROOF_TEST_CROWD"

func TestMain(m *testing.M) {
	kind, rest, _ := strings.Cut(os.Getenv(crowdVariable), " ")
	address, text, _ := strings.Cut(rest, " ")
	count, _ := strconv.Atoi(text)
	var err error
	switch kind {
	case "":
		os.Exit(m.Run())
	case "idle":
		err = crowdOfIdle(address, count)
	case "groups":
		err = crowdOfGroups(address, count)
	}
	if err != nil {
		fmt.Println("crowd:", err)
		os.Exit(1)
	}
}

// gather starts a crowd, and gives what ends it when all of it is there.
func gather(t *testing.T, kind, address string, count int) (disperse func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", crowdVariable, kind, address, count))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	disperse = sync.OnceFunc(func() {
		in.Close() // the crowd goes
		if err := cmd.Wait(); err != nil {
			t.Errorf("a crowd of %d %s: %v", count, kind, err)
		}
	})
	t.Cleanup(disperse)
	if said, err := bufio.NewReader(out).ReadString('\n'); said != "here\n" {
		t.Fatalf("a crowd of %d %s says %q, %v", count, kind, said, err)
	}
	return disperse
}

// here says that the crowd is complete, and waits until it may go.
func here() error {
	fmt.Println("here")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// crowdOfIdle is so many connections that have asked for versions and ask no more, and one that asks for more than it
// reads.
func crowdOfIdle(address string, count int) error {
	hello := wire.AppendRequest(nil, "crowd", 1, kmsg.NewPtrApiVersionsRequest())
	for range count {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		if _, err := conn.Write(hello); err != nil {
			return err
		}
		if _, err := wire.ReadResponse(conn); err != nil {
			return err
		}
	}
	slow, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	fetch := kmsg.NewPtrFetchRequest()
	fetch.SetVersion(4)
	fetch.ReplicaID, fetch.MaxBytes = -1, 50<<20
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic = "full"
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.PartitionMaxBytes = 50 << 20
	topic.Partitions = append(topic.Partitions, partition)
	fetch.Topics = append(fetch.Topics, topic)
	for range 20 {
		if _, err := slow.Write(wire.AppendRequest(nil, "slow", 1, fetch)); err != nil {
			return err
		}
	}
	if _, err := io.CopyN(io.Discard, slow, 1000); err != nil { // and no more of a gigabyte
		return err
	}
	return here()
}

// crowdOfGroups is so many groups that commit ten partitions every five seconds, as their members would.
func crowdOfGroups(address string, count int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.MaxConcurrentFetches(1))
	if err != nil {
		return err
	}
	defer client.Close()
	turn := time.NewTicker(5 * time.Second / time.Duration(count))
	defer turn.Stop()
	failed := make(chan error, 1)
	commit := func(group int) {
		if err := commitTen(client, fmt.Sprint("crowd-", group)); err != nil {
			select {
			case failed <- err:
			default:
			}
		}
	}
	for group := range count { // each once, so that all of them are there
		commit(group)
	}
	over := make(chan struct{})
	go func() {
		for group := 0; ; group = (group + 1) % count {
			select {
			case <-over:
				return
			case <-turn.C:
				go commit(group)
			}
		}
	}()
	err = here()
	close(over)
	select {
	case err := <-failed:
		return err
	default:
	}
	return err
}

// commitTen commits an offset for each of ten partitions.
func commitTen(client *kgo.Client, group string) error {
	offsets := kadm.Offsets{}
	for p := range int32(10) {
		offsets.Add(kadm.Offset{Topic: "orders", Partition: p, At: time.Now().UnixNano(), LeaderEpoch: -1})
	}
	committed, err := kadm.NewClient(client).CommitOffsets(context.Background(), group, offsets)
	if err == nil {
		err = committed.Error()
	}
	return err
}

// p99 of doing something so many times, one after the other.
func p99(t *testing.T, times int, do func() error) time.Duration {
	t.Helper()
	took := make([]time.Duration, times)
	for i := range took {
		began := time.Now()
		if err := do(); err != nil {
			t.Fatal(err)
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[times*99/100]
}

// beside compares a bystander's p99 without a crowd, with it, and without it again: a machine that is busy with
// something else is not blamed on the crowd. The best of some rounds counts.
func beside(t *testing.T, b *Broker, kind string, count int, do func() error) {
	t.Helper()
	if os.Getenv("LOGPROOF_TEST_LONG") == "" {
		t.Skip("it measures: set LOGPROOF_TEST_LONG=1, on a quiet machine")
	}
	const rounds, times = 4, 3000
	p99(t, times/10, do) // the first ones are slow
	var worst []string
	for range rounds {
		before := p99(t, times, do)
		disperse := gather(t, kind, b.Address(), count)
		with := p99(t, times, do)
		disperse()
		after := p99(t, times, do)
		load, _ := os.ReadFile("/proc/loadavg")
		t.Logf("p99 of a bystander: %v alone, %v beside %d %s, %v alone again; load average %.4s", before, with, count, kind, after, load)
		if with <= 2*max(before, after) {
			return
		}
		worst = append(worst, fmt.Sprintf("%v, not %v", with, max(before, after)))
	}
	t.Errorf("in none of %d rounds was the p99 within twice of what it is alone: %s", rounds, strings.Join(worst, "; "))
}

// Ten thousand connections that are idle, and one that does not read what it asked for, do not stall a producer.
func TestBesideIdleConnections(t *testing.T) {
	b := start(t, Config{FS: mem.New(), MaxMessageBytes: 2 << 20})
	defer b.Close()
	client := newClient(t, b, kgo.DefaultProduceTopic("orders"), kgo.AllowAutoTopicCreation(), kgo.ProducerLinger(0), kgo.ProducerBatchMaxBytes(2<<20))
	for range 60 {
		full := kgo.SliceRecord(make([]byte, 1<<20))
		full.Topic = "full"
		if err := client.ProduceSync(testContext(t), full).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	beside(t, b, "idle", 10_000, func() error {
		return client.ProduceSync(context.Background(), kgo.StringRecord("x")).FirstErr()
	})
}

// A commit beside a thousand groups of ten partitions takes no longer than on a broker with nothing to do.
func TestBesideThousandGroups(t *testing.T) {
	b := start(t, Config{FS: mem.New()})
	defer b.Close()
	client := newClient(t, b)
	if _, err := kadm.NewClient(client).CreateTopic(testContext(t), 10, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	beside(t, b, "groups", 1000, func() error { return commitTen(client, "bystander") })
}

// A crowd of each kind comes and goes, also where nothing is measured.
func TestCrowds(t *testing.T) {
	b := start(t, Config{FS: mem.New()})
	defer b.Close()
	client := newClient(t, b, kgo.AllowAutoTopicCreation())
	for topic, partitions := range map[string]int32{"orders": 10, "full": 1} {
		if _, err := kadm.NewClient(client).CreateTopic(testContext(t), partitions, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
	}
	full := kgo.SliceRecord(make([]byte, 900_000))
	full.Topic = "full"
	if err := client.ProduceSync(testContext(t), full).FirstErr(); err != nil {
		t.Fatal(err)
	}
	gather(t, "idle", b.Address(), 5)()
	gather(t, "groups", b.Address(), 3)()
	groups, err := kadm.NewClient(client).ListGroups(testContext(t))
	if err != nil || len(groups) != 3 {
		t.Errorf("%v, %v: want three groups", groups.Groups(), err)
	}
}
