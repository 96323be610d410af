package plan

import (
	"fmt"
	"strings"

	"github.com/logproof/logproof/scenarios/spec"
)

// Group is a consumer group of the run; its members consume all topics together, or From. They are clients of the
// load, numbered after the readers.
type Group struct {
	Name    string `json:"name"`
	Members int    `json:"members"`
	// Assignor and Commit discipline by their names; see spec.Group.
	Assignor       string        `json:"assignor"`
	Commit         string        `json:"commit"`
	CommitInterval spec.Duration `json:"commit_interval,omitzero"`
	SessionTimeout spec.Duration `json:"session_timeout"`
	// RebalanceTimeout is how long members have to join again.
	RebalanceTimeout spec.Duration `json:"rebalance_timeout"`
	Heartbeat        spec.Duration `json:"heartbeat,omitzero"`
	Static           bool          `json:"static,omitempty"`
	// Work is how long a member takes to process what one poll returned.
	Work spec.Duration `json:"work,omitzero"`
	// From is the topic that is consumed, "" all; To the one that members with commit transaction write.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Isolation of the members; "" is read_uncommitted.
	Isolation          string        `json:"isolation,omitempty"`
	TransactionTimeout spec.Duration `json:"transaction_timeout,omitzero"`
}

// Transforms reports whether the members consume, transform and produce in transactions.
func (g Group) Transforms() bool { return g.Commit == spec.CommitTransaction }

// groups of a scenario.
func groups(s spec.Spec) (all []Group) {
	for _, g := range s.Groups {
		all = append(all, Group(g))
	}
	return all
}

// GroupNames lists the names of the groups.
func (p Plan) GroupNames() (names []string) {
	for _, g := range p.Groups {
		names = append(names, g.Name)
	}
	return names
}

// TransactionalIDs of the clients that write in transactions, which are their names in the load: producer-0, copiers-1.
func (p Plan) TransactionalIDs() (ids []string) {
	if p.Load.Transactions != nil {
		for i := range p.Load.Producers {
			ids = append(ids, fmt.Sprintf("producer-%d", i))
		}
	}
	for _, g := range p.Groups {
		for i := range g.Members {
			if g.Transforms() {
				ids = append(ids, fmt.Sprintf("%s-%d", g.Name, i))
			}
		}
	}
	return ids
}

// clients is how many clients the load has: producers, readers, and members of groups.
func (p Plan) clients() int {
	n := p.Load.Producers + p.Load.Readers
	for _, g := range p.Groups {
		n += g.Members
	}
	return n
}

// String is the group for people.
func (g Group) String() string {
	parts := []string{
		fmt.Sprintf("%s: %s", g.Name, count(g.Members, "member")), g.Assignor, "commit " + g.Commit,
	}
	if g.CommitInterval > 0 {
		parts = append(parts, "every "+g.CommitInterval.String())
	}
	parts = append(parts, "session timeout "+g.SessionTimeout.String(), "rebalance timeout "+g.RebalanceTimeout.String())
	if g.Heartbeat > 0 {
		parts = append(parts, "heartbeat "+g.Heartbeat.String())
	}
	if g.Static {
		parts = append(parts, "static")
	}
	if g.Work > 0 {
		parts = append(parts, g.Work.String()+" of work a poll")
	}
	if g.From != "" {
		parts = append(parts, "from "+g.From)
	}
	if g.Transforms() {
		parts = append(parts, fmt.Sprintf("to %s in transactions of at most %v", g.To, g.TransactionTimeout))
	}
	if g.Isolation != "" {
		parts = append(parts, g.Isolation)
	}
	return strings.Join(parts, ", ")
}
