package verify

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/logproof/logproof/verify/history"
)

// Mistakes of the simulated group.
const (
	loseCommit   mutation = "forget an acknowledged commit when the coordinator fails"
	jumpCommit   mutation = "give a member a position above what was committed"
	commitMore   mutation = "commit beyond what was processed"
	skipRecord   mutation = "begin above the position that was given"
	assignSooner mutation = "assign without waiting for the members of the last generation"
	assignTwice  mutation = "assign a partition to two members of one generation"
	takeZombie   mutation = "accept a commit of a generation that is over"
)

// groupSim is a group with a coordinator that fails now and then, over logs that are full from the start.
// One seed gives one history.
type groupSim struct {
	*simulation
	generation int32
	members    []*simMember
	joined     int
	committed  map[history.Partition]int64
	synced     map[history.Partition]int64 // what a failing coordinator does not forget
}

// simMember holds partitions of a generation, or believes so.
type simMember struct {
	process, id string
	generation  int32
	invoke      history.Time
	until       history.Time
	zombie      bool
	at          map[history.Partition]int64 // next offset to process
}

const simSession = 200

func newGroupSim(seed uint64, mistake mutation) *groupSim {
	g := &groupSim{simulation: newSimulation(seed, mistake), committed: map[history.Partition]int64{}, synced: map[history.Partition]int64{}}
	for _, p := range simPartitions {
		g.committed[p], g.synced[p] = history.Unset, history.Unset
		for i := range int64(60) {
			g.put(p, 0, i)
		}
		g.now += 2
		g.record(history.Operation{Process: "producer-0", Kind: history.Produce, Outcome: history.OK, Invoke: g.now,
			Runs: []history.Run{{Partition: p, Count: 60}}})
	}
	return g
}

func (g *groupSim) run(steps int) []history.Entry {
	g.rebalance()
	for range steps {
		g.now += history.Time(1 + g.rng.Int64N(5))
		m := g.members[g.rng.IntN(len(g.members))]
		switch g.rng.IntN(12) {
		case 0:
			g.rebalance()
		case 1:
			if !m.zombie {
				m.until = max(m.until, g.now+simSession)
			}
		case 2:
			g.fail()
		case 3, 4, 5, 6:
			g.commit(m)
		default:
			g.process(m)
		}
	}
	for _, m := range g.members {
		g.giveUp(m, history.OK)
	}
	for range 40 { // a group as it should be, so that what was lost shows
		g.rebalance()
	}
	for _, m := range g.members {
		g.giveUp(m, history.OK)
	}
	g.finish()
	return g.entries
}

func (g *groupSim) part(m *simMember, positions ...history.Position) *history.GroupPart {
	return &history.GroupPart{Group: "workers", Member: m.id, Generation: m.generation, Positions: positions}
}

// rebalance begins a generation: members give up what they hold, or are removed without knowing.
func (g *groupSim) rebalance() {
	var zombies []*simMember
	for _, m := range g.members {
		switch {
		case m.zombie:
			if g.rng.IntN(2) == 0 {
				zombies = append(zombies, m)
				continue
			}
			g.giveUp(m, history.Unknown)
		case len(m.at) > 0 && m.until > g.now+1 && g.make(assignSooner):
			m.zombie, m.until = true, g.now+simSession
			zombies = append(zombies, m)
		case len(zombies) == 0 && g.rng.IntN(4) == 0: // it is not heard of any more
			m.zombie = true
			g.now = max(g.now, m.until)
			zombies = append(zombies, m)
		default:
			g.giveUp(m, history.OK)
		}
	}
	g.generation++
	g.now++
	g.members = zombies
	for range 1 + g.rng.IntN(3) {
		g.joined++
		g.members = append(g.members, &simMember{
			process: fmt.Sprint("workers-", g.joined), id: fmt.Sprint("m", g.joined), generation: g.generation, invoke: g.now,
			until: g.now + simSession, at: map[history.Partition]int64{},
		})
	}
	g.assign(g.members[len(zombies):])
}

func (g *groupSim) assign(fresh []*simMember) {
	for _, p := range simPartitions {
		m := fresh[g.rng.IntN(len(fresh))]
		g.resume(m, p)
		if other := fresh[g.rng.IntN(len(fresh))]; other != m && g.make(assignTwice) {
			g.resume(other, p)
		}
	}
}

func (g *groupSim) resume(m *simMember, p history.Partition) {
	invoke := g.now
	g.now++
	at := g.committed[p]
	if at < int64(len(g.logs[p])) && g.make(jumpCommit) {
		at = max(at, 0) + 1
	}
	g.record(history.Operation{Process: m.process, Kind: history.Resume, Outcome: history.OK, Invoke: invoke,
		Group: g.part(m, history.Position{Partition: p, Offset: at})})
	m.at[p] = max(at, 0)
	if m.at[p]+3 < int64(len(g.logs[p])) && g.make(skipRecord) {
		m.at[p]++
		g.process(m)
		g.commit(m)
	}
}

// giveUp ends what a member holds.
func (g *groupSim) giveUp(m *simMember, outcome history.Outcome) {
	part := g.part(m)
	part.Until = m.until
	for _, p := range simPartitions {
		if _, ok := m.at[p]; ok {
			part.Positions = append(part.Positions, history.Position{Partition: p, Offset: history.Unset})
		}
	}
	g.record(history.Operation{Process: m.process, Kind: history.Own, Outcome: outcome, Invoke: m.invoke, Group: part})
}

// process takes the next records of one partition of a member.
func (g *groupSim) process(m *simMember) {
	for _, p := range simPartitions {
		at, ok := m.at[p]
		n := min(int64(1+g.rng.IntN(4)), int64(len(g.logs[p]))-at)
		if !ok || n == 0 {
			continue
		}
		g.record(history.Operation{Process: m.process, Kind: history.Fetch, Outcome: history.OK, Invoke: g.now,
			Runs: []history.Run{{Partition: p, FirstOffset: at, FirstSequence: at, Count: int32(n)}}})
		m.at[p] += n
		return
	}
}

// commit asks for what a member has processed; now and then nobody learns whether it was taken.
func (g *groupSim) commit(m *simMember) {
	for _, p := range simPartitions {
		at, ok := m.at[p]
		if !ok || at == 0 {
			continue
		}
		if at < int64(len(g.logs[p])) && g.make(commitMore) {
			at++
		}
		g.now++
		op := history.Operation{Process: m.process, Kind: history.Commit, Outcome: history.OK, Invoke: g.now,
			Group: g.part(m, history.Position{Partition: p, Offset: at})}
		switch {
		case m.zombie && m.generation < g.generation && g.make(takeZombie):
			g.committed[p] = at
		case m.zombie:
			op.Outcome = history.Fail
		case g.rng.IntN(8) == 0:
			op.Outcome = history.Unknown
			if g.rng.IntN(2) == 0 {
				g.committed[p] = at
			}
		default:
			g.committed[p] = at
		}
		if op.Outcome == history.OK && g.rng.IntN(2) == 0 {
			g.synced[p] = at
		}
		g.record(op)
		return
	}
}

// fail is the end of one coordinator and the beginning of the next, which has loaded what was committed.
func (g *groupSim) fail() {
	for _, p := range simPartitions {
		if g.synced[p] < g.committed[p] && g.make(loseCommit) {
			g.committed[p] = g.synced[p]
			g.rebalance()
			return
		}
	}
}

var groupExpect = Expect{Partitions: simPartitions, Groups: []string{"workers"}, Idempotent: true, RequireScan: true, Rules: []Rule{Loss, ReaderAgreement, GroupPosition, Exclusivity}}

func TestCleanGroupsPass(t *testing.T) {
	for seed := range uint64(200) {
		g := newGroupSim(seed, none)
		if r := check(t, g.run(200), groupExpect); r.Verdict != Pass {
			t.Fatalf("seed %d: verdict %s: anomalies %q, undecided %q: %s", seed, r.Verdict, failures(r), undecided(r), texts(r))
		}
	}
}

func texts(r Report) (list []string) {
	for _, rule := range r.Rules {
		for _, a := range rule.Anomalies {
			list = append(list, a.Text)
		}
	}
	return list
}

// Each single mistake of a group is caught, as what it is.
func TestMistakesOfGroupsAreCaughtAsWhatTheyAre(t *testing.T) {
	for mistake, want := range map[mutation]string{
		loseCommit:   "group-position resume-regress",
		jumpCommit:   "group-position resume-skip",
		commitMore:   "group-position commit-ahead",
		skipRecord:   "group-position group-skip",
		assignSooner: "exclusivity two-owners",
		assignTwice:  "exclusivity two-owners",
		takeZombie:   "exclusivity fenced-commit",
	} {
		t.Run(string(mistake), func(t *testing.T) {
			made, caught := 0, 0
			for seed := range uint64(60) {
				g := newGroupSim(seed, mistake)
				list := g.run(200)
				if !g.made {
					continue
				}
				made++
				r := check(t, list, groupExpect)
				// Where a zombie had processed the record, its commit is no commit ahead; but it goes back next time.
				got := slices.DeleteFunc(failures(r), func(what string) bool {
					return mistake == commitMore && what == "group-position commit-regress"
				})
				if slices.Equal(got, []string{want}) {
					caught++
				} else if len(got) > 0 {
					t.Fatalf("seed %d: anomalies %q, want %q: %q", seed, got, want, texts(r))
				}
			}
			// A commit that nobody asks for before it is overtaken is lost without a trace, and a generation
			// in which the next owner is the old one has no two.
			if made < 30 || caught < made/2 {
				t.Errorf("the mistake was made in %d of 60 histories and caught in %d", made, caught)
			}
		})
	}
}

// The register is compared with its definition: a resume may give a commit that began before it
// returned, unless an acknowledged one lies wholly between the two.
func TestRegisterAgreesWithItsDefinition(t *testing.T) {
	legal, illegal := 0, 0
	for seed := range uint64(400) {
		list := wildGroup(seed, 40)
		e := New(Expect{Rules: []Rule{GroupPosition}, Groups: []string{"g"}})
		for _, entry := range list {
			e.Observe(entry)
		}
		var got int64
		for _, a := range e.Report().Rules[7].Anomalies {
			if a.Class == ResumeRegress || a.Class == ResumeSkip {
				got++
			}
		}
		want := dumbResumes(list)
		if got != want {
			t.Fatalf("seed %d: %d illegal resumes, by definition %d", seed, got, want)
		}
		if want > 0 {
			illegal++
		} else {
			legal++
		}
	}
	if min(legal, illegal) < 50 {
		t.Errorf("%d histories are legal and %d are not: the test should see both kinds often", legal, illegal)
	}
}

// wildGroup has commits and resumes with random intervals and few offsets, so that they often meet.
func wildGroup(seed uint64, n int) []history.Entry {
	rng := rand.New(rand.NewPCG(seed, 11))
	now, newest := history.Time(100), int64(history.Unset)
	var list []history.Entry
	for range n {
		now += history.Time(rng.Int64N(6))
		op := &history.Operation{
			Process: "workers-0", Kind: history.Commit, Outcome: history.OK, Invoke: now - history.Time(rng.Int64N(12)), Return: now,
			Group: &history.GroupPart{Group: "g", Generation: 1, Positions: []history.Position{{Partition: simPartitions[0], Offset: newest + 1}}},
		}
		switch rng.IntN(6) {
		case 0:
			op.Outcome = history.Unknown
		case 1:
			op.Outcome = history.Fail
		case 2, 3:
			op.Kind = history.Resume
			if op.Group.Positions[0].Offset = newest; rng.IntN(12) == 0 {
				op.Group.Positions[0].Offset = max(history.Unset, newest-rng.Int64N(3))
			}
		}
		if op.Kind == history.Commit && op.Outcome == history.OK {
			newest++
		}
		list = append(list, history.Entry{Operation: op})
	}
	return list
}

func dumbResumes(list []history.Entry) (illegal int64) {
	for _, e := range list {
		read := e.Operation
		if read.Kind != history.Resume {
			continue
		}
		offset := read.Group.Positions[0].Offset
		// between reports an acknowledged commit after one moment and before the read.
		between := func(after history.Time) bool {
			return slices.ContainsFunc(list, func(e history.Entry) bool {
				w := e.Operation
				return w.Kind == history.Commit && w.Outcome == history.OK && w.Invoke > after && w.Return < read.Invoke
			})
		}
		explained := offset == history.Unset && !between(0) || slices.ContainsFunc(list, func(e history.Entry) bool {
			w := e.Operation
			return w.Kind == history.Commit && w.Outcome != history.Fail && w.Group.Positions[0].Offset == offset && w.Invoke <= read.Return &&
				(w.Outcome == history.Unknown || !between(w.Return))
		})
		if !explained {
			illegal++
		}
	}
	return illegal
}

// What the rules keep of a group does not grow with what it commits.
func TestGroupsKeepLittle(t *testing.T) {
	e := New(Expect{Groups: []string{"g"}, Rules: []Rule{GroupPosition, Exclusivity}})
	p := simPartitions[0]
	now := history.Time(0)
	tell := func(kind history.Kind, outcome history.Outcome, at int64, runs ...history.Run) {
		now += 10
		op := &history.Operation{Process: "workers-0", Kind: kind, Outcome: outcome, Invoke: now - 5, Return: now, Runs: runs}
		if kind != history.Fetch {
			op.Group = &history.GroupPart{Group: "g", Member: "m", Generation: 1, Positions: []history.Position{{Partition: p, Offset: at}}}
		}
		e.Observe(history.Entry{Operation: op})
	}
	tell(history.Resume, history.OK, history.Unset)
	var marks []int
	for i := range int64(20_000) {
		tell(history.Fetch, history.OK, 0, history.Run{Partition: p, FirstOffset: 3 * i, FirstSequence: 3 * i, Count: 3})
		outcome := history.OK
		if i%7 == 0 {
			outcome = history.Unknown
		}
		tell(history.Commit, outcome, 3*i+3)
		if i%4000 == 3999 {
			marks = append(marks, e.Retained())
		}
	}
	if early, late := marks[1], marks[len(marks)-1]; late > early+early/10 {
		t.Errorf("intervals kept over time: %v", marks)
	}
	e.End(io.EOF)
	if r := e.Report(); len(failures(r)) > 0 {
		t.Errorf("anomalies %q", texts(r))
	}
}
