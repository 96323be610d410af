package txn

import (
	"regexp"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Describe tells of one transactional id (KIP-664).
func (m *Machine) Describe(id string) kmsg.DescribeTransactionsResponseTransactionState {
	t := m.ids[id]
	if t == nil || !t.stored {
		return NotDescribed(id, kerr.TransactionalIDNotFound)
	}
	out := kmsg.NewDescribeTransactionsResponseTransactionState()
	out.TransactionalID, out.State, out.TimeoutMillis, out.StartTimestamp = id, t.state.String(), int32(t.timeout.Milliseconds()), t.started
	out.ProducerID, out.ProducerEpoch = t.producer, t.epoch
	for _, p := range t.partitions {
		if n := len(out.Topics); n == 0 || out.Topics[n-1].Topic != p.Topic {
			topic := kmsg.NewDescribeTransactionsResponseTransactionStateTopic()
			topic.Topic = p.Topic
			out.Topics = append(out.Topics, topic)
		}
		last := &out.Topics[len(out.Topics)-1]
		last.Partitions = append(last.Partitions, p.Index)
	}
	return out
}

// NotDescribed is the answer about a transactional id of which nothing can be told.
func NotDescribed(id string, err *kerr.Error) kmsg.DescribeTransactionsResponseTransactionState {
	out := kmsg.NewDescribeTransactionsResponseTransactionState()
	out.TransactionalID, out.ErrorCode = id, err.Code
	return out
}

// Filter chooses transactional ids.
type Filter struct {
	states    map[string]bool
	producers []int64
	// longer is how many milliseconds the transaction must have been open; less than 0 for any.
	longer  int64
	pattern *regexp.Regexp
}

// NewFilter reads what a request asks for. States that do not exist choose nothing, and are named; a pattern that is
// none is INVALID_REGULAR_EXPRESSION.
func NewFilter(req *kmsg.ListTransactionsRequest) (f Filter, unknown []string, err *kerr.Error) {
	f = Filter{producers: req.ProducerIDFilters, longer: -1}
	if req.Version >= 1 {
		f.longer = req.DurationFilterMillis
	}
	if len(req.StateFilters) > 0 {
		f.states = map[string]bool{}
	}
	for _, name := range req.StateFilters {
		if slices.ContainsFunc(States(), func(s State) bool { return s.String() == name }) {
			f.states[name] = true
		} else {
			unknown = append(unknown, name)
		}
	}
	if p := req.TransactionalIDPattern; req.Version >= 2 && p != nil && *p != "" {
		compiled, bad := regexp.Compile("^(?:" + *p + ")$")
		if bad != nil {
			return f, unknown, kerr.InvalidRegularExpression
		}
		f.pattern = compiled
	}
	return f, unknown, nil
}

// List gives the transactional ids that a filter chooses, by name.
func (m *Machine) List(now time.Time, f Filter) (all []kmsg.ListTransactionsResponseTransactionState) {
	wall := m.cfg.Wall(now).UnixMilli()
	for _, t := range m.sorted() {
		if !t.stored || f.states != nil && !f.states[t.state.String()] ||
			len(f.producers) > 0 && !slices.Contains(f.producers, t.producer) ||
			f.longer >= 0 && wall-t.started <= f.longer || f.pattern != nil && !f.pattern.MatchString(t.id) {
			continue
		}
		out := kmsg.NewListTransactionsResponseTransactionState()
		out.TransactionalID, out.ProducerID, out.TransactionState = t.id, t.producer, t.state.String()
		all = append(all, out)
	}
	return all
}
