package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/logproof/logproof/verify/history"
)

// KeyedTopic says how the keys of a topic are spread over its partitions: by Kafka's default partitioner, the murmur2 of
// the key's bytes modulo the number of partitions. Key number n has the bytes "key-<n>"; a Run's Key is n+1.
type KeyedTopic struct {
	Topic string `json:"topic"`
	// Counts of partitions that the topic had, in the order of time; the first is from the beginning on.
	Counts []PartitionCount `json:"counts"`
}

// PartitionCount is how many partitions a topic had from a time on: when the client that asked for them was answered.
type PartitionCount struct {
	From  history.Time `json:"from"`
	Count int32        `json:"count"`
}

// validate lists what is wrong with it.
func (k KeyedTopic) validate() (errs []error) {
	if k.Topic == "" || len(k.Counts) == 0 {
		errs = append(errs, fmt.Errorf("keyed topic %q: want a name and a count of partitions", k.Topic))
	}
	for i, c := range k.Counts {
		if c.Count < 1 || i > 0 && (c.From < k.Counts[i-1].From || c.Count < k.Counts[i-1].Count) {
			errs = append(errs, fmt.Errorf("keyed topic %s: %d partitions from %d on: want 1 or more, and topics only grow", k.Topic, c.Count, c.From))
		}
	}
	return errs
}

// partitionOf is where Kafka's default partitioner puts a numbered key among so many partitions.
func partitionOf(key uint32, count int32) int32 {
	return int32(murmur2(fmt.Appendf(nil, "key-%d", key-1))&0x7fffffff) % count
}

// murmur2 is Kafka's hash of keys (org.apache.kafka.common.utils.Utils.murmur2): Austin Appleby's MurmurHash2
// with the seed 0x9747b28c.
func murmur2(data []byte) uint32 {
	const m, r = 0x5bd1e995, 24
	h := 0x9747b28c ^ uint32(len(data))
	for ; len(data) >= 4; data = data[4:] {
		k := uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16 | uint32(data[3])<<24
		k *= m
		k ^= k >> r
		k *= m
		h = h*m ^ k
	}
	for i := len(data) - 1; i >= 0; i-- {
		h ^= uint32(data[i]) << (8 * i)
	}
	if len(data) > 0 {
		h *= m
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}

// placement judges that records of one key go to the declared partition: that of the number of partitions that
// the topic had. A client learns late that a topic has grown, so a record may go by each number that was in force between
// Expect.StaleWithin before it was sent and its return. Growing a topic moves keys, and breaks their order: that
// is shown, and permitted.
type placement struct {
	topics  map[string]KeyedTopic
	late    history.Time
	checked int64
	homes   map[keyed]int32 // the first partition of each key
	moved   map[keyed]bool  // keys with records in several partitions
	found   []misplaced
	seen    map[misplaced]bool
	dropped int64
}

// keyed is a numbered key of a topic.
type keyed struct {
	topic string
	key   uint32
}

// misplaced is a key in a partition that is not its own.
type misplaced struct {
	partition history.Partition
	key       uint32
	told      telling
	run       history.Run
	want      string
}

func newPlacement(x Expect) *placement {
	p := &placement{topics: map[string]KeyedTopic{}, late: x.staleWithin(), homes: map[keyed]int32{}, moved: map[keyed]bool{}, seen: map[misplaced]bool{}}
	for _, t := range x.Keys {
		p.topics[t.Topic] = t
	}
	return p
}

func (p *placement) observe(op *history.Operation) {
	if op.Kind != history.Produce && op.Kind != history.Fetch && op.Kind != history.Scan {
		return
	}
	for i := range op.Runs {
		run := &op.Runs[i]
		t, ok := p.topics[run.Partition.Topic]
		if !ok || run.Key == 0 {
			continue
		}
		p.checked += int64(run.Count)
		from := op.Invoke - p.late
		if op.Kind != history.Produce {
			from = 0 // it was sent at any time before
		}
		if want, ok := t.takes(run.Key, run.Partition.Index, from, op.Return); !ok {
			p.note(misplaced{partition: run.Partition, key: run.Key, want: want}, op, run)
			continue
		}
		k := keyed{run.Partition.Topic, run.Key}
		if home, ok := p.homes[k]; !ok {
			p.homes[k] = run.Partition.Index
		} else if home != run.Partition.Index {
			p.moved[k] = true
		}
	}
}

// takes reports whether a key may go to a partition by a number of partitions that was in force in a span of time; if
// not, it names those that it may go to.
func (t KeyedTopic) takes(key uint32, index int32, from, to history.Time) (want string, ok bool) {
	var places []string
	for i, c := range t.Counts {
		if i > 0 && c.From > to || i+1 < len(t.Counts) && t.Counts[i+1].From < from {
			continue
		}
		at := partitionOf(key, c.Count)
		if at == index {
			return "", true
		}
		places = append(places, fmt.Sprintf("%d (of %d)", at, c.Count))
	}
	return strings.Join(places, " or "), false
}

// note keeps one misplacement of each key in each partition: the first one.
func (p *placement) note(m misplaced, op *history.Operation, run *history.Run) {
	switch {
	case p.seen[m]:
		return
	case len(p.found) == candidatesMax:
		p.dropped++
		return
	}
	p.seen[m] = true
	m.told, m.run = telling{op.Process, op.Return}, *run
	m.run.Origin, m.run.Source = nil, nil
	p.found = append(p.found, m)
}

func (p *placement) retained() int { return len(p.homes) + len(p.moved) + len(p.found) }

func (p *placement) result() RuleResult {
	r := RuleResult{Rule: Placement, Asked: true, Unit: "record with a key", Checked: p.checked}
	for _, m := range p.found {
		r.add(Anomaly{
			Class: MisplacedKey, Partition: m.partition, Producer: int64(m.run.Producer), FirstSequence: m.run.FirstSequence, Count: int64(m.run.Count), Offset: m.run.FirstOffset,
			Text: fmt.Sprintf("%s: %s of %s (%s) with key-%d, which belongs to partition %s, as %s had it", m.partition, plural(int64(m.run.Count), "record"),
				who(m.run.Producer), span("sequence", m.run.FirstSequence, int64(m.run.Count)), m.key-1, m.want, m.told.process),
		})
	}
	r.Total += p.dropped
	r.Detail = p.grown()
	r.conclude()
	return r
}

// grown says what growing topics did to their keys.
func (p *placement) grown() string {
	var names []string
	for name, t := range p.topics {
		if len(t.Counts) > 1 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for i, name := range names {
		n := int64(0)
		for k := range p.moved {
			if k.topic == name {
				n++
			}
		}
		counts := p.topics[name].Counts
		names[i] = fmt.Sprintf("%s grew from %d to %d partitions and %s in several of them: the order of their records is broken, as Kafka says",
			name, counts[0].Count, counts[len(counts)-1].Count, keysAre(n))
	}
	return strings.Join(names, "; ")
}

// keysAre is "1 key is" and "2 keys are".
func keysAre(n int64) string { return plural(n, "key") + " " + verb(n) }
