package proxy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/chaos/cluster"
)

// anyAPI in rule.api is every request.
const anyAPI int16 = -1

// rule is a LinkRule in force, with what it has done so far: it lives as long as SetLinks repeats it.
type rule struct {
	cluster.LinkRule
	api  int16 // key of API
	code int16 // number of Error
	left atomic.Int64
	// buckets of Bandwidth, one for each link between two ends. Guarded by Proxy.mu.
	buckets map[cluster.Link]*bucket
	// recorded of StaleMetadata, by node.
	recorded map[int32]*kmsg.MetadataResponse
}

// newRule checks a rule and looks up what it names.
func newRule(r cluster.LinkRule) (*rule, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	made := &rule{LinkRule: r, api: anyAPI, buckets: make(map[cluster.Link]*bucket)}
	made.left.Store(int64(r.Count))
	if r.Mode == cluster.StaleMetadata {
		made.api = kmsg.Metadata.Int16()
	}
	if r.API != "" {
		key, ok := keyOf(r.API)
		if !ok {
			return nil, fmt.Errorf("rule %s: Kafka has no request %q: write its name as the protocol does, such as Produce", r, r.API)
		}
		made.api = key
	}
	if _, ok := answerShapes[made.api]; !ok && made.api != anyAPI && (r.Topic != "" || r.Error != "") {
		return nil, fmt.Errorf("rule %s: the link proxy cannot look into the answers to %s: leave topic and error out, or choose another request", r, r.API)
	}
	if r.Error != "" {
		code, ok := codeOf(r.Error)
		if !ok {
			return nil, fmt.Errorf("rule %s: Kafka has no error %q: write its name as the protocol does, such as NOT_LEADER_OR_FOLLOWER", r, r.Error)
		}
		made.code = code
	}
	return made, nil
}

func keyOf(name string) (int16, bool) {
	for key := int16(0); key <= kmsg.MaxKey; key++ {
		if kmsg.NameForKey(key) == name {
			return key, true
		}
	}
	return 0, false
}

// lastCode is past every error code of Kafka.
const lastCode = 1000

// renamed are errors whose name Kafka has changed since the library took it over.
var renamed = map[string]int16{"NOT_LEADER_OR_FOLLOWER": kerr.NotLeaderForPartition.Code}

func codeOf(name string) (int16, bool) {
	if code, ok := renamed[name]; ok {
		return code, true
	}
	for code := int16(-1); code < lastCode; code++ {
		if e := kerr.TypedErrorForCode(code); e != nil && e.Message == name && e.Code == code {
			return code, true
		}
	}
	return 0, false
}

// touch counts an answer that the rule is about to change; false when it has done its work.
func (r *rule) touch() bool {
	return r.Count == 0 || r.left.Add(-1) >= 0
}

// spent says that the rule has done its work.
func (r *rule) spent() bool { return r.Count != 0 && r.left.Load() <= 0 }

// shape is what holds for one pipe: for the bytes of one link, and for the connection.
type shape struct {
	cut, stall, reset bool
	delay, jitter     time.Duration
	seed              uint64
	buckets           []*bucket
	slow              time.Duration
	// answers are the rules about requests of the connection.
	answers []*rule
}

// plain says that bytes are passed on at once.
func (s *shape) plain() bool {
	return !s.cut && !s.stall && !s.reset && s.delay == 0 && len(s.buckets) == 0
}

// draw is how late a chunk is.
func (s *shape) draw(random *rand.Rand) time.Duration {
	if s.jitter == 0 {
		return s.delay
	}
	return s.delay - s.jitter + time.Duration(random.Int64N(int64(2*s.jitter)+1))
}

// shapes are what holds for both pipes of the connections between two ends.
type shapes struct {
	rules               []*rule
	refuse, reset       bool
	requests, responses *shape
}

// ruleSet is all rules, and the shapes they give the links that have connections.
type ruleSet struct {
	rules []*rule
	links map[cluster.Link]*shapes
}

// newRuleSet takes over those of the rules that were in force and still are, with their counts.
func newRuleSet(rules []cluster.LinkRule, old *ruleSet) (*ruleSet, []*rule, error) {
	set := &ruleSet{links: make(map[cluster.Link]*shapes)}
	kept := slices.Clone(old.rules)
	var fresh []*rule
	for _, r := range rules {
		if i := slices.IndexFunc(kept, func(k *rule) bool { return k.LinkRule == r }); i >= 0 {
			set.rules = append(set.rules, kept[i])
			kept = slices.Delete(kept, i, i+1)
			continue
		}
		made, err := newRule(r)
		if err != nil {
			return nil, nil, err
		}
		set.rules, fresh = append(set.rules, made), append(fresh, made)
	}
	return set, fresh, nil
}

// of gives what holds for connections whose requests are on link l. old is what held before: where
// nothing changes, it is the same shapes. Guarded by Proxy.mu.
func (set *ruleSet) of(l cluster.Link, old *shapes) *shapes {
	if s := set.links[l]; s != nil {
		return s
	}
	s := &shapes{requests: &shape{}, responses: &shape{}}
	for _, r := range set.rules {
		there, back := r.Link.Contains(l), r.Link.Contains(l.Reverse())
		if there && s.add(r) || !r.Mode.OfConnections() && (there || back) {
			s.rules = append(s.rules, r)
		}
		if r.Mode.OfConnections() {
			continue
		}
		if there {
			s.requests.add(r, l)
		}
		if back {
			s.responses.add(r, l.Reverse())
		}
	}
	if old != nil && slices.Equal(old.rules, s.rules) {
		s = old
	}
	set.links[l] = s
	return s
}

// add puts a rule of whole connections into both shapes; false if it is none.
func (s *shapes) add(r *rule) bool {
	switch {
	case r.Mode == cluster.Refuse: // no byte passes from now on, although it takes time to reset thousands
		s.refuse, s.requests.cut, s.responses.cut = true, true, true
	case r.Mode == cluster.Reset:
		s.reset, s.requests.reset = true, true
	case r.Mode == cluster.SlowClose:
		s.requests.slow += r.Delay
		s.responses.slow += r.Delay
	case r.Mode.OfRequests():
		s.requests.answers = append(s.requests.answers, r)
		s.responses.answers = append(s.responses.answers, r)
	default:
		return false
	}
	return true
}

// add puts a rule of bytes into the shape of link l.
func (s *shape) add(r *rule, l cluster.Link) {
	switch r.Mode {
	case cluster.Cut:
		s.cut = true
	case cluster.Stall:
		s.stall = true
	case cluster.Delay:
		s.delay += r.Delay
		s.jitter += r.Jitter
		s.seed ^= r.Seed
	case cluster.Bandwidth:
		if r.buckets[l] == nil {
			r.buckets[l] = newBucket(r.Rate, time.Now())
		}
		s.buckets = append(s.buckets, r.buckets[l])
	}
}
