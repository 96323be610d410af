package command

import (
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want []string
	}{
		{[]string{"explain"}, ExitPass, []string{"exactly-once", "lost-write", "G1c", "kafka-3"}},
		{[]string{"explain", "lost-write"}, ExitPass, []string{"rule loss", "lost-write (and unseen", "at leader (P1)", "acks=all would forbid it", "producer-0 produce ok 6..9", "fail, lost-write: orders/0: 1"}},
		{[]string{"explain", "exactly-once"}, ExitPass, []string{"transactional.id", "isolation.level=read_committed", "does not"}},
		{[]string{"explain", "acks=1"}, ExitPass, []string{"loss budget", "duplicate"}},
		{[]string{"explain", "g1a"}, ExitPass, []string{"G1a (Jepsen)", "illegal"}},
		{[]string{"explain", "redpanda"}, ExitPass, []string{"majority"}},
		{[]string{"explain", "lost-wrote"}, ExitUsage, []string{`nothing is known of "lost-wrote": did you mean "lost-write"?`}},
		{[]string{"explain", "xyzzyxyzzy"}, ExitUsage, []string{"explain lists everything"}},
		{[]string{"explain", "a", "b"}, ExitUsage, []string{"at most 1"}},
		{[]string{"__complete", "explain", "exac"}, ExitPass, []string{"exactly-once", ":4"}},
	} {
		code, stdout, stderr := logproof(t, c.args...)
		if code != c.code {
			t.Errorf("%v: exit code %d, want %d: %s", c.args, code, c.code, stderr)
		}
		for _, want := range c.want {
			if all := strings.Join(strings.Fields(stdout+stderr), " "); !strings.Contains(all, want) {
				t.Errorf("%v does not say %q:\n%s%s", c.args, want, stdout, stderr)
			}
		}
	}
}
