package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/file"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/node"
	"github.com/logproof/logproof/broker/wire"
)

// Config of a running node.
type Config struct {
	Node node.Config
	FS   env.FS
	// Clients is where Kafka clients connect, Peers where other nodes do; a node without one of the two
	// has nil. Metrics is where /metrics is served; it may be nil.
	Clients, Peers, Metrics net.Listener
	// Dial connects to other nodes; nil for TCP.
	Dial Dial
	// Events receives events.jsonl; nil for nobody.
	Events io.Writer
	Log    *slog.Logger
	// Limits of connections and requests.
	Limits Limits
	// Clock of the node; the machine's if nil.
	Clock *Clock
}

// Server is a running node.
type Server struct {
	node      *node.Node
	runtime   *runtime
	metrics   *metrics
	events    *events
	buffers   buffers
	arriving  arriving
	limits    Limits
	places    places
	log       *slog.Logger
	listeners map[wire.Listener]net.Listener
	ids       atomic.Int64 // of sessions
	http      *http.Server
	// done is closed when the node has stopped by itself; err says why.
	done chan struct{}
	once sync.Once
	mu   struct {
		sync.Mutex
		err         error
		stopping    bool
		connections map[*connection]bool
	}
	accepting sync.WaitGroup
	serving   sync.WaitGroup
}

// Start recovers the node and serves it. It returns when the node takes connections; requests are
// answered as soon as its partitions are recovered.
func Start(cfg Config) (*Server, error) {
	s := &Server{metrics: newMetrics(), log: cfg.Log, listeners: map[wire.Listener]net.Listener{}, done: make(chan struct{}), limits: cfg.Limits.complete()}
	s.places.max = s.limits.Connections
	if cfg.Clients != nil {
		s.listeners[wire.Clients] = cfg.Clients
	}
	if cfg.Peers != nil {
		s.listeners[wire.Peers] = cfg.Peers
	}
	s.mu.connections = map[*connection]bool{}
	if cfg.Clock == nil {
		cfg.Clock = &Clock{}
	}
	cfg.Node.Wall = cfg.Clock.At
	s.events = newEvents(cfg.Node.Sessions.NodeID, cfg.Events, cfg.Log, s.metrics, cfg.Clock)
	var err error
	if s.node, err = node.Open(cfg.FS, cfg.Node); err != nil {
		return nil, s.explained(err)
	}
	s.runtime = newRuntime(newPeers(cfg.Node.Sessions.NodeID, cfg.Dial, s.metrics), s.metrics, s.events.emit, s.fail)
	actors := s.node.Actors()
	for address := range actors {
		s.runtime.add(address)
	}
	for address, a := range actors {
		s.runtime.run(address, a)
	}
	for _, m := range s.node.Begin() {
		s.runtime.send(m.To, m.Message)
	}
	s.metrics.registry.MustRegister(newPartitions(s.watermarks))
	if _, broker := s.runtime.lasting[api.Coordinator]; broker {
		s.metrics.registry.MustRegister(newGroups(s.groupStates), newTransactions(s.transactionCounts))
	}
	if cfg.Metrics != nil {
		s.http = s.metrics.serve(cfg.Metrics, cfg.Clock)
	}
	for l, listener := range s.listeners {
		s.accepting.Go(func() { s.accept(l, listener) })
	}
	return s, nil
}

// accept takes connections until the listener is closed.
func (s *Server) accept(l wire.Listener, listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of descriptors, most likely: those who are connected are served on.
			s.log.Error("accept", "error", err)
			time.Sleep(50 * time.Millisecond)
			continue
		}
		if !s.admit(l, conn) {
			continue
		}
		c := newConnection(conn, l, s.node, s.ids.Add(1), s)
		if !s.track(c) {
			conn.Close()
			return
		}
		s.serving.Go(func() {
			c.serve()
			if l == wire.Clients {
				s.places.leave()
			}
			s.mu.Lock()
			delete(s.mu.connections, c)
			s.mu.Unlock()
		})
	}
}

// admit closes a connection of a client for which there is no place. Other nodes always have one.
func (s *Server) admit(l wire.Listener, conn net.Conn) bool {
	if l != wire.Clients {
		return true
	}
	ok, tell := s.places.take(time.Now())
	if ok {
		return true
	}
	conn.Close()
	s.metrics.closed(l, closedTooMany)
	if tell {
		s.log.Warn("closing new connections: there are as many as there may be", "client", conn.RemoteAddr().String(), "limit", s.limits.Connections)
	}
	return false
}

func (s *Server) track(c *connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.stopping {
		return false
	}
	s.mu.connections[c] = true
	return true
}

// watermarks asks every shard, and gives up on a node that stops meanwhile.
func (s *Server) watermarks() (all []node.Replica) {
	answers := make(chan []node.Replica, len(s.runtime.lasting))
	asked := 0
	for address := range s.runtime.lasting {
		if address.Role == actor.Shard {
			asked++
			s.runtime.send(address, node.Report{Done: func(w []node.Replica) { answers <- w }})
		}
	}
	timeout := time.After(time.Second)
	for ; asked > 0; asked-- {
		select {
		case w := <-answers:
			all = append(all, w...)
		case <-timeout:
			return all
		}
	}
	return all
}

// started says that the node serves, and where.
func (s *Server) started() {
	var e event.NodeStarted
	for l, listener := range s.listeners {
		if l == wire.Peers {
			e.Peers = listener.Addr().String()
		} else {
			e.Address = listener.Addr().String()
		}
	}
	s.events.emit(e)
}

// Ready returns when the node answers requests of clients; one that serves no clients answers at once. It
// is called once, after Start.
func (s *Server) Ready(ctx context.Context) error {
	if s.listeners[wire.Clients] == nil {
		s.started()
		return nil
	}
	ready := make(chan struct{})
	box := newInbox()
	self := actor.Address{Role: actor.Session, ID: 0}
	s.runtime.sessions.Store(self, box)
	defer s.runtime.sessions.Delete(self)
	go func() {
		if box.take(nil) != nil {
			close(ready)
		}
	}()
	defer box.close()
	s.runtime.send(api.Metadata, api.Subscribe{Session: self})
	defer s.runtime.send(api.Metadata, api.Unsubscribe{Session: self})
	select {
	case <-ready:
		s.started()
		return nil
	case <-s.done:
		return s.Err()
	case <-ctx.Done():
		return fmt.Errorf("wait until the broker is ready: %w", ctx.Err())
	}
}

// fail stops the node because it can no longer keep its promises.
func (s *Server) fail(err error) {
	s.once.Do(func() {
		err := s.explained(err)
		s.mu.Lock()
		s.mu.err = err
		s.mu.Unlock()
		s.events.emit(event.NodeFailed{Reason: err.Error()})
		close(s.done)
	})
}

// explained says what to do about an error of the disk, and tells of the call that failed.
func (s *Server) explained(err error) error {
	f, ok := file.FailureOf(err)
	if !ok {
		return err
	}
	s.events.emit(event.DiskFailed{Op: f.Op, File: f.File, Errno: f.Errno})
	return fmt.Errorf("%w; %s", err, f.Advice())
}

// Emit adds an event from outside the node: something was done to it.
func (s *Server) Emit(e event.Event) { s.events.emit(e) }

// Done is closed when the node stopped by itself; Err says why.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err is why the node stopped by itself; nil while it runs or when Stop ended it.
func (s *Server) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.err
}

// Stop hands over what the node's broker leads, and then the lead of the controllers, for as long as ctx lasts,
// closes connections and, unless the node failed, syncs and closes the logs and marks them clean. One of Stop
// and Kill must be called, once.
func (s *Server) Stop(ctx context.Context) error {
	if s.Err() == nil {
		s.retire(ctx, s.done)
	} else {
		// What it has is what it promised: others may take over at once, if they are quick.
		short, cancel := context.WithTimeout(ctx, failedStop)
		s.retire(short, nil)
		cancel()
	}
	s.Kill()
	if err := s.runtime.unsynced.Load(); err != nil {
		s.fail(fmt.Errorf("the last sync failed: %w", *err))
	}
	if s.Err() != nil {
		return s.Err()
	}
	if err := s.node.Close(); err != nil {
		return err
	}
	s.events.emit(event.NodeStopped{})
	return nil
}

// retire asks the controller to release the broker, and then the other controllers to go on without this one.
// What is not handed over in time the others find dead a session timeout or an election later, and nothing is
// lost. It is not waited for once failed is closed.
func (s *Server) retire(ctx context.Context, failed <-chan struct{}) {
	s.handOver(ctx, failed, api.Uplink, func(done func()) any { return node.Retire{Done: done} })
	s.handOver(ctx, failed, api.Controller, func(done func()) any { return node.Resign{Done: done} })
}

// failedStop is how long a node that failed waits for others to take over.
const failedStop = time.Second

// handOver sends a message with a function to be called when it is done, if the node has such an actor, and
// waits for that.
func (s *Server) handOver(ctx context.Context, failed <-chan struct{}, to actor.Address, message func(done func()) any) {
	if _, ok := s.runtime.lasting[to]; !ok || ctx.Err() != nil {
		return
	}
	done := make(chan struct{})
	s.runtime.send(to, message(func() { close(done) }))
	select {
	case <-done:
	case <-failed:
	case <-ctx.Done():
		s.log.Warn("stopping without having handed over", "actor", to, "reason", ctx.Err())
	}
}

// Kill closes connections and leaves the files as they are: nothing is synced, nothing marked clean.
func (s *Server) Kill() {
	for _, l := range s.listeners {
		l.Close()
	}
	s.mu.Lock()
	s.mu.stopping = true
	for c := range s.mu.connections {
		c.close()
	}
	s.mu.Unlock()
	s.accepting.Wait()
	s.serving.Wait()
	if s.http != nil {
		s.http.Close()
	}
	s.runtime.stop()
}
