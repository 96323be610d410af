package sim

import (
	"fmt"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/quorum"
)

// terms is the log of a voter: the terms of its entries, from the first on.
type terms struct {
	at  quorum.Position
	all []int32
}

func (l terms) Position() quorum.Position { return l.at }

func (l terms) Term(index uint64) (int32, bool) {
	if index < 1 || index > uint64(len(l.all)) {
		return 0, false
	}
	return l.all[index-1], true
}

// follows is a voter that has applied so many entries of its log, in a term that another leads.
func follows(term int32, applied uint64, all ...int32) terms {
	return terms{quorum.Position{Leader: quorum.Leader{ID: 9, Term: term}, Applied: applied, First: 1, Last: uint64(len(all))}, all}
}

// leads is a leader that has written all it has.
func leads(term int32, applied uint64, all ...int32) terms {
	l := follows(term, applied, all...)
	l.at.Leads = true
	return l
}

func TestRaftsOwnPromises(t *testing.T) {
	writing := leads(3, 2, 1, 1, 1)
	writing.at.Writing = true
	for name, c := range map[string]struct {
		seen []terms // by turns of two voters
		want string
	}{
		"the same entries":                 {[]terms{leads(1, 2, 1, 1), follows(1, 2, 1, 1), leads(1, 3, 1, 1, 1), follows(1, 3, 1, 1, 1)}, ""},
		"another entry":                    {[]terms{leads(1, 2, 1, 1), follows(2, 2, 1, 2)}, "entry 2 of the metadata log is committed on node 1 as one of term 2, and was one of term 1"},
		"applied goes back":                {[]terms{leads(1, 2, 1, 1), follows(1, 2, 1, 1), leads(1, 1, 1, 1)}, "had applied entry 2 of the metadata log, and now has 1"},
		"applied and not there":            {[]terms{follows(1, 3, 1, 1)}, "has applied entry 3 of the metadata log, and does not have it"},
		"a leader that lacks one":          {[]terms{leads(1, 3, 1, 1, 1), leads(2, 1, 1, 1)}, "node 1 leads the metadata quorum in term 2, its log ends with entry 2, and entry 3 was committed before"},
		"a leader that has another":        {[]terms{leads(1, 3, 1, 1, 1), leads(3, 1, 1, 1, 2)}, "its entry 3 is of term 2, and one of term 1 was committed there"},
		"a leader that is still writing":   {[]terms{leads(2, 3, 1, 1, 2), writing}, ""},
		"the leader of a term before":      {[]terms{leads(2, 3, 1, 1, 2), leads(1, 2, 1, 1)}, ""},
		"a leader without what is trimmed": {[]terms{leads(1, 1, 1), {quorum.Position{Leader: quorum.Leader{ID: 1, Term: 2}, Leads: true, First: 2, Last: 1}, nil}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := raftChecker{voters: make([]voter, 2)}
			hosts := []*host{{endpoint: endpoint{id: 0}, slot: 0, life: 1}, {endpoint: endpoint{id: 1}, slot: 1, life: 1}}
			var found []string
			for i, l := range c.seen {
				r.look(hosts[i%2], l, func(invariant, format string, args ...any) {
					found = append(found, invariant+": "+fmt.Sprintf(format, args...))
				})
			}
			if got := strings.Join(found, "\n"); (c.want == "") != (got == "") || !strings.Contains(got, c.want) || len(found) > 1 {
				t.Errorf("found %q; want %q", got, c.want)
			}
		})
	}
}
