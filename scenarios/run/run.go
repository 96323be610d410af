package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/logproof/logproof/chaos"
	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/cluster/container"
	"github.com/logproof/logproof/chaos/cluster/process"
	"github.com/logproof/logproof/chaos/ledger"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/loadgen"
	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/scenarios/report"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// Progress is told what a run is doing. It is called from several goroutines.
type Progress interface {
	// Event is something that happened: a phase begins, a fault is proved.
	Event(kind, text string)
	// Status is how things are now, several times a second.
	Status(text string)
}

// Config of one run.
type Config struct {
	Plan plan.Plan
	// Binary is the logproof program that the nodes run; Program is how a person types it.
	Binary, Program string
	// Dir is the run directory; it must not exist yet.
	Dir string
	// Ledger is the directory of the ledger of running harnesses.
	Ledger   string
	Progress Progress
	// Metrics is the address, host:port, on which the run is shown to Prometheus while it goes on; "" is nowhere.
	Metrics string
	// StopOnViolation stops the load at the first violation that the settings of the run do not allow. Faults are
	// healed and the run is judged as always.
	StopOnViolation bool
	// Create makes the file of the history; nil makes a plain one. With it a test has a disk that fills up.
	Create func(name string) (io.WriteCloser, error)
}

// conductor is the state of one run.
type conductor struct {
	cfg      Config
	id       uint64
	began    time.Time
	clock    reading // at the beginning
	recorder *history.Recorder
	cluster  *process.Cluster
	// networks takes the networks of nodes away, where the placement can; nil else.
	networks cluster.Disconnecter
	load     *loadgen.Generator
	// online judges the run while it goes on.
	online *online
	// incidents is what went wrong on the way, each as an assumption that does not hold.
	incidents []verify.Assumption
	// tails are the ends of the nodes' logs when a phase failed, nil if none did.
	tails []report.NodeLog
}

// Run executes the plan. An error means that nothing was judged, because the run could not begin
// or its directory could not be written; every other trouble is in the report. What was started is
// stopped, and what was broken is healed, before it returns, also when ctx ends.
func Run(ctx context.Context, cfg Config) (report.Run, error) {
	c := &conductor{cfg: cfg, id: rand.Uint64(), began: time.Now()}
	if cfg.Plan.Placement == timeline.Sim {
		return c.simulate()
	}
	healed, err := ledger.Heal(cfg.Ledger, container.Healer())
	for _, h := range healed {
		cfg.Progress.Event("heal", h.String())
	}
	if err != nil {
		return report.Run{}, fmt.Errorf("heal what an earlier run left: %w", err)
	}
	if err := c.prepare(); err != nil {
		return report.Run{}, err
	}
	result, err := c.conduct(ctx)
	if err != nil {
		return report.Run{}, err
	}
	if err := writeClock(c.cfg.Dir, c.clock, c.read()); err != nil {
		return report.Run{}, err
	}
	return c.judge(ctx, result)
}

// prepare makes the run directory and opens the history.
func (c *conductor) prepare() error {
	if err := os.MkdirAll(filepath.Dir(c.cfg.Dir), 0o755); err != nil {
		return fmt.Errorf("make the run directory: %w", err)
	}
	if err := os.Mkdir(c.cfg.Dir, 0o755); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("the run directory %s exists: a run keeps its files apart from those of others, choose another one", c.cfg.Dir)
	} else if err != nil {
		return fmt.Errorf("make the run directory: %w", err)
	}
	c.clock = c.read()
	if err := errors.Join(writePlan(c.cfg.Dir, c.cfg.Plan), writeClock(c.cfg.Dir, c.clock)); err != nil {
		return err
	}
	create := c.cfg.Create
	if create == nil {
		create = func(name string) (io.WriteCloser, error) {
			return os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		}
	}
	f, err := create(filepath.Join(c.cfg.Dir, historyFile))
	if err != nil {
		return fmt.Errorf("make the history: %w", err)
	}
	clock := func() history.Time { return history.Time(time.Since(c.began)) }
	meta := history.Meta{Version: Version(), Run: c.id, Scenario: c.cfg.Plan.Scenario, Seed: c.cfg.Plan.Seed, Started: c.began}
	if c.recorder, err = history.NewRecorder(f, meta, clock); err != nil {
		return errors.Join(fmt.Errorf("begin the history: %w", err), f.Close())
	}
	return nil
}

// Version of this program, as the module system knows it: a history says what recorded it.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return ""
}

// conduct starts the cluster, runs the phases and stops everything. The history is closed when it
// returns.
func (c *conductor) conduct(ctx context.Context) (result *loadgen.Result, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(c.cfg.Plan.Limits.Total), errTotal)
	defer cancel()
	defer func() {
		if closed := c.recorder.Close(); closed != nil {
			c.incident("history", fmt.Errorf("the history could not be written: %w", closed))
		}
	}()
	book, err := ledger.Open(c.cfg.Ledger, c.cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	if err := c.start(ctx, book); err != nil {
		return nil, err
	}
	defer c.stop()
	if err := c.connect(); err != nil {
		return nil, err
	}
	defer c.load.Close()
	loading, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	judged, err := c.judgeOnline(stop)
	if err != nil {
		return nil, err
	}
	defer judged()
	c.phases(ctx, loading)
	c.load.Close()
	final := c.load.Result()
	return &final, nil
}

// errTotal is the cause of a run that takes too long.
var errTotal = errors.New("the run reached its limit of total time")

// start starts the nodes.
func (c *conductor) start(ctx context.Context, book *ledger.Ledger) (err error) {
	p := c.cfg.Plan
	c.cfg.Progress.Event("cluster", fmt.Sprintf("%d × %s, each in a %s of its own", len(p.Nodes), p.System, p.Placement))
	nodes := map[int32]process.Broker{}
	for _, n := range p.Nodes {
		b := process.Broker{
			Flush: n.Flush, Disk: n.Disk, Bugs: strings.Join(n.Bugs, ","), Rack: n.Rack, SegmentBytes: int64(n.SegmentSize),
			Timing: process.Timing{
				SessionTimeout: time.Duration(p.Timing.SessionTimeout), Heartbeat: time.Duration(p.Timing.Heartbeat),
				ReplicaLagMax: time.Duration(p.Timing.ReplicaLagMax), QuorumTick: time.Duration(p.Timing.QuorumTick),
			},
		}
		withGroups(&b, p)
		nodes[n.ID] = b
	}
	err = c.place(ctx, process.Config{
		Binary: c.cfg.Binary, Dir: c.cfg.Dir, Brokers: p.IDs(plan.Broker), Controllers: p.IDs(plan.Controller), Ledger: book,
		Args:  func(self process.Endpoint, all []process.Endpoint) []string { return nodes[self.Node].Args(self, all) },
		Links: true, Clients: loadgen.ClientNames(p.Load.Producers, p.Load.Readers, loadGroups(p)...),
	})
	if err != nil {
		return err
	}
	for _, id := range c.cluster.Nodes() {
		c.cfg.Progress.Event("node", fmt.Sprintf("%d, pid %d, %s", id, c.cluster.Pid(id), c.cluster.Endpoint(id)))
	}
	return nil
}

// place starts the nodes where the plan wants them.
func (c *conductor) place(ctx context.Context, cfg process.Config) (err error) {
	if c.cfg.Plan.Placement != timeline.Container {
		c.cluster, err = process.Start(ctx, cfg)
		return err
	}
	placed, err := container.Start(ctx, cfg)
	if err != nil {
		return err
	}
	c.cluster, c.networks = placed.Cluster, placed
	return nil
}

// offsetsPartitions of __consumer_offsets and of __transaction_state: enough that groups have several coordinators, and few enough that a
// run does not begin by waiting for them.
const offsetsPartitions = 8

// withGroups lets a node coordinate the plan's groups as the plan has it. Their positions are kept as safely as
// the topics: with the min ISR that all of those have.
func withGroups(b *process.Broker, p plan.Plan) {
	if p.Transactional() {
		b.TransactionsPartitions = offsetsPartitions
	}
	if len(p.Groups) == 0 {
		return
	}
	b.Groups = &process.Groups{MinSession: time.Duration(p.Groups[0].SessionTimeout), OffsetsPartitions: offsetsPartitions}
	for _, g := range p.Groups {
		b.Groups.MinSession = min(b.Groups.MinSession, time.Duration(g.SessionTimeout))
	}
	least := p.Topics[0].MinISR
	for _, t := range p.Topics {
		least = min(least, t.MinISR)
	}
	if least > 1 {
		b.MinISR = int(least)
	}
}

// ready waits until every node answers.
func (c *conductor) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.cfg.Plan.Limits.Converge))
	defer cancel()
	for _, id := range c.cluster.Nodes() {
		if err := c.cluster.WaitReady(ctx, id); err != nil {
			return fmt.Errorf("node %d: %w", id, err)
		}
	}
	return nil
}

// stop ends the nodes. One that fell over by itself, or does not stop when asked, is in the report.
func (c *conductor) stop() {
	for _, exit := range c.cluster.Exits() {
		c.incident("nodes", errors.New(exit))
	}
	if err := c.cluster.Stop(context.Background()); err != nil {
		c.incident("nodes", err)
	}
}

// connect makes the load generator.
func (c *conductor) connect() (err error) {
	var brokers []string
	for _, id := range c.cluster.Brokers() {
		brokers = append(brokers, c.cluster.Address(id))
	}
	cfg, err := loadConfig(c.cfg.Plan, c.id, brokers, c.recorder)
	if err != nil {
		return err
	}
	c.load, err = loadgen.New(cfg)
	return err
}

// incident notes that something went wrong which no rule judges.
func (c *conductor) incident(name string, err error) {
	c.cfg.Progress.Event("trouble", fmt.Sprintf("%s: %v", name, err))
	c.incidents = append(c.incidents, verify.Assumption{Name: name, Verdict: verify.Inconclusive, Detail: err.Error()})
}

// nemesis makes the executor of the timeline.
func (c *conductor) nemesis(gate chaos.Gate) (*chaos.Nemesis, error) {
	p := c.cfg.Plan
	return chaos.New(chaos.Config{
		Cluster: c.target(), Timeline: p.Timeline, Guards: p.Guards, Seed: p.Seed, Recorder: c.recorder, Gate: gate,
		Watch:      conditions{c.load, c.cluster, p.Load.Readers, p.Floor.PerSecond, time.Now}.watch,
		HealWithin: time.Duration(p.Limits.Converge),
		Progress: func(e chaos.Event) {
			if e.Done {
				c.cfg.Progress.Event("fault", e.String())
			}
		},
	})
}
