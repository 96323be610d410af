package loadgen

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/logproof/logproof/loadgen/client"
	"github.com/logproof/logproof/verify/history"
)

// Group is one consumer group of a load: its members consume all topics together, or From.
type Group struct {
	client.GroupSpec
	Members int
	// From is the topic that is consumed, "" all of them.
	From string
	// To is the topic that members with commit transaction write; nobody else writes it.
	To string
	// Isolation of the members.
	Isolation history.Isolation
}

// transforms reports whether the members consume, transform and produce.
func (g Group) transforms() bool { return g.Commit == client.CommitTransaction }

// firstTransformer is the number in payloads of the first member that transforms; those of producers are below.
const firstTransformer = 1 << 30

// group is one consumer group at work.
type group struct {
	cfg    Group
	open   func(process, instance string, id uint32) (*client.Member, error)
	shared client.Shared
	ended  endings
	target []client.Target

	mu        sync.Mutex
	members   []*membering // all that there have been
	current   []*membering // those that stand for each of the group's
	began     []int        // how many there have been of each of the group's before
	crashes   uint64
	reached   map[history.Partition]int64
	moved     chan struct{} // closed and replaced when reached rises
	processed *received
	polled    uint64
	abandoned uint64
}

// membering is one member and its loop.
type membering struct {
	name    string
	number  int
	member  *client.Member
	cancel  context.CancelFunc
	crashed bool
	closed  bool
	done    chan struct{}
}

// GroupAccount says what the members of one group did with the load.
type GroupAccount struct {
	Name string
	// Polled records, barriers among them, and those that were not processed, because a member crashed or its
	// commit before failed.
	Polled, Abandoned uint64
	// Processed records, without barriers.
	Processed, Unique, Reprocessed uint64
	Barriers                       uint64
	// Skipped are records that no member processed, although later ones of the same producer were.
	Skipped uint64
	// Crashes of members.
	Crashes uint64
}

// newGroup prepares the index-th group of a load.
func newGroup(load Config, index int, shared client.Shared, all []client.Target) *group {
	cfg, reader := load.Groups[index], load.Reader
	reader.Isolation = cfg.Isolation
	targets := cfg.consumed(all)
	g := &group{
		cfg: cfg, shared: shared, target: targets, reached: map[history.Partition]int64{}, moved: make(chan struct{}),
		processed: newReceived(cfg.Name, false), began: make([]int, cfg.Members),
	}
	count := func(n *uint64) func(int) {
		return func(records int) {
			g.mu.Lock()
			defer g.mu.Unlock()
			*n += uint64(records)
		}
	}
	g.open = func(process, instance string, id uint32) (*client.Member, error) {
		member := client.MemberConfig{
			Shared: shared, Process: process, Instance: instance, Targets: targets, Reader: reader, Group: cfg.GroupSpec,
			Polled: count(&g.polled), Processed: g.process, Abandoned: count(&g.abandoned),
		}
		if cfg.transforms() {
			member.Transform = &client.TransformSpec{
				To: cfg.written(all), ID: firstTransformer + uint32(index)<<20 + id, RecordSize: load.RecordSize,
				Producer: load.transformer(), TransactionalID: instance, Ended: g.ended.end,
			}
		}
		return client.NewMember(member)
	}
	return g
}

// consumed are the partitions that the members consume, and written those that they write.
func (g Group) consumed(all []client.Target) []client.Target { return ofTopic(all, g.From) }

func (g Group) written(all []client.Target) []client.Target { return ofTopic(all, g.To) }

// ofTopic are the partitions of a topic, of all for "".
func ofTopic(all []client.Target, topic string) (some []client.Target) {
	for _, t := range all {
		if topic == "" || t.Partition.Topic == topic {
			some = append(some, t)
		}
	}
	return some
}

// process takes a record that a member processed.
func (g *group) process(r client.Received) {
	g.processed.receive(r)
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.Header.Barrier {
		g.reached[r.Partition] = max(g.reached[r.Partition], r.Header.Sequence+1)
		close(g.moved)
		g.moved = make(chan struct{})
	}
}

// start opens a member in the place of one of the group's and lets it consume until ctx ends.
func (g *group) start(ctx context.Context, number int) error {
	g.mu.Lock()
	instance, before := memberName(g.cfg.Name, number), g.began[number]
	g.began[number]++
	name := incarnationName(instance, before)
	g.mu.Unlock()
	member, err := g.open(name, instance, uint32(number+before*g.cfg.Members))
	if err != nil {
		return err
	}
	m := &membering{name: name, number: number, member: member, done: make(chan struct{})}
	ctx, m.cancel = context.WithCancel(ctx)
	g.mu.Lock()
	g.members = append(g.members, m)
	if number < len(g.current) {
		g.current[number] = m
	} else {
		g.current = append(g.current, m)
	}
	g.mu.Unlock()
	go func() {
		defer close(m.done)
		member.Run(ctx)
	}()
	return nil
}

// crash ends a member where it stands.
func (g *group) crash(number int) error {
	g.mu.Lock()
	m := g.current[number]
	already := m.crashed
	m.crashed = true
	g.mu.Unlock()
	if already {
		return errors.New("it has crashed already")
	}
	m.member.Crash()
	m.cancel()
	<-m.done
	m.member.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.crashes++
	return nil
}

// revive starts another member after a crash.
func (g *group) revive(ctx context.Context, number int) error {
	g.mu.Lock()
	crashed := g.current[number].crashed
	g.mu.Unlock()
	if !crashed {
		return errors.New("it has not crashed")
	}
	return g.start(ctx, number)
}

// allMembers are all that there have been.
func (g *group) allMembers() []*membering {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.members)
}

// double starts another member under the transactional id of one that goes on.
func (g *group) double(ctx context.Context, number int) error {
	if !g.cfg.transforms() {
		return errNotTransactional
	}
	g.mu.Lock()
	old := g.current[number]
	g.mu.Unlock()
	if old.crashed {
		return errors.New("it has crashed")
	}
	old.member.Replace()
	return g.start(ctx, number)
}

// fenced is how often members that were doubled were told so.
func (g *group) fenced(number int) (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.members {
		if m.number == number && m != g.current[number] {
			n += m.member.Fenced()
		}
	}
	return n
}

// drain waits until the members have processed every partition to its barrier.
func (g *group) drain(ctx context.Context, marks map[history.Partition]client.Mark) error {
	for {
		g.mu.Lock()
		var missing []string
		for _, t := range g.target {
			p := t.Partition
			mark, written := marks[p]
			if written && g.reached[p] <= mark.Sequence {
				missing = append(missing, p.String())
			}
		}
		moved := g.moved
		g.mu.Unlock()
		if len(missing) == 0 {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			slices.Sort(missing)
			return fmt.Errorf("group %s did not process every partition to its barrier: %s: %w", g.cfg.Name, strings.Join(missing, ", "), ctx.Err())
		}
	}
}

// end lets the members leave in order, one after the other, and asks what positions are left.
func (g *group) end(ctx context.Context) error {
	g.close()
	return client.AskPositions(ctx, g.shared, g.cfg.Name+"-end", g.cfg.Name, g.target)
}

// close ends every member; those that have not crashed leave.
func (g *group) close() {
	for _, m := range g.allMembers() {
		m.cancel()
		<-m.done
		if !m.crashed && !m.closed {
			m.closed = true
			m.member.Close()
		}
	}
	g.mu.Lock()
	g.current = nil
	g.mu.Unlock()
}

// account is what the group contributes to the accounting. Polled and Abandoned are counted by polls, the
// rest record by record.
func (g *group) account() GroupAccount {
	r := g.processed
	r.mu.Lock()
	a := GroupAccount{Name: g.cfg.Name, Processed: r.records, Reprocessed: r.duplicates, Barriers: r.barriers}
	for _, s := range r.seen {
		a.Unique += s.size()
		a.Skipped += s.holes()
	}
	r.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	a.Polled, a.Abandoned = g.polled, g.abandoned
	a.Crashes = g.crashes
	return a
}

// memberName is the process of a group's member.
func memberName(group string, number int) string { return fmt.Sprintf("%s-%d", group, number) }
