package broker

import (
	"cmp"
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/control"
	"github.com/logproof/logproof/broker/controller"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/env/real"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/node"
	"github.com/logproof/logproof/broker/server"
)

// Broker is a running node: a broker, a controller, or both.
type Broker struct {
	server   *server.Server
	clients  net.Listener
	peers    net.Listener
	metrics  net.Listener
	lock     *lock
	events   *os.File
	shutdown time.Duration
	// What Control changes.
	disk    *disk.Disk // nil if the files are the owner's own
	clock   *server.Clock
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	control *control.Server
}

// Start recovers a broker and serves it; it returns once requests of clients are answered, and in a
// cluster that takes most of the controllers. A node that is a controller only returns once it takes
// part. Errors say what is in the way: a port or a data directory in use, files that are damaged.
func Start(ctx context.Context, cfg Config) (*Broker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	b := &Broker{clock: &server.Clock{}}
	if err := b.start(ctx, cfg.withDefaults()); err != nil {
		done, cancel := context.WithCancel(ctx)
		cancel()
		_ = b.release(done) // the first error is the one to show
		return nil, err
	}
	return b, nil
}

func (b *Broker) start(ctx context.Context, cfg Config) (err error) {
	files := cfg.FS
	if files == nil {
		if b.lock, err = lockDir(cfg.DataDir); err != nil {
			return err
		}
		if err = identify(cfg.DataDir, cfg.ClusterID, cfg.NodeID); err != nil {
			return err
		}
		if files, err = real.New(cfg.DataDir); err != nil {
			return err
		}
	}
	if cfg.Disk.String() != "" || cfg.Control != "" {
		files = disk.New(files, cfg.Disk, time.Sleep)
	}
	b.disk, _ = files.(*disk.Disk)
	if b.dial = cfg.Dial; b.dial == nil {
		b.dial = (&net.Dialer{}).DialContext
	}
	if err := b.listen(cfg); err != nil {
		return err
	}
	var events io.Writer // not a nil *os.File in an interface
	if cfg.Events != "" {
		if b.events, err = os.OpenFile(cfg.Events, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
			return fmt.Errorf("--events: %w", err)
		}
		events = b.events
	}
	n, err := b.node(cfg)
	if err != nil {
		return err
	}
	b.server, err = server.Start(server.Config{
		Node: n, FS: files, Clients: b.clients, Peers: b.peers, Metrics: b.metrics, Dial: cfg.Dial,
		Events: events, Log: cfg.Log, Clock: b.clock,
		Limits: server.Limits{Connections: cfg.MaxConnections, Idle: cfg.MaxIdle, RequestBytes: cfg.MaxRequestBytes},
	})
	if err != nil {
		return err
	}
	if b.control != nil {
		b.control.Serve(b)
	}
	b.shutdown = cfg.ShutdownTimeout
	return b.server.Ready(ctx)
}

// listen opens the listeners that the node has by its roles.
func (b *Broker) listen(cfg Config) (err error) {
	if b.clients = cfg.Listener; b.clients == nil && cfg.Listen != "" {
		if b.clients, err = listen(cfg.Listen, "--listen"); err != nil {
			return err
		}
	}
	if b.peers = cfg.PeerListener; b.peers == nil && cfg.PeerListen != "" {
		if b.peers, err = listen(cfg.PeerListen, "--peers"); err != nil {
			return err
		}
	}
	if cfg.Metrics != "" {
		if b.metrics, err = listen(cfg.Metrics, "--metrics"); err != nil {
			return err
		}
	}
	if cfg.Control != "" {
		if b.control, err = control.Listen(cfg.Control); err != nil {
			return fmt.Errorf("--control: %w", err)
		}
	}
	return nil
}

// node is the configuration of the node that this process runs.
func (b *Broker) node(cfg Config) (n node.Config, err error) {
	settings, err := cfg.topicSettings()
	if err != nil {
		return n, err
	}
	n = node.Config{
		Sessions: api.Config{
			NodeID: cfg.NodeID, Shards: cfg.Shards, AutoCreate: !cfg.NoAutoCreate,
			Codecs:   &sync.Pool{New: func() any { return new(batch.Codecs) }},
			MaxBatch: cfg.MaxMessageBytes, MaxFetch: 55 << 20, MaxWait: 5 * time.Minute,
			OffsetsPartitions: cfg.Groups.Partitions, OffsetsReplication: cfg.Groups.Replication,
			TransactionsPartitions: cfg.Transactions.Partitions, TransactionsReplication: cfg.Transactions.Replication,
			TransactionsMinISR: cfg.Transactions.MinISR,
			LogDir:             cfg.logDir(), Fixed: cfg.fixed(),
		},
		Controller: controller.Config{
			DefaultPartitions: cfg.DefaultPartitions, DefaultReplication: cfg.DefaultReplication,
			DefaultMinISR: cfg.MinISR, MaxPartitions: 100_000, SessionTimeout: cfg.SessionTimeout,
			LastKnownLeader: true, Levels: cfg.Features,
			PreferredEvery: preferredEvery, PreferredImbalance: preferredImbalance,
		},
		ClusterID: cfg.ClusterID,
		Roles:     node.Roles{Controller: cfg.Roles.Controller, Broker: cfg.Roles.Broker},
		Rack:      cfg.Rack,
		Timing: node.Timing{
			QuorumTick: cfg.QuorumTick, Heartbeat: cfg.Heartbeat, ReplicaLagMax: cfg.ReplicaLagMax, Scrub: scrubEvery, ScrubRest: scrubRest,
			ExpireOffsets: cfg.Groups.RetentionCheck, ExpireTransactions: cfg.Transactions.ExpirationCheck, RetentionCheck: cfg.RetentionCheck,
			Clean: cfg.clean(),
		},
		Log:      log.Config{SegmentBytes: cfg.SegmentBytes, Bugs: cfg.Bugs},
		Settings: settings, Groups: cfg.Groups.machine(), Transactions: cfg.Transactions.machine(),
		Flush: cfg.Flush, FlushInterval: cfg.FlushInterval, Bugs: cfg.Bugs,
	}
	for _, v := range cfg.Voters {
		host, port, err := splitAddress(v.Address)
		if err != nil {
			return n, err
		}
		n.Voters = append(n.Voters, node.Voter{ID: v.ID, Host: host, Port: port})
	}
	if cfg.alone() {
		n.Voters = []node.Voter{{ID: cfg.NodeID}}
	}
	if told := cmp.Or(cfg.Advertise, address(b.clients)); told != "" {
		if n.Endpoints.Host, n.Endpoints.Port, err = splitAddress(told); err != nil {
			return n, err
		}
	}
	if told := cmp.Or(cfg.PeerAdvertise, address(b.peers)); told != "" {
		if n.Endpoints.PeerHost, n.Endpoints.PeerPort, err = splitAddress(told); err != nil {
			return n, err
		}
	}
	return n, draw(&n)
}

// scrubEvery is how often a shard looks at another 256 KiB of its sealed segments: 2.5 MiB a second, a few
// thousandths of a core.
const scrubEvery = 100 * time.Millisecond

// scrubRest is the pause before all of it is looked at again: small logs would cost a quiet broker a fifth of its
// processor time without it.
const scrubRest = 5 * time.Second

// Kafka's leader.imbalance.check.interval.seconds and leader.imbalance.per.broker.percentage.
const (
	preferredEvery     = 5 * time.Minute
	preferredImbalance = 10
)

// draw chooses what must be another for each process.
func draw(n *node.Config) error {
	var seed [8]byte
	if _, err := crand.Read(seed[:]); err != nil {
		return fmt.Errorf("draw a seed: %w", err)
	}
	if _, err := crand.Read(n.Incarnation[:]); err != nil {
		return fmt.Errorf("draw an incarnation: %w", err)
	}
	n.Controller.Seed = binary.LittleEndian.Uint64(seed[:])
	return nil
}

// Address is where clients connect, host:port; "" for a node that is a controller only.
func (b *Broker) Address() string { return address(b.clients) }

// PeerAddress is where the other nodes of the cluster connect, host:port; "" if there are none.
func (b *Broker) PeerAddress() string { return address(b.peers) }

// MetricsAddress is where /metrics is, host:port; "" if it is not served.
func (b *Broker) MetricsAddress() string { return address(b.metrics) }

func address(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

// Done is closed when the broker stopped by itself, since it could no longer keep its promises.
func (b *Broker) Done() <-chan struct{} { return b.server.Done() }

// Err is why the broker stopped by itself.
func (b *Broker) Err() error { return b.server.Err() }

// Close stops the broker: the others take over what it leads, connections are closed, every log is
// synced and marked clean. It waits for the others for Config.ShutdownTimeout at most. One of Close,
// Shutdown and Kill must be called, once, also after Done.
func (b *Broker) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), b.shutdown)
	defer cancel()
	return b.Shutdown(ctx)
}

// Shutdown is Close that waits for the others until ctx is done: not at all if it is done already, as
// when the whole cluster stops and nobody is there to take over. The rest is done in any case.
func (b *Broker) Shutdown(ctx context.Context) error { return b.release(ctx) }

// Kill ends the broker as the end of its process would: connections break, and the next Start on
// its files recovers them.
func (b *Broker) Kill() {
	if b.control != nil {
		b.control.Close()
		b.control = nil
	}
	b.server.Kill()
	b.server = nil
	_ = b.release(context.Background()) // nothing that is left can fail in a way that matters to a killed broker
}

// release gives up whatever Start has got so far.
func (b *Broker) release(ctx context.Context) error {
	var err error
	if b.control != nil {
		err = b.control.Close()
	}
	if b.server != nil {
		err = errors.Join(b.server.Stop(ctx), err)
	}
	for _, l := range []net.Listener{b.clients, b.peers, b.metrics} {
		if l != nil {
			l.Close()
		}
	}
	if b.events != nil {
		err = errors.Join(err, b.events.Close())
	}
	if b.lock != nil {
		err = errors.Join(err, b.lock.release())
	}
	return err
}

func listen(address, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s %s: the port is in use; stop what listens there or choose another port", flag, address)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", flag, address, err)
	}
	return l, nil
}
