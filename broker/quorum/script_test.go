package quorum

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/env/mem"
	pb "go.etcd.io/raft/v3/raftpb"
)

var update = flag.Bool("update", false, "write what the scripts print into testdata")

// TestScripts runs the transcripts of testdata: a line "> command" does something to a cluster, and
// the lines after it are what happens. The commands are the methods of script.
func TestScripts(t *testing.T) {
	seeded(t)
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 4 {
		t.Fatalf("scripts %q: %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := string(text); got != want && !*update {
				t.Errorf("%s: the transcript is now\n%s", file, got)
			}
		})
	}
}

// replay runs a transcript's commands, and gives it with the output they have now.
func replay(t *testing.T, text string) string {
	s := &script{}
	var out strings.Builder
	for line := range strings.Lines(text) {
		command, ok := strings.CutPrefix(line, "> ")
		if !ok {
			if line == "\n" || strings.HasPrefix(line, "#") {
				out.WriteString(line)
			}
			continue
		}
		out.WriteString(line)
		s.out.Reset()
		if err := s.do(strings.Fields(command)); err != nil {
			t.Fatalf("%s: %v", strings.TrimSpace(command), err)
		}
		out.WriteString(s.out.String())
	}
	return out.String()
}

// script is a cluster driven by commands. Nothing happens of itself: messages wait to be delivered,
// and syncs to be run.
type script struct {
	cluster
	out      strings.Builder
	isolated []int32
}

func (s *script) printf(format string, args ...any) { fmt.Fprintf(&s.out, "  "+format+"\n", args...) }

func (s *script) do(words []string) error {
	name, args := words[0], words[1:]
	if name == "cluster" {
		return s.start(args)
	}
	switch name {
	case "deliver":
		return s.deliver()
	case "settle":
		return s.settle()
	case "heal":
		s.isolated = nil
		return nil
	}
	id, err := strconv.Atoi(args[0])
	if err != nil || id < 1 || id > len(s.members) {
		return fmt.Errorf("no voter %q", args[0])
	}
	return s.one(name, s.members[id-1], args[1:])
}

// start makes voters 1 to n; "unsafe" plants the bug in them.
func (s *script) start(args []string) error {
	c, err := newCluster(1, 0, slices.Contains(args, "unsafe"))
	if err != nil {
		return err
	}
	s.cluster, s.isolated = *c, nil
	s.cfg.KeepEntries = 0
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for id := range int32(n) {
		s.cfg.Voters = append(s.cfg.Voters, id+1)
		s.members = append(s.members, &member{id: id + 1, disk: mem.New()})
	}
	for _, m := range s.members {
		if err := m.open(s.cfg); err != nil {
			return err
		}
	}
	return nil
}

// one does something to one voter.
func (s *script) one(name string, m *member, args []string) error {
	switch name {
	case "isolate":
		s.isolated = append(s.isolated, m.id)
	case "crash":
		m.crash(nil)
	case "restart":
		if err := m.open(s.cfg); err != nil {
			return err
		}
		s.printf("%d: starts with an image of %d entries", m.id, m.applied)
	case "status":
		st := m.q.Status()
		s.printf("%d: %s in term %d, leader %d, commit %d, last %d, log from entry %d, high watermark %d",
			m.id, st.Role, st.Leader.Term, st.Leader.ID, st.Commit, st.Last, st.First, st.HighWatermark)
	case "log":
		return s.log(m)
	default:
		return s.ask(name, m, args)
	}
	return nil
}

// ask calls what has effects.
func (s *script) ask(name string, m *member, args []string) error {
	switch name {
	case "campaign":
		return s.effects(m, m.q.Campaign())
	case "tick":
		n, err := strconv.Atoi(args[0])
		for range n {
			if err == nil {
				err = s.effects(m, m.q.Tick())
			}
		}
		return err
	case "propose":
		index, fx, err := m.q.Propose(0, [][]byte{[]byte(args[0])})
		if errors.Is(err, ErrNotLeader) {
			s.printf("refused: %v", err)
			return nil
		}
		if err == nil {
			s.printf("%d: proposed as entry %d", m.id, index)
			err = s.effects(m, fx)
		}
		return err
	case "transfer":
		to, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		fx, err := m.q.TransferLeader(int32(to))
		if err != nil {
			return err
		}
		return s.effects(m, fx)
	case "sync":
		return s.sync(m)
	case "compact":
		fx, err := m.q.Compact(m.applied, m.image())
		if err != nil {
			return err
		}
		return s.effects(m, fx)
	default:
		return fmt.Errorf("no command %q", name)
	}
}

// effects prints the effects of a call and keeps its messages and its sync.
func (s *script) effects(m *member, fx Effects) error {
	if fx.Fatal != nil {
		return fx.Fatal
	}
	if fx.Leader != nil {
		s.printf("%d: leader %d, term %d", m.id, fx.Leader.ID, fx.Leader.Term)
	}
	if fx.Snapshot != nil {
		s.printf("%d: takes an image of entries 1 to %d, offset %d", m.id, fx.Snapshot.Index, fx.Snapshot.Offset)
		m.applied = fx.Snapshot.Index
	}
	for _, e := range fx.Committed {
		s.printf("%d: applies entry %d of term %d, offset %d: %s", m.id, e.Index, e.Term, e.Offset, content(e.Values))
		m.applied = e.Index
	}
	for _, p := range fx.Sends {
		s.wire = append(s.wire, packet{m.id, p.To, p.Bytes})
	}
	if fx.Sync != nil {
		s.printf("%d: has something to sync", m.id)
		m.sync = fx.Sync
	}
	return nil
}

func content(values [][]byte) string {
	if values == nil {
		return "(the term begins)"
	}
	return string(slices.Concat(values...))
}

func (s *script) sync(m *member) error {
	if m.sync == nil {
		return nil
	}
	done := actor.SyncDone{Token: m.sync.Token, Err: m.sync.Syncer.Run()}
	m.sync = nil
	return s.effects(m, m.q.SyncDone(done))
}

// deliver delivers what waits now, in order, and prints it; not what comes of it.
func (s *script) deliver() error {
	wire := s.wire
	s.wire = nil
	for _, p := range wire {
		if err := s.pass(p, true); err != nil {
			return err
		}
	}
	return nil
}

// settle syncs and delivers until nothing is left to do, and prints only what owners see.
func (s *script) settle() error {
	for quiet := false; !quiet; {
		quiet = len(s.wire) == 0
		wire := s.wire
		s.wire = nil
		for _, p := range wire {
			if err := s.pass(p, false); err != nil {
				return err
			}
		}
		for _, m := range s.members {
			quiet = quiet && m.sync == nil
			if err := s.sync(m); err != nil {
				return err
			}
		}
	}
	text := s.out.String()
	s.out.Reset()
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "has something to sync") {
			s.out.WriteString(line)
		}
	}
	return nil
}

func (s *script) pass(p packet, tell bool) error {
	to := s.members[p.to-1]
	lost := to.q == nil || slices.Contains(s.isolated, p.from) || slices.Contains(s.isolated, p.to)
	if tell {
		text, err := describe(p)
		if err != nil {
			return err
		}
		if lost {
			text += ": lost"
		}
		s.printf("%s", text)
	}
	if lost {
		return nil
	}
	fx, err := to.q.Receive(p.bytes)
	if err != nil {
		return err
	}
	return s.effects(to, fx)
}

// describe prints what a message says.
func describe(p packet) (string, error) {
	m, err := decode(p.bytes)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("%d -> %d %s term %d", p.from, p.to, strings.TrimPrefix(m.GetType().String(), "Msg"), m.GetTerm())
	switch m.GetType() {
	case pb.MsgApp:
		text += fmt.Sprintf(" after %d/%d", m.GetIndex(), m.GetLogTerm())
		for _, e := range m.GetEntries() {
			text += fmt.Sprintf(" +%d/%d", e.GetIndex(), e.GetTerm())
		}
		text += fmt.Sprintf(" commit %d", m.GetCommit())
	case pb.MsgVote, pb.MsgPreVote:
		text += fmt.Sprintf(" last %d/%d", m.GetIndex(), m.GetLogTerm())
	case pb.MsgAppResp:
		text += fmt.Sprintf(" up to %d", m.GetIndex())
	case pb.MsgSnap:
		text += fmt.Sprintf(" image of 1 to %d", m.GetSnapshot().GetMetadata().GetIndex())
	}
	if m.GetReject() {
		text += " refused"
	}
	return text, nil
}

// log prints the entries in a voter's log.
func (s *script) log(m *member) error {
	first, last := m.q.store.base.index+1, m.q.store.last()
	if first > last {
		s.printf("%d: no entries after %d", m.id, last)
		return nil
	}
	entries, err := m.q.store.Entries(first, last+1, MaxMessageBytes)
	if err != nil {
		return err
	}
	for _, e := range entries {
		c, err := committed(e, m.q.store.at(e.GetIndex()).offset)
		if err != nil {
			return err
		}
		s.printf("%d: entry %d of term %d, offset %d: %s", m.id, c.Index, c.Term, c.Offset, content(c.Values))
	}
	return nil
}
