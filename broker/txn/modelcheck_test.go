package txn

import (
	"strings"
	"testing"
	"time"
)

// settleAll lets everything come to its end: nothing may hang.
func (m *model) settleAll() {
	m.calm = true
	for range 50 {
		for len(m.flying) > 0 {
			arrive := m.flying[0]
			m.flying = m.flying[1:]
			arrive()
			m.serve()
		}
		m.pause(time.Second)
		m.serve()
	}
	for _, t := range m.m.sorted() {
		if t.state != Empty && t.state != CompleteCommit && t.state != CompleteAbort {
			m.bad("%s hangs in %s", t.id, t.state)
		}
	}
	for i := range m.logs {
		for id, p := range m.logs[i].producers {
			if p.open {
				m.bad("partition %d: the transaction of producer %d has no end", i, id)
			}
		}
	}
}

// check compares what became of each attempt in all partitions, and with what its client was told.
func (m *model) check() (commits, aborts int) {
	fates := map[*attempt]map[string][]int{}
	for i := range m.logs {
		open := map[int64][]*attempt{}
		for _, e := range m.logs[i].entries {
			if e.of != nil {
				open[e.producer] = append(open[e.producer], e.of)
				continue
			}
			for _, a := range open[e.producer] {
				if fates[a] == nil {
					fates[a] = map[string][]int{}
				}
				fates[a][outcomeName(e.commit)] = append(fates[a][outcomeName(e.commit)], i)
			}
			delete(open, e.producer)
		}
	}
	m.decisions()
	for _, a := range m.attempts {
		fate := fates[a]
		if len(fate) > 1 {
			m.bad("%s: committed in partitions %v, aborted in %v", a.name, fate["commit"], fate["abort"])
		}
		for is := range fate {
			if a.told != "" && is != a.told {
				m.bad("%s: the client was told %s, partitions %v have %s", a.name, a.told, fate[is], is)
			}
		}
		commits, aborts = commits+len(fate["commit"]), aborts+len(fate["abort"])
	}
	return commits, aborts
}

// decisions looks through the log: one that is written is followed by itself, or by what it becomes, and nothing else.
func (m *model) decisions() {
	states := map[string]State{}
	for i, r := range m.log {
		probe := New(Config{}, 1)
		if err := probe.Load(r.Key, r.Value); err != nil {
			m.bad("%v", err)
		}
		for id, t := range probe.ids {
			before := states[id]
			if (before == PrepareCommit || before == PrepareAbort) && t.state != before && t.state != before+2 {
				m.bad("record %d: %s is %s after %s", i, id, t.state, before)
			}
			states[id] = t.state
		}
	}
}

func (m *model) run(steps int) (commits, aborts int) {
	for range steps {
		if m.step(); len(m.wrong) > 0 {
			return 0, 0
		}
	}
	m.settleAll()
	return m.check()
}

// Whatever happens: each transaction has one end, which all of its partitions get and its client is told, epochs never
// go back, and nothing hangs.
func TestModel(t *testing.T) {
	commits, aborts := 0, 0
	var ends Ends
	for seed := range uint64(600) {
		m := newModel(t, seed, VersionOne+int16(min(seed%3, 1)), Bugs{})
		c, a := m.run(1500)
		if len(m.wrong) > 0 {
			t.Fatalf("seed %d: %s", seed, strings.Join(m.wrong, "\n"))
		}
		commits, aborts, ends = commits+c, aborts+a, ends.Plus(m.m.Ended())
	}
	if commits < 1000 || aborts < 1000 || ends.TimedOut < 20 || ends.Fenced < 20 {
		t.Errorf("the model does not do much: %d commits, %d aborts, %+v", commits, aborts, ends)
	}
	t.Logf("%d commits, %d aborts of partitions; %+v under the last coordinators", commits, aborts, ends)
}

// The model finds each of the planted bugs.
func TestModelFindsBugs(t *testing.T) {
	for name, c := range map[string]struct {
		bugs Bugs
		want []string
	}{
		"amnesia":     {Bugs{Amnesia: true}, []string{"has no end", "committed in partitions"}},
		"delayed end": {Bugs{DelayedEnd: true}, []string{"was told", "committed in partitions"}},
		"no fence":    {Bugs{NoFence: true}, []string{"is given after"}},
		"marker lost": {Bugs{MarkerLost: true}, []string{"has no end", "committed in partitions", "was told"}},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(100) {
				m := newModel(t, seed, VersionTwo, c.bugs)
				m.run(1500)
				for _, text := range m.wrong {
					for _, want := range c.want {
						if strings.Contains(text, want) {
							t.Logf("seed %d: %s", seed, text)
							return
						}
					}
				}
			}
			t.Error("100 seeds did not find it")
		})
	}
}
