package command

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
)

func newGroupReset(to *connection, stdout io.Writer) *cobra.Command {
	var where string
	var topics []string
	var execute bool
	cmd := &cobra.Command{
		Use:   "reset <group>",
		Short: "Put a group to another place; prints what it would do until --execute is given",
		Long: `Commit other offsets for a group that has no members, in all topics of which it has committed something, or in
those of --topic: a group that is not there yet is made by it. Nothing is changed without --execute. An offset
before the log's start or after its end is moved to it.`,
		Example: `  logproof group reset billing --to start
  logproof group reset billing --to 2026-01-02T15:04:05Z --topic orders --execute
  logproof group reset billing --to -100 --execute   # the last hundred of each partition again`,
		Args: exactlyOne("a group"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if where == "" {
				return usage("--to: write where to: start, end, an offset, -N, a time or a duration; see %s --help", cmd.CommandPath())
			}
			at, err := parsePlace(where)
			if err != nil {
				return usage("--to %q: %w", where, err)
			}
			return administer(to, func(ctx context.Context, adm *kadm.Client, args []string) error {
				return resetGroup(ctx, to, adm, args[0], at, topics, execute, stdout)
			})(cmd, args)
		},
	}
	cmd.ValidArgsFunction = completeGroups(to)
	cmd.Flags().StringVar(&where, "to", "", "`place`: start, end, an offset, -N (the last N), a time (2026-01-02T15:04:05Z), a duration (1h: so long ago); required")
	cmd.Flags().StringSliceVar(&topics, "topic", nil, "only these `topics`, comma-separated (default: all of which the group has committed something)")
	cmd.Flags().BoolVar(&execute, "execute", false, "do it")
	return cmd
}

func resetGroup(ctx context.Context, to *connection, adm *kadm.Client, name string, at place, topics []string, execute bool, stdout io.Writer) error {
	group, err := findGroup(ctx, to, name)
	if err != nil && len(topics) == 0 {
		return err
	}
	if err == nil && group.State != groupEmpty {
		return usage("group %q is %s, %s: it can be reset once all have left", name, group.State, some(len(group.Members), "member"))
	}
	committed, err := insist(ctx, func() (kadm.OffsetResponses, error) { return adm.FetchOffsets(ctx, name) })
	if err != nil {
		return refused(err, "", "ask what group %q has committed", name)
	}
	of, err := resetPartitions(ctx, adm, committed, topics)
	if err != nil {
		return err
	}
	if len(of) == 0 {
		return usage("group %q has committed nothing: name the topics with --topic", name)
	}
	target, err := at.offsets(ctx, adm, of)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%-40s %9s %12s %12s\n", "topic", "partition", "committed", "new")
	for _, o := range target.Sorted() {
		before := "none"
		if c, ok := committed.Lookup(o.Topic, o.Partition); ok && c.At >= 0 {
			before = strconv.FormatInt(c.At, 10)
		}
		fmt.Fprintf(stdout, "%-40s %9d %12s %12d\n", o.Topic, o.Partition, before, o.At)
	}
	if !execute {
		fmt.Fprintln(stdout, "nothing was changed: add --execute to do it")
		return nil
	}
	if _, err := insist(ctx, func() (any, error) { return nil, adm.CommitAllOffsets(ctx, name, target) }); err != nil {
		return refused(err, "", "reset group %q", name)
	}
	fmt.Fprintf(stdout, "group %s is reset\n", name)
	return nil
}

// resetPartitions are those of the named topics, or those of which something is committed.
func resetPartitions(ctx context.Context, adm *kadm.Client, committed kadm.OffsetResponses, topics []string) (kadm.TopicsSet, error) {
	of := kadm.TopicsSet{}
	if len(topics) == 0 {
		for _, o := range committed.Sorted() {
			of.Add(o.Topic, o.Partition)
		}
		return of, nil
	}
	slices.Sort(topics)
	found, err := existing(ctx, adm, topics...)
	if err != nil {
		return nil, err
	}
	for _, topic := range found {
		of.Add(topic.Topic, topic.Partitions.Numbers()...)
	}
	return of, nil
}
