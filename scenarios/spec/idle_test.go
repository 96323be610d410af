package spec

import (
	"slices"
	"strings"
	"testing"
)

// Rules that have nothing to judge are left out unless they are written; then it is an error that says what to add.
func TestIdleRules(t *testing.T) {
	const head = "name: x\ntopics: [{name: orders%s}]\nload: {rate: 100/s%s}\n"
	for _, c := range []struct {
		topic, load, checks string
		want                []string
		err                 string
	}{
		{"", "", "", nil, ""},
		{"", ", keys: 5", "", []string{"placement"}, ""},
		{", cleanup_policy: compact", ", keys: 5", "", []string{"placement", "compaction"}, ""},
		{"", "", "checks: [placement]\n", nil, `rule "placement" judges keys and there are none: add load.keys, or remove it`},
		{"", ", keys: 5", "checks: [compaction]\n", nil, `judges compacted topics with keys and there are none: add cleanup_policy: compact and load.keys, or remove it`},
		{"", ", delivery: transactional", "", []string{"early-read", "transaction-fate"}, ""},
		{"", "", "checks: [early-read]\n", nil, `judges transactions and there are none: add load.delivery: transactional, or remove it`},
		{"", "", "checks: [exactly-once]\n", nil, `there are none: add a group with commit: transaction, or remove it`},
		{"", "", "checks: [exclusivity]\n", nil, `judges consumer groups and there are none: add groups, or remove it`},
	} {
		text := strings.Replace(strings.Replace(head, "%s", c.topic, 1), "%s", c.load, 1) + c.checks
		s, err := Parse("x.yaml", []byte(text))
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: error is %v, want %q", text, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		for _, rule := range []string{"placement", "compaction", "exclusivity", "group-position", "early-read", "transaction-fate", "exactly-once"} {
			if slices.Contains(s.Checks, rule) != slices.Contains(c.want, rule) {
				t.Errorf("%q: asks for %v, want %v of those that may be idle", text, s.Checks, c.want)
			}
		}
	}
}
