package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/chaos/cluster"
)

const (
	// kafkaFolder is where `make kafka` puts Apache Kafka, seen from here.
	kafkaFolder = "../../kafka"
	// kafkaPatience is for machines on which three JVMs have to share one processor with others.
	kafkaPatience = 4 * time.Minute
)

// kafkaIDs are the nodes: each is broker and controller.
var kafkaIDs = []int32{1, 2, 3}

// apache is three processes of unmodified Apache Kafka behind a proxy: the addresses that they advertise
// are the proxy's.
type apache struct {
	t       *testing.T
	dir     string
	libs    string
	proxy   *Proxy
	hidden  atomic.Bool // /proc is switched off
	mu      sync.Mutex
	pids    map[int]int32
	spawner chan func()
}

// startApache starts them and returns when all three are in the cluster.
func startApache(t *testing.T) *apache {
	if os.Getenv(longEnv) == "" {
		t.Skipf("SKIPPED: three processes of Apache Kafka take a minute: set %s=1", longEnv)
	}
	if _, err := os.Stat(filepath.Join(kafkaFolder, "complete")); err != nil {
		t.Skipf("SKIPPED: Apache Kafka is not here, the links between its brokers are NOT proved: run make kafka (%v)", err)
	}
	libs, err := filepath.Abs(filepath.Join(kafkaFolder, "libs"))
	if err != nil {
		t.Fatal(err)
	}
	a := &apache{t: t, dir: t.TempDir(), libs: libs, pids: map[int]int32{}, spawner: make(chan func())}
	cfg := Config{Processes: a.processes}
	for _, id := range kafkaIDs { // for clients, and for controllers
		for range 2 {
			cfg.Listeners = append(cfg.Listeners, Listener{Node: id, Advertised: "127.0.0.1:0", Upstream: freeAddress(t)})
		}
	}
	a.proxy = start(t, cfg)
	go func() { // a thread that lives as long as the processes: the kernel ends them with it
		runtime.LockOSThread()
		for spawn := range a.spawner {
			spawn()
		}
	}()
	t.Cleanup(func() { close(a.spawner) })
	var formatted sync.WaitGroup
	for _, id := range kafkaIDs {
		formatted.Go(func() { a.format(id) })
	}
	formatted.Wait()
	if t.Failed() {
		t.FailNow()
	}
	for i, id := range kafkaIDs {
		a.run(id, cfg.Listeners[2*i:])
	}
	return a
}

// freeAddress is one that nobody uses, below the ports that Linux gives to connections.
func freeAddress(t *testing.T) string {
	for port := 20000 + os.Getpid()%10000; port < 32768; port++ {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil && !slices.Contains(taken, ln.Addr().String()) {
			taken = append(taken, ln.Addr().String())
			ln.Close()
			return taken[len(taken)-1]
		}
		if err == nil {
			ln.Close()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// taken are the addresses that freeAddress gave.
var taken []string

func (a *apache) processes() map[int]int32 {
	if a.hidden.Load() {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	pids := map[int]int32{}
	for pid, id := range a.pids {
		pids[pid] = id
	}
	return pids
}

func (a *apache) file(id int32, name string) string {
	return filepath.Join(a.dir, fmt.Sprintf("%d-%s", id, name))
}

// format writes the configuration of a node and formats its disk.
func (a *apache) format(id int32) {
	i := 2 * slices.Index(kafkaIDs, id)
	var voters []string
	for j, voter := range kafkaIDs {
		voters = append(voters, fmt.Sprintf("%d@%s", voter, a.proxy.Address(2*j+1)))
	}
	lines := []string{
		"process.roles=broker,controller", fmt.Sprintf("node.id=%d", id), "controller.quorum.voters=" + strings.Join(voters, ","),
		"listeners=PLAINTEXT://" + a.proxy.doors[i].upstream() + ",CONTROLLER://" + a.proxy.doors[i+1].upstream(),
		"advertised.listeners=PLAINTEXT://" + a.proxy.Address(i) + ",CONTROLLER://" + a.proxy.Address(i+1),
		"inter.broker.listener.name=PLAINTEXT", "controller.listener.names=CONTROLLER",
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"log.dirs=" + a.file(id, "data"),
		"broker.session.timeout.ms=6000", "broker.heartbeat.interval.ms=500",
		"controller.quorum.fetch.timeout.ms=4000", "controller.quorum.election.timeout.ms=2000",
		"controller.quorum.election.backoff.max.ms=500", "controller.quorum.request.timeout.ms=4000",
		"replica.lag.time.max.ms=4000", "replica.fetch.wait.max.ms=500", "replica.socket.timeout.ms=4000",
		"offsets.topic.num.partitions=1", "num.network.threads=2", "num.io.threads=2",
	}
	if err := os.WriteFile(a.file(id, "node.properties"), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		a.t.Error(err)
	}
	logging := `<Configuration><Appenders><Console name="out"><PatternLayout pattern="%d %p %m (%c)%n"/></Console></Appenders>` +
		`<Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers></Configuration>`
	if err := os.WriteFile(a.file(id, "log4j2.xml"), []byte(logging), 0o644); err != nil {
		a.t.Error(err)
	}
	cmd := a.java(id, "kafka.tools.StorageTool", "format", "-c", a.file(id, "node.properties"), "-t", "bG9ncHJvb2YtbGlua3MtMQ")
	if said, err := cmd.CombinedOutput(); err != nil {
		a.t.Errorf("format node %d: %v: %s", id, err, said)
	}
}

func (a *apache) java(id int32, class string, args ...string) *exec.Cmd {
	return exec.Command("java", append([]string{"-Xmx256M", "-Xms64M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"-Djava.awt.headless=true", "-Dlog4j2.configurationFile=" + a.file(id, "log4j2.xml"), "-cp", a.libs + "/*", class}, args...)...)
}

// run starts a node's process, which ends with the test.
func (a *apache) run(id int32, listeners []Listener) {
	a.t.Helper()
	log, err := os.Create(a.file(id, "log"))
	if err != nil {
		a.t.Fatal(err)
	}
	cmd := a.java(id, "kafka.Kafka", a.file(id, "node.properties"))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	a.spawner <- func() {
		a.mu.Lock() // nobody asks whose a connection is before it is known
		defer a.mu.Unlock()
		err := cmd.Start()
		if err == nil {
			a.pids[cmd.Process.Pid] = id
		}
		started <- err
	}
	if err := <-started; err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		log.Close()
		if text, err := os.ReadFile(log.Name()); err == nil && a.t.Failed() {
			a.t.Logf("the end of the log of node %d:\n%s", id, text[max(0, len(text)-3000):])
		}
	})
}

// client is a client whose connections pass the proxy.
func (a *apache) client(options ...kgo.Opt) *kgo.Client {
	a.t.Helper()
	seeds := []string{a.proxy.Address(0), a.proxy.Address(2), a.proxy.Address(4)}
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(seeds...), kgo.MetadataMinAge(100 * time.Millisecond), kgo.MetadataMaxAge(time.Second)}, options...)...)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(client.Close)
	return client
}

// soon is eventually with the patience that JVMs need.
func (a *apache) soon(look func(ctx context.Context) error) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), kafkaPatience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for err := look(ctx); err != nil; err = look(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			a.t.Fatal(err)
		}
	}
}

// controller is the active one, once there is one and all nodes are in the cluster.
func (a *apache) controller(client *kgo.Client) (active int32) {
	a.t.Helper()
	a.soon(func(ctx context.Context) error {
		cluster, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
		if err != nil || len(cluster.Brokers) != len(kafkaIDs) {
			return fmt.Errorf("brokers: %+v, %v", cluster, err)
		}
		request := kmsg.NewPtrDescribeQuorumRequest()
		topic, part := kmsg.NewDescribeQuorumRequestTopic(), kmsg.NewDescribeQuorumRequestTopicPartition()
		topic.Topic, topic.Partitions = "__cluster_metadata", append(topic.Partitions, part)
		request.Topics = append(request.Topics, topic)
		quorum, err := request.RequestWith(ctx, client)
		if err != nil || quorum.ErrorCode != 0 || len(quorum.Topics) != 1 || len(quorum.Topics[0].Partitions) != 1 {
			return fmt.Errorf("quorum: %+v, %v", quorum, err)
		}
		active = quorum.Topics[0].Partitions[0].LeaderID
		if !slices.Contains(kafkaIDs, active) {
			return fmt.Errorf("the quorum has no leader")
		}
		return nil
	})
	return active
}

// create makes a topic of one partition with its replicas where they are wanted, the leader first.
func (a *apache) create(client *kgo.Client, replicas []int32) {
	a.t.Helper()
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = 30_000
	topic, at, minISR := kmsg.NewCreateTopicsRequestTopic(), kmsg.NewCreateTopicsRequestTopicReplicaAssignment(), "2"
	at.Replicas = replicas
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = orders, -1, -1
	topic.ReplicaAssignment = append(topic.ReplicaAssignment, at)
	config := kmsg.NewCreateTopicsRequestTopicConfig()
	config.Name, config.Value = "min.insync.replicas", &minISR
	topic.Configs = append(topic.Configs, config)
	request.Topics = append(request.Topics, topic)
	a.soon(func(ctx context.Context) error {
		response, err := request.RequestWith(ctx, client)
		if err != nil || len(response.Topics) != 1 || response.Topics[0].ErrorCode != 0 && response.Topics[0].ErrorCode != 36 {
			return fmt.Errorf("create: %+v, %v", response, err)
		}
		return nil
	})
}

// isr waits until the ISR of orders/0 is this one. Whatever it is until then, the leader stays, and
// those who are to be in it at the end are in it all the time if steady.
func (a *apache) isr(client *kgo.Client, leader int32, want []int32, steady bool) {
	a.t.Helper()
	a.soon(func(ctx context.Context) error {
		request := kmsg.NewPtrMetadataRequest()
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr(orders)
		request.Topics = append(request.Topics, topic)
		response, err := request.RequestWith(ctx, client)
		if err != nil || len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 || response.Topics[0].ErrorCode != 0 {
			return fmt.Errorf("metadata: %+v, %v", response, err)
		}
		part := response.Topics[0].Partitions[0]
		have := slices.Sorted(slices.Values(part.ISR))
		for _, id := range want {
			if steady && !slices.Contains(have, id) {
				a.t.Fatalf("node %d left the ISR: %v", id, have)
			}
		}
		if steady && part.Leader != leader {
			a.t.Fatalf("the leader is %d, it was %d", part.Leader, leader)
		}
		if !slices.Equal(have, want) || part.Leader != leader {
			return fmt.Errorf("the ISR is %v, want %v; leader %d, want %d", have, want, part.Leader, leader)
		}
		return nil
	})
}

// Unmodified brokers of Apache Kafka stand behind the proxy, and one link between two of them is cut:
// what the leader sends to one follower. Exactly that follower leaves the ISR; the other one stays,
// clients are served all the time, and after the heal it is back. The proxy knows who dialled by
// /proc, and in a second round by client ids.
func TestOneLinkBetweenKafkaBrokers(t *testing.T) {
	a := startApache(t)
	admin := a.client()
	controller := a.controller(admin)
	others := slices.DeleteFunc(slices.Clone(kafkaIDs), func(id int32) bool { return id == controller })
	// The follower that is cut off from the leader has its controller elsewhere: nothing else ails it.
	leader, cut := others[0], others[1]
	a.create(admin, []int32{leader, controller, cut})
	a.isr(admin, leader, kafkaIDs, false)

	var acknowledged, failed atomic.Int64
	ctx, stop := context.WithCancel(context.Background())
	producer := a.client(kgo.DefaultProduceTopic(orders), kgo.RequiredAcks(kgo.AllISRAcks()))
	var work sync.WaitGroup
	work.Go(func() {
		for ctx.Err() == nil {
			err := producer.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr()
			if err == nil {
				acknowledged.Add(1)
			} else if !errors.Is(err, context.Canceled) {
				failed.Add(1)
			}
		}
	})
	defer work.Wait()
	defer stop()
	goesOn := func(when string) {
		t.Helper()
		from := acknowledged.Load()
		a.soon(func(context.Context) error {
			if now := acknowledged.Load(); now < from+20 {
				return fmt.Errorf("%s: %d records acknowledged, want 20", when, now-from)
			}
			return nil
		})
	}
	goesOn("at first")
	for _, knownBy := range []string{byProcess, byClientID} {
		if knownBy == byClientID {
			a.hidden.Store(true) // and everybody dials again
			rules(t, a.proxy, cluster.LinkRule{Link: cluster.Link{From: cluster.Everyone, To: cluster.Everyone}, Mode: cluster.Reset})
			rules(t, a.proxy)
		}
		a.known(knownBy, leader, controller, cut)
		a.isr(admin, leader, kafkaIDs, false)
		rules(t, a.proxy, cluster.LinkRule{Link: cluster.Link{From: cluster.NodeEnd(leader), To: cluster.NodeEnd(cut)}, Mode: cluster.Cut})
		began := time.Now()
		a.isr(admin, leader, slices.Sorted(slices.Values([]int32{leader, controller})), true)
		t.Logf("known by %s: node %d left the ISR of node %d %v after the cut", knownBy, cut, leader, time.Since(began).Round(time.Millisecond))
		goesOn("under the cut")
		dropped := int64(0)
		for _, l := range a.links() {
			if n := l.Requests.Dropped + l.Responses.Dropped; n > 0 {
				dropped += n
				if pair := (cluster.Link{From: cluster.NodeEnd(cut), To: cluster.NodeEnd(leader)}); l.Link != pair && l.Link != pair.Reverse() {
					t.Errorf("bytes of another pair were dropped: %+v", l)
				}
			}
		}
		if dropped == 0 {
			t.Error("no byte was dropped")
		}
		rules(t, a.proxy)
		began = time.Now()
		a.isr(admin, leader, kafkaIDs, false)
		t.Logf("known by %s: it was back %v after the heal", knownBy, time.Since(began).Round(time.Millisecond))
		goesOn("after the heal")
	}
	if failed.Load() > 0 {
		t.Errorf("%d writes failed, %d were acknowledged", failed.Load(), acknowledged.Load())
	}
	t.Logf("%d writes acknowledged, none failed", acknowledged.Load())
}

func (a *apache) links() []cluster.LinkConnection {
	all, err := a.proxy.Links(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	return all
}

// known waits until both followers fetch from the leader on connections that the proxy has on the right
// links, and until it knows of every connection between nodes by one way.
func (a *apache) known(by string, leader int32, followers ...int32) {
	a.t.Helper()
	a.soon(func(context.Context) error {
		missing := map[cluster.Link]bool{}
		for _, id := range followers {
			missing[cluster.Link{From: cluster.NodeEnd(id), To: cluster.NodeEnd(leader)}] = true
		}
		for _, l := range a.links() {
			// The link of a node to itself is part of no rule that does not name it: it was not reset.
			if l.Link.From.Group == cluster.GroupNodes && l.KnownBy != by && l.Link.From != l.Link.To {
				return fmt.Errorf("known otherwise: %+v", l)
			}
			if l.KnownBy == by && (by == byProcess || strings.HasPrefix(l.ClientID, "broker-")) {
				delete(missing, l.Link)
			}
		}
		if len(missing) > 0 {
			return fmt.Errorf("no connection on %v among %+v", missing, a.links())
		}
		return nil
	})
}
