package loadgen

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/logproof/logproof/loadgen/client"
	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/verify/history"
)

// Generator runs one load. Its steps are called in the order of the package's picture, from one
// goroutine; Snapshot may be called from any.
type Generator struct {
	cfg     Config
	shared  client.Shared
	targets []client.Target // of all topics
	loaded  []client.Target // those that producers write

	load      []*producing
	groups    []*group
	stop      chan struct{} // closed to end the schedules
	sending   sync.WaitGroup
	crashing  sync.Mutex         // held while a client crashes or comes back
	cancel    context.CancelFunc // of the readers
	marks     map[history.Partition]client.Mark
	closeOnce sync.Once

	mu struct {
		sync.Mutex
		step             step
		intended         uint64 // by the schedules, once they ended
		started, stopped history.Time
		startedAt        time.Time // the same moments on the calendar, for files of other tools
		stoppedAt        time.Time
		scan             *received
		// readers are all that there have been, current those of them that stand for each of the load's,
		// and reading is the context of all.
		readers, current []*reading
		reading          context.Context
	}
}

// step is how far a generator has come.
type step uint8

const (
	stepNew step = iota
	stepSetUp
	stepLoading
	stepLoaded
)

// producing is one producer and what became of its records.
type producing struct {
	producer *incarnations
	sender   *sender
	settled  *settled
	ended    *endings // of its transactions
}

// reading is one live reader.
type reading struct {
	// name of the reader of the load, and how often it crashed before.
	name        string
	incarnation int
	reader      *client.Reader
	received    *received
	cancel      context.CancelFunc
	crashed     bool
	done        chan struct{} // closed when the reader has ended; err is set before
	err         error
}

// start lets the reader read until ctx ends.
func (r *reading) start(ctx context.Context) {
	ctx, r.cancel = context.WithCancel(ctx)
	go func() {
		defer close(r.done)
		r.err = r.reader.Run(ctx)
	}()
}

// New checks the configuration; the error lists everything that is wrong with it.
func New(cfg Config) (*Generator, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	g := &Generator{cfg: cfg, targets: client.Targets(cfg.Topics), stop: make(chan struct{})}
	g.loaded = cfg.loaded(g.targets)
	g.shared = client.Shared{
		Run: cfg.Run, Brokers: cfg.Brokers, Options: cfg.Client,
		Tap: client.NewTap(cfg.Recorder), Recorder: cfg.Recorder,
	}
	return g, nil
}

// Setup creates the topics and waits until every partition has a leader and answers. It refuses
// topics that exist.
func (g *Generator) Setup(ctx context.Context) error {
	if err := g.enter("set up", stepNew, stepNew); err != nil {
		return err
	}
	if err := client.CreateTopics(ctx, g.shared, g.cfg.Topics); err != nil {
		return err
	}
	return g.enter("set up", stepNew, stepSetUp)
}

// enter moves to the next step or says that it is not its turn.
func (g *Generator) enter(what string, from, to step) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.step != from {
		return fmt.Errorf("load generator: cannot %s now: the steps are Setup, Start, StopLoad, Undecided, Barrier, Tour, Scan, StopReaders, StopGroups", what)
	}
	g.mu.step = to
	return nil
}

// Start lets the readers read and the schedules run. When ctx ends the readers stop, the schedules do
// too, and what is in flight stays so until StopLoad.
func (g *Generator) Start(ctx context.Context) error {
	if err := g.enter("start", stepSetUp, stepSetUp); err != nil {
		return err
	}
	if err := g.open(); err != nil {
		g.Close()
		return err
	}
	ctx, g.cancel = context.WithCancel(ctx)
	g.mu.Lock()
	g.mu.reading = ctx
	g.mu.Unlock()
	for _, r := range g.allReaders() {
		r.start(ctx)
	}
	if err := g.startGroups(ctx); err != nil {
		g.Close()
		return err
	}
	start := g.cfg.Recorder.Now()
	g.mu.Lock()
	g.mu.started, g.mu.startedAt = start, time.Now()
	g.mu.Unlock()
	for _, p := range g.load {
		p.sender.start, p.settled.series.Start = start, start
		g.sending.Go(func() { p.sender.run(ctx.Done(), g.stop) })
	}
	return g.enter("start", stepSetUp, stepLoading)
}

// open makes the clients of producers and readers.
func (g *Generator) open() error {
	schedule, names := pace.Constant(g.cfg.Rate), ClientNames(g.cfg.Producers, g.cfg.Readers)
	for i := range g.cfg.Producers {
		fate, ended := &settled{blind: g.cfg.Producer.Acks == client.AcksNone}, &endings{}
		producer, err := newIncarnations(func(crashes int) (producer, error) {
			cfg := client.ProducerConfig{
				Shared: g.shared, Process: incarnationName(names[i], crashes), ID: uint32(i + crashes*g.cfg.Producers), Targets: g.loaded,
				RecordSize: g.cfg.RecordSize, MaxInFlight: g.cfg.maxInFlight(), Spec: g.cfg.Producer, Settled: fate.settle,
				TransactionalID: names[i], Ended: ended.end,
			}
			if cfg.Spec.Transactions != nil {
				return client.NewTransactor(cfg)
			}
			return client.NewProducer(cfg)
		})
		if err != nil {
			return err
		}
		g.load = append(g.load, &producing{producer: producer, settled: fate, ended: ended, sender: &sender{
			out: producer, schedule: pace.Share(schedule, i, g.cfg.Producers), targets: len(g.loaded),
			first: firstTarget(g.cfg.Seed, i, len(g.loaded)), maxBehind: g.cfg.MaxBehind, now: g.cfg.Recorder.Now,
		}})
	}
	for i := range g.cfg.Readers {
		r, err := g.newReading(names[g.cfg.Producers+i], 0)
		if err != nil {
			return err
		}
		g.mu.Lock()
		g.mu.readers, g.mu.current = append(g.mu.readers, r), append(g.mu.current, r)
		g.mu.Unlock()
	}
	return nil
}

// newReading makes a live reader that crashed so often before.
func (g *Generator) newReading(name string, incarnation int) (*reading, error) {
	got := newReceived(incarnationName(name, incarnation), true)
	reader, err := client.NewReader(client.ReaderConfig{
		Shared: g.shared, Process: got.process, Kind: history.Fetch, Targets: g.targets, Spec: g.cfg.Reader, Received: got.receive,
	})
	if err != nil {
		return nil, err
	}
	return &reading{name: name, incarnation: incarnation, reader: reader, received: got, done: make(chan struct{})}, nil
}

// allReaders are the live readers that there have been.
func (g *Generator) allReaders() []*reading {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.mu.readers)
}

// startGroups opens the groups' members and lets them consume.
func (g *Generator) startGroups(ctx context.Context) error {
	for i, cfg := range g.cfg.Groups {
		one := newGroup(g.cfg, i, g.shared, g.targets)
		g.mu.Lock()
		g.groups = append(g.groups, one)
		g.mu.Unlock()
		for i := range cfg.Members {
			if err := one.start(ctx, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// allGroups are the groups of consumers that were started.
func (g *Generator) allGroups() []*group {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.groups)
}
