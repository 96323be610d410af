package partition

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

var update = flag.Bool("update", false, "write what happens now into testdata")

// TestTranscripts runs the stories of testdata: lines that begin with > are commands, the lines below
// them what happened, lines that begin with # are for the reader.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d stories, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := tell(t, string(text))
			if *update {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want := strings.Split(string(text), "\n")
			for i, line := range strings.Split(got, "\n") {
				if i >= len(want) || want[i] != line {
					t.Fatalf("line %d is now %q; all of it:\n%s", i+1, line, got)
				}
			}
			if got != string(text) {
				t.Fatalf("ends early:\n%s", got)
			}
		})
	}
}

// story is a cluster that is told what to do.
type story struct {
	*cluster
	out strings.Builder
	// held are fetches on their way, by the name that a command gave them.
	held map[string]func()
}

// tell executes the commands of a text, and gives the text with what happened.
func tell(t *testing.T, text string) string {
	s := &story{held: map[string]func(){}}
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, ">"):
			fmt.Fprintln(&s.out, line)
			if err := s.run(strings.Fields(line[1:])); err != nil {
				t.Fatalf("line %d: %q: %v", i+1, line, err)
			}
		case strings.HasPrefix(line, "#"), line == "":
			fmt.Fprintln(&s.out, line)
		}
	}
	return strings.TrimRight(s.out.String(), "\n") + "\n"
}

func (s *story) print(format string, args ...any) {
	fmt.Fprintf(&s.out, "  "+format+"\n", args...)
}

// run executes one command: a verb, often the number of a broker, and words.
func (s *story) run(words []string) error {
	verb, words := words[0], words[1:]
	if verb == "cluster" {
		return s.begin(words)
	}
	if verb == "logs" {
		for _, n := range s.nodes {
			s.print("%d: %s; synced %d", n.id, n.log, n.synced)
		}
		return nil
	}
	if verb == "deliver" {
		s.held[words[0]]()
		return nil
	}
	if verb == "metadata" && words[0] == "all" {
		for _, n := range s.nodes {
			for s.readMetadata(n) {
			}
		}
		return nil
	}
	id, err := strconv.Atoi(words[0])
	if err != nil || id < 1 || id > len(s.nodes) {
		return fmt.Errorf("%q is no broker", words[0])
	}
	return s.order(verb, s.node(int32(id)), words[1:])
}

// order executes a command that concerns one broker.
func (s *story) order(verb string, n *node, words []string) error {
	switch verb {
	case "produce":
		for _, value := range words {
			s.produce(n, value)
		}
	case "sync":
		s.sync(n)
	case "fetch":
		s.fetch(n, strings.Join(words, " "))
	case "alter":
		s.propose(n, strings.Join(words, " "))
	case "metadata":
		for s.readMetadata(n) {
		}
	case "metadata-step":
		s.readMetadata(n)
	case "tick":
		d, err := time.ParseDuration(words[0])
		if err != nil {
			return err
		}
		s.now = s.now.Add(d)
		s.look(n, n.leader.Tick(s.now))
	case "latest":
		offset, err := n.leader.LatestOffset()
		if err != nil {
			s.print("%d: latest offset: %s", n.id, err.Message)
		} else {
			s.print("%d: latest offset %d", n.id, offset)
		}
	case "show":
		s.show(n)
	case "kill", "power-off":
		s.stop(n, verb == "power-off")
	case "wipe":
		n.log, n.synced, n.known = nil, 0, 0
	case "start":
		s.start(n)
	case "fence":
		s.cluster.fence(n.id)
	case "unfence":
		s.unfence(n.id)
	case "shut-down":
		s.shutDown(n.id)
	case "elect":
		s.move(n.id)
	default:
		return fmt.Errorf("unknown command")
	}
	return nil
}

// begin reads "brokers=3 min=2 flush=none lag=10s bug=hw-truncate".
func (s *story) begin(words []string) error {
	size, minISR := 3, 2
	cfg := Config{Flush: FlushCommit, ReplicaLagMax: 10 * time.Second}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		var err error
		switch key {
		case "brokers":
			size, err = strconv.Atoi(value)
		case "min":
			minISR, err = strconv.Atoi(value)
		case "flush":
			cfg.Flush, err = ParseFlush(value)
		case "bug":
			plant, ok := planted[value]
			if !ok {
				return fmt.Errorf("unknown bug %q", value)
			}
			plant(&cfg.Bugs)
		default:
			err = fmt.Errorf("unknown key %q", key)
		}
		if err != nil {
			return err
		}
	}
	s.cluster = newCluster(size, minISR, cfg)
	s.say = s.print
	return nil
}

// fetch lets a follower fetch once; "as NAME" keeps the fetch on its way until it is delivered.
func (s *story) fetch(n *node, how string) {
	f, id, ok := s.ask(n)
	if !ok {
		s.print("%d: does not fetch", n.id)
		return
	}
	leader := s.node(n.follower.Leader)
	deliver := func() {
		s.print("%d: fetch of %d in epoch %d at %d, last epoch %d", leader.id, n.id, f.LeaderEpoch, f.Offset, f.LastEpoch)
		s.take(n, s.serve(leader, f, id))
	}
	if name, hold := strings.CutPrefix(how, "as "); hold {
		s.held[name] = deliver
	} else {
		deliver()
	}
}

// propose carries the proposal of a leader to the controller, and the answer back; on the way
// "request lost" or "answer lost" may happen, or "answer as NAME" keeps the answer on its way;
// "invalid" is a controller that does not understand it.
func (s *story) propose(n *node, how string) {
	p, ok := n.leader.Proposal()
	if !ok {
		s.print("%d: proposes nothing", n.id)
		return
	}
	s.print("%d: proposes ISR %v at partition epoch %d", n.id, p.ISR, p.PartitionEpoch)
	answer := Answer{ID: p.ID, Error: kerr.RequestTimedOut}
	if how == "invalid" {
		s.say("controller: AlterPartition of %d refused: %s", n.id, kerr.InvalidRequest.Message)
		n.leader.Answered(Answer{ID: p.ID, Error: kerr.InvalidRequest})
		return
	}
	if how != "request lost" {
		if got := s.alter(n, p); how != "answer lost" {
			answer = got
		}
	}
	deliver := func() { s.look(n, n.leader.Answered(answer)) }
	if name, hold := strings.CutPrefix(how, "answer as "); hold {
		s.held[name] = deliver
	} else {
		deliver()
	}
}

func (s *story) show(n *node) {
	if l := n.leader; l != nil {
		s.print("%d: log end %d, high watermark %d, ISR %v, maximal ISR %v, partition epoch %d",
			n.id, l.LogEnd(), l.HighWatermark(), l.ISR(), l.MaximalISR(), l.PartitionEpoch())
	} else if f := n.follower; f != nil {
		s.print("%d: log end %d, high watermark %d, follows %d in epoch %d", n.id, f.LogEnd(), f.HighWatermark(), f.Leader, f.Epoch)
	}
}
