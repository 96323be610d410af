package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// States of a group, as Kafka names them.
const (
	groupEmpty = "Empty"
	groupDead  = "Dead"
)

func newGroup(stdout io.Writer) *cobra.Command {
	var to connection
	cmd := &cobra.Command{
		Use:   "group",
		Short: "List, describe, reset and delete consumer groups",
		Long:  `Administer the consumer groups of any cluster that speaks the Kafka protocol.`,
		Example: `  logproof group list
  logproof group describe billing
  logproof group reset billing --to 1h            # prints what it would do
  logproof group reset billing --to 1h --execute  # does it`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage("%s does nothing by itself; see %s --help", cmd.CommandPath(), cmd.CommandPath())
		},
	}
	to.addTo(cmd)
	cmd.AddCommand(newGroupList(&to, stdout), newGroupDescribe(&to, stdout), newGroupReset(&to, stdout), newGroupDelete(&to, stdout))
	return cmd
}

func newGroupList(to *connection, stdout io.Writer) *cobra.Command {
	var states []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List groups with their state",
		Example: `  logproof group list
  logproof group list --state Stable --json`,
		Args: cobra.NoArgs,
		RunE: administer(to, func(ctx context.Context, adm *kadm.Client, _ []string) error {
			found, err := insist(ctx, func() (kadm.ListedGroups, error) { return adm.ListGroups(ctx, states...) })
			if err != nil {
				return refused(err, "", "list groups")
			}
			return printGroups(found.Sorted(), asJSON, stdout)
		}),
	}
	cmd.Flags().StringSliceVar(&states, "state", nil, "only groups in these `states`: Empty, PreparingRebalance, CompletingRebalance, Stable, Dead")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a list as JSON")
	return cmd
}

// groupLine is a group in a list.
type groupLine struct {
	Group       string `json:"group"`
	State       string `json:"state"`
	Type        string `json:"type"`
	Coordinator int32  `json:"coordinator"`
}

func printGroups(groups []kadm.ListedGroup, asJSON bool, stdout io.Writer) error {
	lines := []groupLine{}
	for _, g := range groups {
		lines = append(lines, groupLine{g.Group, g.State, g.ProtocolType, g.Coordinator})
	}
	if asJSON {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		return out.Encode(lines)
	}
	fmt.Fprintf(stdout, "%-40s %-20s %-10s %11s\n", "group", "state", "type", "coordinator")
	for _, l := range lines {
		fmt.Fprintf(stdout, "%-40s %-20s %-10s %11d\n", l.Group, l.State, l.Type, l.Coordinator)
	}
	return nil
}

func newGroupDescribe(to *connection, stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "describe <group>...",
		Short: "Say who is in a group, what each member has, and how far it is behind",
		Example: `  logproof group describe billing
  logproof group describe billing audit --bootstrap broker1:9092`,
		Args: cobra.MinimumNArgs(1),
		RunE: administer(to, func(ctx context.Context, _ *kadm.Client, names []string) error {
			for i, name := range names {
				if i > 0 {
					fmt.Fprintln(stdout)
				}
				if err := describeGroup(ctx, to, name, stdout); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	cmd.ValidArgsFunction = completeGroups(to)
	return cmd
}

// findGroup describes a group that is there. Each try has a client of its own: one remembers where a coordinator
// was, even if nobody answers there any more.
func findGroup(ctx context.Context, to *connection, name string) (kadm.DescribedGroupLag, error) {
	found, err := insist(ctx, func() (kadm.DescribedGroupLags, error) {
		adm, err := to.admin(ctx)
		if err != nil {
			return nil, err
		}
		defer adm.Close()
		found, err := adm.Lag(ctx, name)
		if group := found[name]; err == nil && group.Error() != nil && passing(group.Error()) {
			err = group.Error()
		}
		return found, err
	})
	if err != nil {
		return kadm.DescribedGroupLag{}, refused(err, "", "describe group %q", name)
	}
	group, ok := found[name]
	if !ok || group.State == groupDead || errors.Is(group.DescribeErr, kerr.GroupIDNotFound) {
		return group, usage("there is no group %q: see %s group list", name, program())
	}
	if err := group.Error(); err != nil {
		return group, refused(err, "", "describe group %q", name)
	}
	return group, nil
}

func describeGroup(ctx context.Context, to *connection, name string, stdout io.Writer) error {
	group, err := findGroup(ctx, to, name)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "group %s, %s, coordinator %d, %s", group.Group, group.State, group.Coordinator.NodeID, some(len(group.Members), "member"))
	if group.Protocol != "" {
		fmt.Fprintf(stdout, ", %s", group.Protocol)
	}
	fmt.Fprintln(stdout)
	for _, m := range group.Members {
		fmt.Fprintf(stdout, "  member %s", m.MemberID)
		if m.InstanceID != nil {
			fmt.Fprintf(stdout, ", instance %s", *m.InstanceID)
		}
		fmt.Fprintf(stdout, ", client %s at %s\n", m.ClientID, m.ClientHost)
	}
	fmt.Fprintf(stdout, "  %-32s %9s %12s %12s %12s  %s\n", "topic", "partition", "committed", "end", "behind", "member")
	for _, l := range group.Lag.Sorted() {
		committed, behind, member := "none", "?", "-"
		if l.Commit.At >= 0 {
			committed = strconv.FormatInt(l.Commit.At, 10)
		}
		if l.Err == nil {
			behind = strconv.FormatInt(l.Lag, 10)
		}
		if l.Member != nil {
			member = l.Member.MemberID
		}
		end := "?"
		if l.End.Err == nil {
			end = strconv.FormatInt(l.End.Offset, 10)
		}
		fmt.Fprintf(stdout, "  %-32s %9d %12s %12s %12s  %s\n", l.Topic, l.Partition, committed, end, behind, member)
	}
	fmt.Fprintf(stdout, "  behind by %s\n", some(group.Lag.Total(), "record"))
	return nil
}

func newGroupDelete(to *connection, stdout io.Writer) *cobra.Command {
	var topics []string
	cmd := &cobra.Command{
		Use:   "delete <group>...",
		Short: "Delete groups, or what they have committed of some topics",
		Long: `Delete groups that have no members, with everything they have committed. With --topic only what they have
committed of these topics is deleted: that is refused for a topic which members read.`,
		Example: `  logproof group delete billing
  logproof group delete billing --topic old-orders`,
		Args: cobra.MinimumNArgs(1),
		RunE: administer(to, func(ctx context.Context, adm *kadm.Client, names []string) error {
			if len(topics) > 0 {
				return deleteCommits(ctx, adm, names, topics, stdout)
			}
			answers, err := insist(ctx, func() (kadm.DeleteGroupResponses, error) { return adm.DeleteGroups(ctx, names...) })
			if err != nil {
				return refused(err, "", "delete groups")
			}
			report := each{out: stdout}
			for _, a := range answers.Sorted() {
				report.done(a.Err, "", "delete group %q", "group %s is deleted", a.Group)
			}
			return report.first
		}),
	}
	cmd.ValidArgsFunction = completeGroups(to)
	cmd.Flags().StringSliceVar(&topics, "topic", nil, "`topics` whose commits are deleted, comma-separated")
	return cmd
}

func deleteCommits(ctx context.Context, adm *kadm.Client, groups, topics []string, stdout io.Writer) error {
	report := each{out: stdout}
	for _, group := range groups {
		committed, err := insist(ctx, func() (kadm.OffsetResponses, error) { return adm.FetchOffsets(ctx, group) })
		if err != nil {
			return refused(err, "", "ask what group %q has committed", group)
		}
		set := kadm.TopicsSet{}
		for _, o := range committed.Sorted() {
			if slices.Contains(topics, o.Topic) {
				set.Add(o.Topic, o.Partition)
			}
		}
		if len(set) == 0 {
			return usage("group %q has committed nothing of %v", group, topics)
		}
		answers, err := adm.DeleteOffsets(ctx, group, set)
		if err != nil {
			return refused(err, "", "delete commits of group %q", group)
		}
		for _, topic := range slices.Sorted(maps.Keys(answers)) {
			for _, partition := range slices.Sorted(maps.Keys(answers[topic])) {
				of := fmt.Sprintf("%s/%d of group %s", topic, partition, group)
				report.done(answers[topic][partition], "", "delete the commit of %s", "the commit of %s is deleted", of)
			}
		}
	}
	return report.first
}
