package spec

import (
	"slices"
	"strings"
)

// idle says why a rule would have nothing to judge in the scenario, and what to add; "" if it has something.
func (s *Spec) idle(rule string) string {
	compacts := slices.ContainsFunc(s.Topics, func(t Topic) bool { return strings.Contains(t.CleanupPolicy, "compact") })
	switch rule {
	case "group-position", "exclusivity":
		if len(s.Groups) == 0 {
			return "consumer groups and there are none: add groups"
		}
	case "placement":
		if s.Load.Keys == 0 {
			return "keys and there are none: add load.keys"
		}
	case "compaction":
		if s.Load.Keys == 0 || !compacts {
			return "compacted topics with keys and there are none: add cleanup_policy: compact and load.keys"
		}
	case "early-read", "transaction-fate":
		if !s.Transactional() {
			return "transactions and there are none: add load.delivery: transactional"
		}
	case "exactly-once":
		if !slices.ContainsFunc(s.Groups, func(g Group) bool { return g.Commit == CommitTransaction }) {
			return "groups that make records from records and there are none: add a group with commit: transaction"
		}
	}
	return ""
}
