package command

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A group reads, commits what was printed, goes on there, is described, reset and deleted.
func TestGroup(t *testing.T) {
	t.Parallel()
	_, flags := doors(t)
	want(t, ExitPass, "", with(flags, "topic", "create", "orders", "-p", "2")...)
	for p, text := range []string{"a\nb\nc\n", "d\n"} {
		want(t, ExitPass, "", with(flags, "produce", "orders", "-f", lines(t, text), "-p", fmt.Sprint(p))...)
	}
	read := with(flags, "consume", "orders", "-g", "billing", "--format", "%p:%o ")
	if got := want(t, ExitPass, "1 record\n", append(read, "-n", "1")...); got != "0:0 " && got != "1:0 " {
		t.Errorf("one record: %q", got)
	}
	want(t, ExitPass, "3 records\n", read...)
	want(t, ExitPass, "0 records\n", read...)

	var list []groupLine
	if err := json.Unmarshal([]byte(want(t, ExitPass, "", with(flags, "group", "list", "--json")...)), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].Group != "billing" || list[0].State != groupEmpty || list[0].Type != "consumer" {
		t.Errorf("listed %+v", list)
	}
	want(t, ExitPass, "billing", with(flags, "group", "list", "--state", "Empty")...)
	if out := want(t, ExitPass, "", with(flags, "group", "list", "--state", "Stable")...); strings.Contains(out, "billing") {
		t.Errorf("an empty group is listed among stable ones:\n%s", out)
	}
	if out := words(want(t, ExitPass, "", with(flags, "group", "describe", "billing")...)); !strings.Contains(out, "orders 0 3 3 0 -") || !strings.Contains(out, "orders 1 1 1 0 -") {
		t.Errorf("described as %s", out)
	}
	testGroupReset(t, flags, read)

	want(t, ExitPass, "the commit of orders/1 of group billing is deleted", with(flags, "group", "delete", "billing", "--topic", "orders")...)
	want(t, ExitUsage, "has committed nothing of [orders]", with(flags, "group", "delete", "billing", "--topic", "orders")...)
	want(t, ExitPass, "4 records\n", read...)
	want(t, ExitPass, "group billing is deleted", with(flags, "group", "delete", "billing")...)
	want(t, ExitUsage, "GROUP_ID_NOT_FOUND", with(flags, "group", "delete", "billing")...)
	want(t, ExitUsage, `there is no group "billing"`, with(flags, "group", "describe", "billing")...)
	want(t, ExitUsage, `there is no group "billing"`, with(flags, "group", "reset", "billing", "--to", "start")...)
}

// testGroupReset puts a group that has read 3 and 1 records to other places.
func testGroupReset(t *testing.T, flags, read []string) {
	for to, new := range map[string][2]int{"start": {0, 0}, "end": {3, 1}, "2": {2, 1}, "-1": {2, 0}, "99": {3, 1}, "1h": {0, 0}} {
		out := words(want(t, ExitPass, "nothing was changed", with(flags, "group", "reset", "billing", "--to", to)...))
		if !strings.Contains(out, fmt.Sprintf("orders 0 3 %d\n", new[0])) || !strings.Contains(out, fmt.Sprintf("orders 1 1 %d\n", new[1])) {
			t.Errorf("reset to %s would do %s", to, out)
		}
	}
	want(t, ExitPass, "0 records\n", read...)
	want(t, ExitPass, "group billing is reset", with(flags, "group", "reset", "billing", "--to", "-2", "--topic", "orders", "--execute")...)
	want(t, ExitPass, "3 records\n", read...)
	want(t, ExitUsage, `there is no topic "nix"`, with(flags, "group", "reset", "billing", "--to", "end", "--topic", "nix")...)
	// A group that is not there yet is made where its topics are named.
	want(t, ExitPass, "group new is reset", with(flags, "group", "reset", "new", "--to", "2", "--topic", "orders", "--execute")...)
	want(t, ExitPass, "1 record\n", with(flags, "consume", "orders", "-g", "new")...)
}

// A group with members is described with them, and neither reset nor deleted.
func TestGroupWithMembers(t *testing.T) {
	t.Parallel()
	_, flags := doors(t)
	want(t, ExitPass, "", with(flags, "topic", "create", "orders")...)
	want(t, ExitPass, "", with(flags, "produce", "orders", "-f", lines(t, "first\n"))...)
	ctx, interrupt := context.WithCancel(context.Background())
	seen := make(chan struct{})
	out := &watched{until: "first\n", seen: seen}
	done := make(chan int)
	go func() { done <- dispatch(ctx, with(flags, "consume", "orders", "-g", "billing", "--follow"), out, out) }()
	select {
	case <-seen:
	case <-time.After(30 * time.Second):
		t.Fatalf("it has printed %q", out.text())
	}
	if out := want(t, ExitPass, "Stable", with(flags, "group", "describe", "billing")...); !strings.Contains(out, "1 member,") || !strings.Contains(out, "client logproof at ") {
		t.Errorf("described as\n%s", out)
	}
	want(t, ExitUsage, "is Stable, 1 member: it can be reset once all have left", with(flags, "group", "reset", "billing", "--to", "start", "--execute")...)
	want(t, ExitUsage, "NON_EMPTY_GROUP", with(flags, "group", "delete", "billing")...)
	interrupt()
	if code := <-done; code != ExitInterrupted {
		t.Errorf("exit code %d", code)
	}
	want(t, ExitPass, "group billing is deleted", with(flags, "group", "delete", "billing")...)
}

// Settings are changed and shown, partitions added.
func TestTopicSettings(t *testing.T) {
	t.Parallel()
	_, flags := doors(t)
	want(t, ExitUsage, "INVALID_CONFIG", with(flags, "topic", "create", "orders", "--set", "retention.ms=soon")...)
	want(t, ExitPass, "", with(flags, "topic", "create", "orders", "--set", "retention.ms=1000000")...)
	want(t, ExitPass, "    retention.ms=1000000\n", with(flags, "topic", "describe", "orders")...)
	want(t, ExitPass, "could be changed", with(flags, "topic", "alter", "orders", "--unset", "retention.ms", "--dry-run")...)
	want(t, ExitUsage, "INVALID_CONFIG", with(flags, "topic", "alter", "orders", "--set", "max.message.bytes=-5")...)
	want(t, ExitPass, "are changed", with(flags, "topic", "alter", "orders", "--set", "max.message.bytes=2000", "--unset", "retention.ms")...)
	if out := want(t, ExitPass, "    max.message.bytes=2000\n", with(flags, "topic", "describe", "orders")...); strings.Contains(out, "retention.ms") {
		t.Errorf("a setting that was taken back is still there:\n%s", out)
	}
	want(t, ExitUsage, "UNKNOWN_TOPIC_OR_PARTITION", with(flags, "topic", "alter", "nix", "--unset", "retention.ms")...)
	want(t, ExitPass, "could have 4 partitions", with(flags, "topic", "grow", "orders", "-p", "4", "--dry-run")...)
	want(t, ExitPass, "topic orders has 4 partitions", with(flags, "topic", "grow", "orders", "-p", "4")...)
	want(t, ExitUsage, "INVALID_PARTITIONS", with(flags, "topic", "grow", "orders", "-p", "2")...)
}

// words has one blank between words and keeps the lines.
func words(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	return b.String()
}
