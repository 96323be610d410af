package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/logproof/logproof/scenarios/report"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
	"github.com/logproof/logproof/verify/jepsen"
)

// importFile stands in the directory of an imported history where a run has its plan.
const importFile = "import.json"

// ImportSchema of import.json.
const ImportSchema = "logproof.import/v1"

// Formats of histories that can be imported and exported.
const (
	EDN   = "edn"   // of Jepsen's Kafka workload
	JSONL = "jsonl" // logproof's own, one entry on each line
)

// ImportConfig says what is imported and what it was meant to be.
type ImportConfig struct {
	// Source of the history, in Format; Name is what people call it.
	Source io.Reader
	Name   string
	Format string
	// Topic of the partitions of a history of Jepsen.
	Topic string
	// Dir is made; it must not exist.
	Dir string
	// Profile and Delivery are what the system and its producers promise: see verify.Claim.
	Profile  string
	Delivery verify.Level
}

// Imported is import.json: what was read, and by what it is judged.
type Imported struct {
	Schema string        `json:"schema"`
	Source string        `json:"source"`
	Format string        `json:"format"`
	Expect verify.Expect `json:"expect"`
	// Operations that were read. Left is what has no place in a history of logproof, Unseen the acknowledged
	// records of which nobody can say whether they are lost.
	Operations int64         `json:"operations"`
	Left       []jepsen.Left `json:"left,omitempty"`
	Unseen     int64         `json:"unseen,omitempty"`
}

// Import reads a history into a directory that Verify judges. Nothing is left behind by one that cannot be read.
func Import(cfg ImportConfig) (found Imported, err error) {
	if err := os.MkdirAll(filepath.Dir(cfg.Dir), 0o755); err != nil {
		return found, fmt.Errorf("make the directory: %w", err)
	}
	if err := os.Mkdir(cfg.Dir, 0o755); err != nil {
		return found, fmt.Errorf("make the directory: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(cfg.Dir))
		}
	}()
	f, err := os.Create(filepath.Join(cfg.Dir, historyFile))
	if err != nil {
		return found, fmt.Errorf("make the history: %w", err)
	}
	found, err = readInto(f, cfg)
	if err = errors.Join(err, f.Close()); err != nil {
		return found, err
	}
	found.Schema, found.Source, found.Format = ImportSchema, cfg.Name, cfg.Format
	found.Expect.Claim = &verify.Claim{Profile: cfg.Profile, Producer: cfg.Delivery}
	found.Expect.Idempotent = cfg.Delivery == verify.IdempotentProducer || cfg.Delivery == verify.TransactionalProducer
	found.Expect.UncommittedAcks = cfg.Delivery == verify.NoAcks || cfg.Delivery == verify.LeaderAcks
	if err := found.Expect.Validate(); err != nil {
		return found, err
	}
	text, err := json.MarshalIndent(found, "", "  ")
	if err != nil {
		return found, fmt.Errorf("write %s: %w", importFile, err)
	}
	return found, os.WriteFile(filepath.Join(cfg.Dir, importFile), append(text, '\n'), 0o644)
}

// readInto reads a history in its format and writes it as a recording.
func readInto(w io.Writer, cfg ImportConfig) (found Imported, err error) {
	meta := history.Meta{Version: Version(), Scenario: "import"}
	var lines *history.JSONLReader
	if cfg.Format == JSONL {
		if lines, err = history.ReadJSONL(cfg.Source); err != nil {
			return found, err
		}
		meta = lines.Meta()
	}
	last := history.Time(0)
	recorder, err := history.NewRecorder(w, meta, func() history.Time { return last })
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, recorder.Close()) }()
	record := func(op history.Operation) error {
		last = max(last, op.Return)
		recorder.Operation(op)
		return recorder.Err()
	}
	if lines == nil {
		read, err := jepsen.Import(cfg.Source, cfg.Topic, record)
		return Imported{Expect: read.Expect, Operations: read.Operations, Left: read.Left, Unseen: read.Unseen}, err
	}
	return copyLines(lines, recorder, record)
}

// copyLines takes every entry of a JSONL history as it is.
func copyLines(lines *history.JSONLReader, recorder *history.Recorder, record func(history.Operation) error) (found Imported, err error) {
	var is inferred
	for {
		entry, err := lines.Next()
		switch {
		case errors.Is(err, io.EOF):
			found.Expect = is.expect()
			return found, nil
		case err != nil: // a torn one too: what is missing cannot be judged
			return found, err
		case entry.Attempt != nil:
			is.attempts = true
			recorder.Attempt(*entry.Attempt)
		default:
			found.Operations++
			is.observe(entry.Operation)
			if err := record(*entry.Operation); err != nil {
				return found, err
			}
		}
	}
}

// inferred is what a history says of itself.
type inferred struct {
	partitions                             []history.Partition
	known                                  map[history.Partition]bool
	groups                                 []string
	faults                                 map[int32]bool
	told, scanned, attempts, transactional bool
}

func (i *inferred) observe(op *history.Operation) {
	if i.known == nil {
		i.known, i.faults = map[history.Partition]bool{}, map[int32]bool{}
	}
	i.told = i.told || len(op.Watermarks) > 0
	i.scanned = i.scanned || op.Kind == history.Scan
	i.transactional = i.transactional || op.Kind == history.Transact
	for _, run := range op.Runs {
		if !i.known[run.Partition] {
			i.known[run.Partition] = true
			i.partitions = append(i.partitions, run.Partition)
		}
	}
	if op.Group != nil && !slices.Contains(i.groups, op.Group.Group) {
		i.groups = append(i.groups, op.Group.Group)
	}
	if op.Fault != nil {
		i.faults[op.Fault.Index] = true
	}
}

// expect asks every rule that the history has something for. Keys, compaction and what groups make of records are not
// in a history: those rules are not asked.
func (i *inferred) expect() verify.Expect {
	x := verify.Expect{
		Rules:  []verify.Rule{verify.AppendOrder, verify.ProducerOrder, verify.ReaderAgreement, verify.Loss, verify.Corruption},
		Groups: i.groups, Partitions: i.partitions, Faults: len(i.faults), RequireScan: i.scanned, RequireAttempts: i.attempts, Transactions: i.transactional,
	}
	if i.told {
		x.Rules = append(x.Rules, verify.Watermarks, verify.Recency)
	}
	if len(i.groups) > 0 {
		x.Rules = append(x.Rules, verify.GroupPosition, verify.Exclusivity)
	}
	if i.transactional {
		x.Rules = append(x.Rules, verify.EarlyRead, verify.TransactionFate)
	}
	if i.scanned {
		x.Rules = append(x.Rules, verify.Gaps)
	}
	return x
}

// verifyImported judges an imported history; it is false for a directory that holds none.
func verifyImported(dir, program string) (r report.Run, is bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir, importFile))
	if errors.Is(err, fs.ErrNotExist) {
		return r, false, nil
	}
	var found Imported
	if err == nil {
		err = json.Unmarshal(text, &found)
	}
	if err == nil && found.Schema != ImportSchema {
		err = fmt.Errorf("its schema is %q, want %q", found.Schema, ImportSchema)
	}
	if err != nil {
		return r, true, fmt.Errorf("read %s: %w", filepath.Join(dir, importFile), err)
	}
	path := filepath.Join(dir, historyFile)
	judged, err := verify.CheckFile(path, found.Expect)
	if err != nil {
		return r, true, fmt.Errorf("judge the history: %w", err)
	}
	src, err := history.Open(path)
	if err != nil {
		return r, true, err
	}
	defer src.Close()
	r = report.Run{
		Scenario: found.Source, RunID: fmt.Sprintf("%016x", src.Meta().Run), Dir: dir, System: found.Expect.Claim.Profile, Placement: "imported from " + found.Format,
		Started: src.Meta().Started, Report: judged, Next: []string{program + " history export " + dir + " | head"},
	}
	if found.Unseen > 0 {
		r.Assumptions = append(r.Assumptions, verify.Assumption{
			Name: "unseen", Verdict: verify.Inconclusive,
			Detail: fmt.Sprintf("%d acknowledged records stand behind the last one that was read: lost cannot be told from late", found.Unseen),
		})
	}
	return r, true, nil
}
