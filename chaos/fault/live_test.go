package fault_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/cluster/container"
	"github.com/logproof/logproof/chaos/cluster/process"
	"github.com/logproof/logproof/chaos/fault"
	"github.com/logproof/logproof/chaos/ledger"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/scenarios/command"
)

func init() {
	fault.PlayBroker = func(args []string) int { return command.Main(args, os.Stdout, os.Stderr) }
}

// containersEnv names a static logproof program: with it the live clusters of these tests are in containers.
const containersEnv = "LOGPROOF_TEST_CONTAINERS"

// cluster3 is a cluster with a client of the load.
type cluster3 struct {
	*process.Cluster
	mu     sync.Mutex
	client *kgo.Client // nil while it has crashed
	// unplugged gives back the network of nodes that lost theirs.
	unplugged map[int32]func(context.Context) error
	// networks of nodes, where each has one of its own; nil on processes.
	networks cluster.Disconnecter
	// writers write in transactions under one transactional id, the last is not known to the others.
	writers       []*kgo.Client
	fenced, ended atomic.Int64
}

// write begins a client that writes one transaction after the other until it is fenced or closed.
func (c *cluster3) write() error {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(c.Address(0), c.Address(1)), kgo.TransactionalID("writer"), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MetadataMinAge(100*time.Millisecond),
	)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.writers = append(c.writers, client)
	c.mu.Unlock()
	go func() {
		for client.Context().Err() == nil && c.ended.Load() < 1000 {
			err := client.BeginTransaction()
			if err == nil {
				err = client.ProduceSync(client.Context(), &kgo.Record{Topic: "orders", Value: []byte("whole")}).FirstErr()
			}
			if err == nil {
				err = client.EndTransaction(client.Context(), kgo.TryCommit)
			}
			switch {
			case err == nil:
				c.ended.Add(1)
			// The last is the answer of a coordinator that has ended the transaction for another client, before that one
			// has its epoch: for this client it is as final as the others.
			case errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch) || errors.Is(err, kerr.InvalidTxnState):
				c.fenced.Add(1)
				return
			default:
				_ = client.EndTransaction(client.Context(), kgo.TryAbort)
			}
		}
	}()
	return nil
}

// DoubleClient starts a writer, and a second one when that is at work. They end when the fault is over.
func (c *cluster3) DoubleClient(ctx context.Context, _ int32) error {
	before := c.ended.Load()
	if err := c.write(); err != nil {
		return err
	}
	for c.ended.Load() == before {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		runtime.Gosched()
	}
	return c.write()
}

// Doubled tells what became of the first.
func (c *cluster3) Doubled(context.Context, int32) (int, uint64, error) {
	return int(c.fenced.Load()), uint64(c.ended.Load()), nil
}

// Disconnect cuts all links of a node, and lets nobody past them: processes share one network, of which this
// one looks as if it had left.
func (c *cluster3) Disconnect(ctx context.Context, node int32) error {
	if c.networks != nil {
		return c.networks.Disconnect(ctx, node)
	}
	end := cluster.NodeEnd(node)
	release, err := c.HoldLinks(ctx, []cluster.LinkRule{
		{Link: cluster.Link{From: end, To: cluster.Everyone}, Mode: cluster.Cut},
		{Link: cluster.Link{From: cluster.Everyone, To: end}, Mode: cluster.Cut},
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unplugged[node] = release
	return nil
}

// Connect lets the links be.
func (c *cluster3) Connect(ctx context.Context, node int32) error {
	if c.networks != nil {
		return c.networks.Connect(ctx, node)
	}
	c.mu.Lock()
	release := c.unplugged[node]
	delete(c.unplugged, node)
	c.mu.Unlock()
	if release == nil {
		return nil
	}
	return release(ctx)
}

// Direct is a port of nobody while the node has no network.
func (c *cluster3) Direct(node int32) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unplugged[node] != nil {
		return "127.0.0.1:1"
	}
	return c.Cluster.Direct(node)
}

// CrashClient ends the client.
func (c *cluster3) CrashClient(context.Context, int32) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		c.client.Close()
	}
	c.client = nil
	return nil
}

// RestartClient starts it.
func (c *cluster3) RestartClient(context.Context, int32) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.client, err = kgo.NewClient(
		kgo.SeedBrokers(c.Address(0), c.Address(1)), kgo.ClientID("load"), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ConsumeTopics("orders"), kgo.MetadataMinAge(100*time.Millisecond),
	)
	if err == nil {
		client := c.client
		go func() { // it reads, so that it is connected
			for !client.PollFetches(context.Background()).IsClientClosed() {
			}
		}()
	}
	return err
}

// Clients is how many there are.
func (c *cluster3) Clients() int { return 1 }

// live is a cluster of three brokers of the reference system and a controller, behind links, with the
// topic orders: three partitions on all three nodes.
func live(t *testing.T) *cluster3 {
	t.Helper()
	dir := t.TempDir()
	book, err := ledger.Open(dir+"/ledger", dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { book.Close() })
	nodes := process.Broker{Flush: "commit", Disk: "lose-unsynced", SegmentBytes: 64 << 10, Timing: process.Timing{
		SessionTimeout: time.Second, Heartbeat: 200 * time.Millisecond, ReplicaLagMax: time.Second, QuorumTick: 30 * time.Millisecond,
	}}
	l, c := &cluster3{unplugged: map[int32]func(context.Context) error{}}, (*process.Cluster)(nil)
	cfg := process.Config{
		Binary: "/proc/self/exe", Env: []string{"LOGPROOF_TEST_ROLE=broker"}, Dir: dir, Ledger: book, Links: true,
		Brokers: []int32{0, 1, 2}, Controllers: []int32{100}, Args: nodes.Args, Clients: []string{"load"},
	}
	if program := os.Getenv(containersEnv); program != "" {
		cfg.Binary, cfg.Env = program, nil
		var placed *container.Cluster
		if placed, err = container.Start(t.Context(), cfg); err == nil {
			l.networks, c = placed, placed.Cluster
		}
	} else {
		c, err = process.Start(t.Context(), cfg)
	}
	if err != nil {
		t.Fatal(err)
	}
	l.Cluster = c
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		for _, exit := range c.Exits() {
			t.Error(exit)
		}
	})
	ctx := soon(t)
	for _, id := range c.Nodes() {
		if err := c.WaitReady(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.WaitSettled(ctx); err != nil {
		t.Fatal(err)
	}
	if err := l.RestartClient(ctx, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.CrashClient(context.Background(), 0) })
	client := l.client
	min := "2"
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 3, 3, map[string]*string{"min.insync.replicas": &min}, "orders"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, writer := range l.writers {
			writer.Close()
		}
	})
	// More than a segment in each partition, so that there are some that are sealed.
	for i := range 30 {
		for partition := range int32(3) {
			client.Produce(ctx, &kgo.Record{Topic: "orders", Partition: partition, Value: []byte(strings.Repeat(fmt.Sprint(i%10), 10_000))}, nil)
		}
		if err := client.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.WaitSettled(ctx, "orders"); err != nil {
		t.Fatal(err)
	}
	return l
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// sample is a fault of every kind that a live cluster can be given, with targets that it has.
func sample() []timeline.Fault {
	const ms = time.Millisecond
	orders := timeline.Params{Topic: "orders"}
	return []timeline.Fault{
		{Kind: timeline.Cut, Target: "node(1)"},
		{Kind: timeline.Cut, Target: "node(1)", Peers: "node(2)"},
		{Kind: timeline.Cut, Target: "node(1)", Peers: "nodes", Params: timeline.Params{Direction: timeline.In}},
		{Kind: timeline.Cut, Target: "node(1)", Peers: "clients", Params: timeline.Params{Direction: timeline.Out}},
		{Kind: timeline.Cut, Target: "client(0)", Peers: "node(1)"},
		{Kind: timeline.Refuse, Target: "node(1)"},
		{Kind: timeline.Reset, Target: "node(1)"},
		{Kind: timeline.Stall, Target: "node(1)"},
		{Kind: timeline.SlowClose, Target: "node(1)", Params: timeline.Params{Delay: 300 * ms}},
		{Kind: timeline.Delay, Target: "node(1)", Params: timeline.Params{Delay: 60 * ms}},
		{Kind: timeline.Delay, Target: "node(1)", Peers: "clients", Params: timeline.Params{Delay: 60 * ms, Jitter: 30 * ms}},
		{Kind: timeline.Bandwidth, Target: "node(1)", Params: timeline.Params{Rate: 200_000}},
		{Kind: timeline.DropResponse, Target: "leader(orders,0)", Params: orders},
		{Kind: timeline.DropResponse, Target: "leader(orders,0)", Params: timeline.Params{Topic: "orders", Count: 1}},
		{Kind: timeline.DelayResponse, Target: "node(1)", Params: timeline.Params{API: "Metadata", Delay: 300 * ms}},
		{Kind: timeline.RewriteError, Target: "leader(orders,0)", Params: timeline.Params{Topic: "orders", Error: "NOT_LEADER_OR_FOLLOWER"}},
		{Kind: timeline.StaleMetadata, Target: "node(1)"},
		{Kind: timeline.DuplicateResponse, Target: "node(1)", Params: timeline.Params{API: "Fetch"}},
		{Kind: timeline.Kill, Target: "node(1)"},
		{Kind: timeline.Pause, Target: "node(1)"},
		{Kind: timeline.Restart, Target: "node(1)"},
		{Kind: timeline.Disconnect, Target: "node(1)"},
		{Kind: timeline.PowerLoss, Target: "node(1)"},
		{Kind: timeline.DiskLoss, Target: "node(1)"},
		{Kind: timeline.DiskFull, Target: "node(1)"},
		{Kind: timeline.SyncError, Target: "node(1)"},
		{Kind: timeline.SlowDisk, Target: "node(1)", Params: timeline.Params{Delay: 100 * ms}},
		{Kind: timeline.BitRot, Target: "follower(orders,0)", Params: orders},
		{Kind: timeline.CrashClient, Target: "client(0)"},
		{Kind: timeline.DoubleClient, Target: "client(0)"},
		{Kind: timeline.Clock, Target: "node(1)", Params: timeline.Params{Offset: -3 * time.Second}},
		{Kind: timeline.TransferLeader, Target: "leader(orders,0)"},
		{Kind: timeline.Reassign, Target: "leader(orders,0)"},
		{Kind: timeline.ConnectionStorm, Target: "node(1)", Params: timeline.Params{Count: 100}},
		{Kind: timeline.Poison, Target: "leader(orders,0)", Params: orders},
	}
}

// aimed prepares a fault on a cluster, as the nemesis does.
func aimed(ctx context.Context, f timeline.Fault, c cluster.Cluster) (fault.Fault, error) {
	f = f.WithDefaults()
	locator, _ := c.(timeline.Locator)
	m := timeline.Members{Nodes: c.Nodes(), Brokers: c.Brokers(), Voters: []int32{100}, Clients: 1}
	first := func(int) int { return 0 }
	ends, err := timeline.Ends(ctx, f.Target, m, first, locator)
	var peers []timeline.End
	if err == nil && f.Peers != "" {
		peers, err = timeline.PeerEnds(ctx, f.Peers, ends, m, first, locator)
	}
	if err != nil {
		return nil, err
	}
	var all []fault.Fault
	for _, end := range ends {
		one, err := fault.New(f, c, end, peers)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return fault.Several(ends, all), nil
}

// stage is one stage of a fault by its name.
type stage struct {
	name string
	do   func(context.Context) (string, error)
}

func stages(f fault.Fault) []stage {
	return []stage{{"inject", f.Inject}, {"prove", f.Prove}, {"heal", f.Heal}, {"prove-healed", f.ProveHealed}}
}

// Every kind does what it says on a cluster that lives, is proved, heals, and is proved to have healed.
func TestEveryKindIsProvedInAndOut(t *testing.T) {
	c := live(t)
	for _, planned := range sample() {
		t.Run(planned.String(), func(t *testing.T) {
			f, err := aimed(soon(t), planned, c)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range stages(f) {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				began := time.Now()
				detail, err := s.do(ctx)
				cancel()
				t.Logf("%s in %v: %s", s.name, time.Since(began).Round(time.Millisecond), detail)
				if err != nil {
					t.Errorf("%s: %v", s.name, err)
				}
			}
			if err := c.WaitSettled(soon(t), "orders"); err != nil {
				t.Fatal(err)
			}
		})
	}
}
