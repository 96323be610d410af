package spec

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/logproof/logproof/chaos/timeline"
)

// SystemReference is the broker of this module.
const SystemReference = "reference"

// MinRecordSize in bytes is what a record needs to describe itself: loadgen/payload's header.
const MinRecordSize = 44

// Limits that keep a mistyped number from taking the machine down; the load has the same.
const (
	maxRecordSize = 64 << 20
	maxVoters     = 9
	maxClients    = 1000
	maxPartitions = 100_000
	maxBatchSize  = 1 << 30
)

// batchRoom in bytes is what a batch of one record needs beside the record's value, generously.
const batchRoom = 512

// minRequestTimeout is what the Kafka client takes.
const minRequestTimeout = Duration(100 * millisecond)

// Bounds of a segment: the broker's positions in it are 32 bits.
const minSegment, maxSegment = 16 << 10, 1<<31 - 1

// minDeliveryTimeout is what the Kafka client takes.
const minDeliveryTimeout = Duration(second)

// classes of anomalies by the rule of verify that finds them.
var classes = []struct {
	rule    string
	classes []string
}{
	{"append-order", []string{"nonmonotonic-append"}},
	{"producer-order", []string{"duplicate", "nonmonotonic-send"}},
	{"reader-agreement", []string{"inconsistent-offsets", "nonmonotonic-poll", "poll-skip"}},
	{"loss", []string{"lost-write", "read-then-gone"}},
	{"corruption", []string{"corrupt", "phantom", "failed-read"}},
	{"watermarks", []string{"watermark-regress", "log-start-regress", "epoch-regress", "watermark-disorder", "read-above-watermark", "read-above-stable"}},
	{"recency", []string{"stale-read"}},
	{"group-position", []string{"resume-regress", "resume-skip", "commit-ahead", "group-skip", "commit-regress", "aborted-offsets"}},
	{"exclusivity", []string{"two-owners", "fenced-commit"}},
	{"placement", []string{"misplaced-key"}},
	{"compaction", []string{"newest-compacted", "compacted-early"}},
	{"early-read", []string{"early-read", "precommitted-read"}},
	{"transaction-fate", []string{"aborted-read", "torn-transaction", "lost-commit", "committed-abort", "wrong-marker", "hung-transaction"}},
	{"exactly-once", []string{"duplicate-processing", "lost-processing", "phantom-source", "position-behind"}},
	{"gaps", []string{"gap", "poll-skip"}},
}

// Rules lists the names of the rules of verify that a scenario may ask for, in the order in which
// reports show them.
func Rules() []string {
	names := make([]string, len(classes))
	for i, c := range classes {
		names[i] = c.rule
	}
	return names
}

// Load reads a scenario from a file system. The name may leave out ".yaml". The error is an Errors
// if the file was found and is wrong.
func Load(fsys fs.FS, name string) (Spec, error) {
	file := name
	if path.Ext(file) != ".yaml" && path.Ext(file) != ".yml" {
		file += ".yaml"
	}
	data, err := fs.ReadFile(fsys, file)
	if err != nil {
		found, _ := fs.Glob(fsys, "*.yaml") // its only error is a bad pattern
		for i := range found {
			found[i] = strings.TrimSuffix(found[i], ".yaml")
		}
		return Spec{}, fmt.Errorf("no scenario %q: %s (%w)", name, Suggest(strings.TrimSuffix(file, ".yaml"), found), err)
	}
	return Parse(file, data)
}

// Parse reads a scenario; file is its name in errors. The error is an Errors: everything that is
// wrong, in the order of the file.
func Parse(file string, data []byte) (Spec, error) {
	var s Spec
	s.setDefaults()
	s.source = newSource(file, data)
	errs := decode(s.source, data, &s)
	decoded := len(errs)
	c := checker{spec: &s}
	c.resolve()
	if !c.written("checks") {
		s.Checks = slices.DeleteFunc(s.Checks, func(rule string) bool { return s.idle(rule) != "" })
	}
	c.run()
	for _, e := range c.errs {
		// What could not be read has its default value here: one error per value is enough.
		if !slices.ContainsFunc(errs[:decoded], func(d *Error) bool { return within(d.Path, e.Path) }) {
			errs = append(errs, e)
		}
	}
	if len(errs) == 0 {
		return s, nil
	}
	return Spec{}, errs.Sorted()
}

// within reports whether one path is the other or lies in it, either way.
func within(a, b string) bool {
	lies := func(a, b string) bool {
		rest, ok := strings.CutPrefix(a, b)
		return ok && (rest == "" || b == "" || rest[0] == '.' || rest[0] == '[')
	}
	return lies(a, b) || lies(b, a)
}

// checker collects what is wrong with the values of a Spec.
type checker struct {
	spec *Spec
	errs Errors
}

func (c *checker) errorf(path, format string, args ...any) {
	c.errs = append(c.errs, c.spec.Errorf(path, format, args...))
}

// choice reports a value that is not among the known ones.
func (c *checker) choice(path, what, value string, known []string) {
	if text, bad := choice(what, value, known); bad {
		c.errorf(path, "%s", text)
	}
}

// atLeast reports a number that is too small.
func (c *checker) atLeast(path string, value, least int64) {
	if value < least {
		c.errorf(path, "%s is %d: it must be at least %d", path, value, least)
	}
}

// between reports a number that is too small or too large.
func (c *checker) between(path string, value, least, most int64) {
	c.atLeast(path, value, least)
	if value > most {
		c.errorf(path, "%s is %d: it must be at most %d", path, value, most)
	}
}

// positive reports a duration that is not above 0.
func (c *checker) positive(path string, d Duration) {
	if d <= 0 {
		c.errorf(path, "%s is %v: it must be above 0", path, d)
	}
}

// notNegative reports a duration below 0.
func (c *checker) notNegative(path string, d Duration) {
	if d < 0 {
		c.errorf(path, "%s is %v: it must not be negative", path, d)
	}
}

var (
	plainName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)
)

func (c *checker) run() {
	s := c.spec
	if !plainName.MatchString(s.Name) {
		c.errorf("name", "name is %q: a scenario needs one of small letters, digits and dashes, such as kill-leader", s.Name)
	}
	c.choice("system", "system", s.System, []string{SystemReference})
	var placements []string
	for _, p := range timeline.Placements() {
		placements = append(placements, string(p))
	}
	c.choice("placement", "placement", string(s.Placement), placements)
	c.cluster()
	c.choice("flush", "flush", s.Flush, []string{"none", "interval", "commit"})
	if s.SegmentSize != 0 {
		c.between("segment_size", int64(s.SegmentSize), minSegment, maxSegment)
	}
	c.topics()
	c.load()
	c.groups()
	c.tour()
	c.positive("warm_up.hold", s.WarmUp.Hold)
	c.positive("warm_up.within", s.WarmUp.Within)
	c.notNegative("cool_down", s.CoolDown)
	c.entries("timeline", s.Timeline)
	c.guards()
	c.floor()
	c.checks()
	c.budgets()
	c.positive("limits.converge", s.Limits.Converge)
	c.positive("limits.total", s.Limits.Total)
}

// cluster checks the nodes and their timing.
func (c *checker) cluster() {
	s := c.spec
	c.between("brokers", int64(s.Brokers), 1, FirstController)
	c.between("controllers", int64(s.Controllers), 0, maxVoters)
	if s.Controllers > 0 && s.Controllers%2 == 0 && s.Controllers <= maxVoters {
		c.errorf("controllers", "controllers is %d: a majority of %d survives no more failures than one of %d, so write an odd number",
			s.Controllers, s.Controllers, s.Controllers-1)
	}
	for i, rack := range s.Racks {
		if !plainName.MatchString(rack) {
			c.errorf(fmt.Sprintf("racks[%d]", i), "rack %q: write small letters, digits and dashes, such as rack-1", rack)
		}
	}
	t := s.Timing
	c.positive("timing.session_timeout", t.SessionTimeout)
	c.positive("timing.heartbeat", t.Heartbeat)
	c.positive("timing.replica_lag_max", t.ReplicaLagMax)
	c.positive("timing.quorum_tick", t.QuorumTick)
	if t.Heartbeat > 0 && t.SessionTimeout > 0 && t.Heartbeat >= t.SessionTimeout {
		at := "timing.heartbeat"
		if _, written := s.source.places[at]; !written {
			at = "timing.session_timeout"
		}
		c.errorf(at, "a heartbeat every %v does not keep a session of %v alive: write a shorter heartbeat", t.Heartbeat, t.SessionTimeout)
	}
}

func (c *checker) topics() {
	s := c.spec
	if len(s.Topics) == 0 {
		c.errorf("topics", "there is no topic: write for example topics: [{name: orders, partitions: 6}]")
	}
	seen := map[string]bool{}
	for i, t := range s.Topics {
		at := fmt.Sprintf("topics[%d]", i)
		if !topicName.MatchString(t.Name) || t.Name == "." || t.Name == ".." {
			c.errorf(at+".name", "topic name %q: Kafka takes 1 to 249 letters, digits, dots, underscores and dashes", t.Name)
		}
		if seen[t.Name] {
			c.errorf(at+".name", "topic %q stands there twice: remove one", t.Name)
		}
		seen[t.Name] = true
		c.between(at+".partitions", int64(t.Partitions), 1, maxPartitions)
		c.atLeast(at+".replication_factor", int64(t.ReplicationFactor), 1)
		if t.ReplicationFactor > s.Brokers && s.Brokers >= 1 {
			c.errorf(at+".replication_factor", "replication factor %d needs as many brokers, there %s", t.ReplicationFactor, amount(s.Brokers, ""))
		}
		c.settings(at, t)
		c.atLeast(at+".min_isr", int64(t.MinISR), 1)
		if t.MinISR > t.ReplicationFactor && t.ReplicationFactor >= 1 {
			c.errorf(at+".min_isr", "min_isr is %d and there %s of a partition: no write would ever be acknowledged", t.MinISR, amount(t.ReplicationFactor, " replica"))
		}
	}
}

// amount is "is 1 replica" and "are 3 replicas"; without a noun "is 1" and "are 3".
func amount(n int, noun string) string {
	switch {
	case n == 1:
		return "is 1" + noun
	case noun == "":
		return fmt.Sprintf("are %d", n)
	}
	return fmt.Sprintf("are %d%ss", n, noun)
}

func (c *checker) load() {
	l := c.spec.Load
	if err := l.Rate.Validate(); err != nil {
		c.errorf("load.rate", "load.rate: %v", err)
	}
	c.between("load.record_size", int64(l.RecordSize), MinRecordSize, maxRecordSize)
	c.between("load.producers", int64(l.Producers), 1, maxClients)
	c.between("load.readers", int64(l.Readers), 0, maxClients)
	c.choice("load.acks", "acks", string(l.Acks), []string{string(AcksAll), string(AcksLeader), string(AcksNone)})
	c.delivery()
	if l.Idempotent && (l.Acks == AcksLeader || l.Acks == AcksNone) {
		c.errorf("load.acks", "acks %s does not go with idempotent: write acks: all, or idempotent: false", l.Acks)
	}
	c.notNegative("load.linger", l.Linger)
	c.positive("load.metadata_min_age", l.MetadataMinAge)
	c.positive("load.retry_backoff", l.RetryBackoff)
	c.atLeast("load.max_in_flight", int64(l.MaxInFlight), 0)
	if l.Idempotent && l.MaxInFlight > 0 {
		c.errorf("load.max_in_flight", "max_in_flight does not go with idempotent, whose client decides it: remove it, or write idempotent: false")
	}
	if room := Size(int64(l.RecordSize) + batchRoom); l.RecordSize <= maxRecordSize && l.BatchSize < room {
		c.errorf("load.batch_size", "batch_size is %v: a record of %v and its headers need at least %v", l.BatchSize, l.RecordSize, room)
	}
	c.between("load.batch_size", int64(l.BatchSize), 0, maxBatchSize)
	if l.RequestTimeout != 0 && l.RequestTimeout < minRequestTimeout {
		c.errorf("load.request_timeout", "load.request_timeout is %v: it must be at least %v, or 0s for the client's own", l.RequestTimeout, minRequestTimeout)
	}
	if l.DeliveryTimeout != 0 && l.DeliveryTimeout < minDeliveryTimeout {
		c.errorf("load.delivery_timeout", "load.delivery_timeout is %v: it must be at least %v, or 0s to try for ever", l.DeliveryTimeout, minDeliveryTimeout)
	}
}

func (c *checker) floor() {
	f := c.spec.Floor
	if !(f.Rate > 0 && f.Rate <= 1) { // written so that NaN is wrong too
		c.errorf("floor.rate", "floor.rate is %v: it is a part of the load's rate, above 0 and at most 1", f.Rate)
	}
	// Nothing, or a floor that can be missed: 0 written down would be a floor that never is.
	for path, value := range map[string]int64{"floor.acked": f.Acked, "floor.read": f.Read} {
		if _, written := c.spec.source.places[path]; written {
			c.atLeast(path, value, 1)
		}
	}
	if f.Read > 0 && c.spec.Load.Readers == 0 {
		c.errorf("floor.read", "floor.read is %d and there are no readers: add load.readers, or remove it", f.Read)
	}
}

func (c *checker) checks() {
	s := c.spec
	if len(s.Checks) == 0 {
		c.errorf("checks", "no rule would judge the run: name at least one of %s", strings.Join(Rules(), ", "))
	}
	for i, rule := range s.Checks {
		at := fmt.Sprintf("checks[%d]", i)
		c.choice(at, "rule", rule, Rules())
		if why := s.idle(rule); why != "" {
			c.errorf(at, "rule %q judges %s, or remove it", rule, why)
		}
		if slices.Contains(s.Checks[:i], rule) {
			c.errorf(at, "rule %q stands there twice: remove one", rule)
		}
	}
	if s.Expect == nil {
		return
	}
	e := s.Expect
	if !plainName.MatchString(e.Bug) {
		c.errorf("expect.bug", "expect.bug is %q: name the planted bug, such as no-dedupe", e.Bug)
	}
	c.choice("expect.rule", "rule", e.Rule, Rules())
	if slices.Contains(Rules(), e.Rule) {
		c.choice("expect.class", "class of "+e.Rule, e.Class, classes[slices.Index(Rules(), e.Rule)].classes)
		if !slices.Contains(s.Checks, e.Rule) {
			c.errorf("expect.rule", "rule %q is expected to fail and is not among the checks: add it", e.Rule)
		}
	}
	var known []string
	for _, rule := range classes {
		known = append(known, rule.classes...)
	}
	for i, class := range e.Also {
		c.choice(fmt.Sprintf("expect.also[%d]", i), "class", class, known)
	}
}
