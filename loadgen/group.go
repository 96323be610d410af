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

// Group is one consumer group of a load: its members consume all topics together.
type Group struct {
	client.GroupSpec
	Members int
}

// group is one consumer group at work.
type group struct {
	cfg    Group
	open   func(process, instance string) (*client.Member, error)
	shared client.Shared
	target []client.Target

	mu        sync.Mutex
	members   []*membering // all that there have been
	current   []*membering // those that stand for each of the group's
	ended     []uint64     // how often each of the group's has crashed
	reached   map[history.Partition]int64
	moved     chan struct{} // closed and replaced when reached rises
	processed *received
	polled    uint64
	abandoned uint64
}

// membering is one member and its loop.
type membering struct {
	name    string
	member  *client.Member
	cancel  context.CancelFunc
	crashed bool
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

func newGroup(cfg Group, shared client.Shared, reader client.ReaderSpec, targets []client.Target) *group {
	g := &group{
		cfg: cfg, shared: shared, target: targets, reached: map[history.Partition]int64{}, moved: make(chan struct{}),
		processed: newReceived(cfg.Name, false), ended: make([]uint64, cfg.Members),
	}
	count := func(n *uint64) func(int) {
		return func(records int) {
			g.mu.Lock()
			defer g.mu.Unlock()
			*n += uint64(records)
		}
	}
	g.open = func(process, instance string) (*client.Member, error) {
		return client.NewMember(client.MemberConfig{
			Shared: shared, Process: process, Instance: instance, Targets: targets, Reader: reader, Group: cfg.GroupSpec,
			Polled: count(&g.polled), Processed: g.process, Abandoned: count(&g.abandoned),
		})
	}
	return g
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
	instance := memberName(g.cfg.Name, number)
	name := incarnationName(instance, int(g.ended[number]))
	g.mu.Unlock()
	member, err := g.open(name, instance)
	if err != nil {
		return err
	}
	m := &membering{name: name, member: member, done: make(chan struct{})}
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
	g.ended[number]++
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

// drain waits until the members have processed every partition to its barrier.
func (g *group) drain(ctx context.Context, marks map[history.Partition]client.Mark) error {
	for {
		g.mu.Lock()
		var missing []string
		for p, mark := range marks {
			if g.reached[p] <= mark.Sequence {
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
	g.mu.Lock()
	current := slices.Clone(g.current)
	g.mu.Unlock()
	for _, m := range current {
		m.cancel()
		<-m.done
		if !m.crashed {
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
	for _, n := range g.ended {
		a.Crashes += n
	}
	return a
}

// memberName is the process of a group's member.
func memberName(group string, number int) string { return fmt.Sprintf("%s-%d", group, number) }
