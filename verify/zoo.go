package verify

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/logproof/logproof/verify/history"
)

//go:embed testdata/zoo/*.txt
var zooFiles embed.FS

// Specimen is one history of the zoo: a few operations written by hand that show one anomaly, the same without
// it (a clean twin, whose name ends in ".clean"), or something that must stay inconclusive.
type Specimen struct {
	Name string
	// Verdict that its head expects: "fail", "pass" or "inconclusive".
	Verdict string
	// Words after the verdict: the rule and the class of a bad history, what is in doubt of an inconclusive one.
	Words []string
	// Expect is what the history was meant to be.
	Expect  Expect
	Entries []history.Entry
	// Text is the file as it was written: see history.Text.
	Text string
}

// Zoo reads all histories of the zoo, in the order of their names.
func Zoo() ([]Specimen, error) {
	const dir = "testdata/zoo"
	files, err := zooFiles.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the zoo: %w", err)
	}
	var list []Specimen
	for _, f := range files {
		text, err := zooFiles.ReadFile(path.Join(dir, f.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the zoo: %w", err)
		}
		s, err := ReadSpecimen(strings.TrimSuffix(f.Name(), ".txt"), string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		list = append(list, s)
	}
	return list, nil
}

// ReadSpecimen reads a history in its text form with the head of the zoo: "# expect: fail loss lost-write",
// "# attempts: yes", "# faults: 1", "# timeout: 100" (of transactions, in milliseconds), "# aborted: 1" (the floor),
// "# exactly-once: g orders/0 orders/1 -> out/0". The error names the line.
func ReadSpecimen(name, text string) (Specimen, error) {
	src, err := history.ReadText(strings.NewReader(text))
	if err != nil {
		return Specimen{}, err
	}
	words := strings.Fields(src.Head["expect"])
	if len(words) == 0 {
		return Specimen{}, errors.New("the head has no expect")
	}
	s := Specimen{Name: name, Verdict: words[0], Words: words[1:], Text: text}
	s.Expect = Expect{Idempotent: true, RequireScan: true, RequireAttempts: src.Head["attempts"] == "yes"}
	if faults := src.Head["faults"]; faults != "" {
		if s.Expect.Faults, err = strconv.Atoi(faults); err != nil {
			return s, fmt.Errorf("faults: %w", err)
		}
	}
	if err := s.keys(src.Head); err != nil {
		return s, err
	}
	if err := s.head(src.Head); err != nil {
		return s, err
	}
	for {
		entry, err := src.Next()
		if err == io.EOF {
			break
		}
		s.Entries = append(s.Entries, entry)
	}
	s.infer()
	return s, nil
}

// keys reads "# keys: orders 3" and, of a topic that grew, "# keys: orders 3 6@40" (to 6 partitions at 40 ms); and
// "# compacted: orders", with "lag:100" in milliseconds if it has one.
func (s *Specimen) keys(head map[string]string) error {
	if words := strings.Fields(head["keys"]); len(words) > 0 {
		k := KeyedTopic{Topic: words[0]}
		for _, w := range words[1:] {
			count, at, _ := strings.Cut(w+"@0", "@")
			at, _, _ = strings.Cut(at, "@")
			n, err1 := strconv.ParseInt(count, 10, 32)
			ms, err2 := strconv.ParseInt(at, 10, 32)
			if err := errors.Join(err1, err2); err != nil {
				return fmt.Errorf("keys %q: %w", w, err)
			}
			k.Counts = append(k.Counts, PartitionCount{history.Time(ms) * history.Time(time.Millisecond), int32(n)})
		}
		s.Expect.Keys = []KeyedTopic{k}
	}
	if words := strings.Fields(head["compacted"]); len(words) > 0 {
		c := CompactedTopic{Topic: words[0]}
		for _, w := range words[1:] {
			ms, err := strconv.ParseInt(strings.TrimPrefix(w, "lag:"), 10, 32)
			if err != nil {
				return fmt.Errorf("compacted %q: %w", w, err)
			}
			c.MinLag = time.Duration(ms) * time.Millisecond
		}
		s.Expect.Compacted = []CompactedTopic{c}
	}
	return nil
}

// head takes what it says of transactions.
func (s *Specimen) head(head map[string]string) error {
	if ms := head["timeout"]; ms != "" {
		n, err := strconv.Atoi(ms)
		if err != nil {
			return fmt.Errorf("timeout: %w", err)
		}
		s.Expect.TransactionTimeout = time.Duration(n) * time.Millisecond
	}
	if least := head["aborted"]; least != "" {
		var err error
		if s.Expect.MinAborted, err = strconv.ParseInt(least, 10, 64); err != nil {
			return fmt.Errorf("aborted: %w", err)
		}
	}
	if head["exactly-once"] == "" {
		return nil
	}
	from, to, _ := strings.Cut(head["exactly-once"], "->")
	words := append(strings.Fields(from), "")
	t := Transform{Group: words[0]}
	for i, list := range [][]string{words[1 : len(words)-1], strings.Fields(to)} {
		for _, name := range list {
			var p history.Partition
			if err := p.UnmarshalText([]byte(name)); err != nil {
				return fmt.Errorf("exactly-once: %w", err)
			}
			if i == 0 {
				t.Inputs = append(t.Inputs, p)
			} else {
				t.Outputs = append(t.Outputs, p)
			}
		}
	}
	s.Expect.ExactlyOnce = []Transform{t}
	return t.validate()
}

// infer takes from the entries what the head leaves out: partitions, groups, and which rules have
// something to judge.
func (s *Specimen) infer() {
	partitions, told := map[history.Partition]bool{}, false
	for _, entry := range s.Entries {
		op := entry.Operation
		if op == nil {
			continue
		}
		told = told || len(op.Watermarks) > 0
		for _, run := range op.Runs {
			partitions[run.Partition] = true
		}
		if t := op.Transaction; t != nil {
			s.Expect.Transactions = true
			if t.Group != "" && !slices.Contains(s.Expect.Groups, t.Group) {
				s.Expect.Groups = append(s.Expect.Groups, t.Group)
			}
		}
		if op.Group != nil && !slices.Contains(s.Expect.Groups, op.Group.Group) {
			s.Expect.Groups = append(s.Expect.Groups, op.Group.Group)
		}
	}
	s.Expect.Partitions = sortedPartitions(partitions)
	s.Expect.Rules = Rules()
	if !told { // a history about records only
		s.Expect.Rules = without(Rules(), Watermarks, Recency)
	}
	if len(s.Expect.Keys) == 0 {
		s.Expect.Rules = without(s.Expect.Rules, Placement)
	}
	if len(s.Expect.Compacted) == 0 {
		s.Expect.Rules = without(s.Expect.Rules, Compaction)
	}
	if len(s.Expect.Groups) == 0 {
		s.Expect.Rules = without(s.Expect.Rules, GroupPosition, Exclusivity)
	}
	if !s.Expect.Transactions {
		s.Expect.Rules = without(s.Expect.Rules, EarlyRead, TransactionFate)
	}
	if len(s.Expect.ExactlyOnce) == 0 {
		s.Expect.Rules = without(s.Expect.Rules, ExactlyOnce)
	}
}

// without is rules but for some.
func without(rules []Rule, off ...Rule) []Rule {
	return slices.DeleteFunc(slices.Clone(rules), func(r Rule) bool { return slices.Contains(off, r) })
}
