package broker

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/controller"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/env/real"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/node"
	"github.com/logproof/logproof/broker/server"
)

// Broker is a running broker.
type Broker struct {
	server  *server.Server
	clients net.Listener
	metrics net.Listener
	lock    *lock
	events  *os.File
}

// Start recovers a broker and serves it; it returns once requests are answered. Errors say what is
// in the way: a port or a data directory in use, files that are damaged.
func Start(ctx context.Context, cfg Config) (*Broker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	b := &Broker{}
	if err := b.start(ctx, cfg.withDefaults()); err != nil {
		_ = b.release() // the first error is the one to show
		return nil, err
	}
	return b, nil
}

func (b *Broker) start(ctx context.Context, cfg Config) (err error) {
	files := cfg.FS
	clusterID := "logproof"
	if files == nil {
		if b.lock, err = lockDir(cfg.DataDir); err != nil {
			return err
		}
		if clusterID, err = identify(cfg.DataDir, cfg.NodeID); err != nil {
			return err
		}
		if files, err = real.New(cfg.DataDir); err != nil {
			return err
		}
	}
	if cfg.Disk.String() != "" {
		files = disk.New(files, cfg.Disk, time.Sleep)
	}
	if b.clients = cfg.Listener; b.clients == nil {
		if b.clients, err = listen(cfg.Listen, "--listen"); err != nil {
			return err
		}
	}
	if cfg.Metrics != "" {
		if b.metrics, err = listen(cfg.Metrics, "--metrics"); err != nil {
			return err
		}
	}
	if cfg.Events != "" {
		if b.events, err = os.OpenFile(cfg.Events, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
			return fmt.Errorf("--events: %w", err)
		}
	}
	return b.serve(ctx, cfg, files, clusterID)
}

func (b *Broker) serve(ctx context.Context, cfg Config, files env.FS, clusterID string) error {
	host, port, err := net.SplitHostPort(b.clients.Addr().String())
	if err != nil {
		return err
	}
	portNumber, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return err
	}
	var seed [8]byte
	if _, err := crand.Read(seed[:]); err != nil {
		return fmt.Errorf("draw a seed: %w", err)
	}
	var incarnation metadata.Incarnation
	if _, err := crand.Read(incarnation[:]); err != nil {
		return fmt.Errorf("draw an incarnation: %w", err)
	}
	var events io.Writer // not a nil *os.File in an interface
	if b.events != nil {
		events = b.events
	}
	b.server, err = server.Start(server.Config{
		Node: node.Config{
			Sessions: api.Config{
				NodeID: cfg.NodeID, Shards: cfg.Shards, AutoCreate: !cfg.NoAutoCreate,
				MaxBatch: cfg.MaxMessageBytes, MaxFetch: 55 << 20, MaxWait: 5 * time.Minute,
			},
			Controller: controller.Config{
				Seed: binary.LittleEndian.Uint64(seed[:]), DefaultPartitions: cfg.DefaultPartitions,
				DefaultReplication: 1, MaxPartitions: 100_000, SessionTimeout: 9 * time.Second,
				LastKnownLeader: true,
			},
			ClusterID: clusterID,
			Roles:     node.Roles{Controller: true, Broker: true}, Voters: []node.Voter{{ID: cfg.NodeID}},
			Endpoints: node.Endpoints{Host: host, Port: int32(portNumber)}, Incarnation: incarnation,
			Log:   log.Config{SegmentBytes: cfg.SegmentBytes, Bugs: cfg.Bugs},
			Flush: cfg.Flush, FlushInterval: cfg.FlushInterval, Bugs: cfg.Bugs,
		},
		FS: files, Clients: b.clients, Metrics: b.metrics, Events: events, Log: cfg.Log,
	})
	if err != nil {
		return err
	}
	return b.server.Ready(ctx)
}

// Address is where clients connect, host:port.
func (b *Broker) Address() string { return b.clients.Addr().String() }

// MetricsAddress is where /metrics is, host:port; "" if it is not served.
func (b *Broker) MetricsAddress() string {
	if b.metrics == nil {
		return ""
	}
	return b.metrics.Addr().String()
}

// Done is closed when the broker stopped by itself, since it could no longer keep its promises.
func (b *Broker) Done() <-chan struct{} { return b.server.Done() }

// Err is why the broker stopped by itself.
func (b *Broker) Err() error { return b.server.Err() }

// Close stops the broker: connections first, then every log is synced and marked clean. One of
// Close and Kill must be called, once, also after Done.
func (b *Broker) Close() error { return b.release() }

// Kill ends the broker as the end of its process would: connections break, and the next Start on
// its files recovers them.
func (b *Broker) Kill() {
	b.server.Kill()
	b.server = nil
	_ = b.release() // nothing that is left can fail in a way that matters to a killed broker
}

// release gives up whatever Start has got so far.
func (b *Broker) release() error {
	var err error
	if b.server != nil {
		err = b.server.Stop()
	}
	for _, l := range []net.Listener{b.clients, b.metrics} {
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
