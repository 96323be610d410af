package command

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

func newTopic(stdout io.Writer) *cobra.Command {
	var to connection
	cmd := &cobra.Command{
		Use:   "topic",
		Short: "List, describe, make, change and delete topics",
		Long: `Administer the topics of any cluster that speaks the Kafka protocol. What a command does to several topics it
does to each by itself: one that is refused does not spare the others, and the exit code tells.`,
		Example: `  logproof topic create orders --partitions 6 --replicas 3 --set retention.ms=86400000
  logproof topic describe orders
  logproof topic alter orders --set cleanup.policy=compact --unset retention.ms`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage("%s does nothing by itself; see %s --help", cmd.CommandPath(), cmd.CommandPath())
		},
	}
	to.addTo(cmd)
	cmd.AddCommand(newTopicList(&to, stdout), newTopicDescribe(&to, stdout), newTopicCreate(&to, stdout), newTopicDelete(&to, stdout),
		newTopicAlter(&to, stdout), newTopicGrow(&to, stdout))
	return cmd
}

// administer runs something with a connection of an administrator; its context ends after --within.
func administer(to *connection, do func(context.Context, *kadm.Client, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		adm, err := to.admin(cmd.Context())
		if err != nil {
			return err
		}
		defer adm.Close()
		ctx, cancel := context.WithTimeout(cmd.Context(), to.within)
		defer cancel()
		return do(ctx, adm, args)
	}
}

func newTopicList(to *connection, stdout io.Writer) *cobra.Command {
	var internal, asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List topics with their partitions and replicas",
		Example: `  logproof topic list
  logproof topic list --json | jq '.[] | select(.partitions > 10).topic'`,
		Args: cobra.NoArgs,
		RunE: administer(to, func(ctx context.Context, adm *kadm.Client, _ []string) error {
			return listTopics(ctx, adm, internal, asJSON, stdout)
		}),
	}
	cmd.Flags().BoolVar(&internal, "internal", false, "also topics of the brokers themselves")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a list as JSON")
	return cmd
}

// topicLine is a topic in a list.
type topicLine struct {
	Topic           string `json:"topic"`
	Partitions      int    `json:"partitions"`
	Replicas        int    `json:"replicas"`
	UnderReplicated int    `json:"under_replicated"`
	Leaderless      int    `json:"leaderless"`
}

func listTopics(ctx context.Context, adm *kadm.Client, internal, asJSON bool, stdout io.Writer) error {
	found, err := insist(ctx, func() (kadm.TopicDetails, error) { return adm.ListTopicsWithInternal(ctx) })
	if err != nil {
		return refused(err, "", "list topics")
	}
	lines := []topicLine{}
	for _, topic := range found.Sorted() {
		if topic.IsInternal && !internal {
			continue
		}
		line := topicLine{Topic: topic.Topic, Partitions: len(topic.Partitions), Replicas: topic.Partitions.NumReplicas()}
		for _, p := range topic.Partitions {
			if p.Leader < 0 {
				line.Leaderless++
			}
			if len(p.ISR) < len(p.Replicas) {
				line.UnderReplicated++
			}
		}
		lines = append(lines, line)
	}
	if asJSON {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		return out.Encode(lines)
	}
	fmt.Fprintf(stdout, "%-40s %10s %8s %16s %10s\n", "topic", "partitions", "replicas", "under-replicated", "leaderless")
	for _, l := range lines {
		fmt.Fprintf(stdout, "%-40s %10d %8d %16d %10d\n", l.Topic, l.Partitions, l.Replicas, l.UnderReplicated, l.Leaderless)
	}
	return nil
}

func newTopicDescribe(to *connection, stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "describe <topic>...",
		Short: "Say where each partition is, and which settings a topic has of its own",
		Example: `  logproof topic describe orders
  logproof topic describe orders payments --bootstrap broker1:9092,broker2:9092`,
		Args: cobra.MinimumNArgs(1),
		RunE: administer(to, func(ctx context.Context, adm *kadm.Client, names []string) error {
			return describeTopics(ctx, adm, names, stdout)
		}),
	}
	cmd.ValidArgsFunction = completeTopics(to)
	return cmd
}

func describeTopics(ctx context.Context, adm *kadm.Client, names []string, stdout io.Writer) error {
	topics, err := existing(ctx, adm, names...)
	if err != nil {
		return err
	}
	// What a partition without a leader does not tell is shown as that, and keeps nobody waiting.
	starts, err := insist(ctx, func() (kadm.ListedOffsets, error) { return adm.ListStartOffsets(ctx, names...) })
	if err != nil {
		return refused(err, "", "ask for offsets")
	}
	ends, err := insist(ctx, func() (kadm.ListedOffsets, error) { return adm.ListEndOffsets(ctx, names...) })
	if err != nil {
		return refused(err, "", "ask for offsets")
	}
	for i, topic := range topics {
		if i > 0 {
			fmt.Fprintln(stdout)
		}
		describeTopic(topic, starts, ends, stdout)
		if err := describeSettings(ctx, adm, topic.Topic, stdout); err != nil {
			return err
		}
	}
	return nil
}

func describeTopic(topic kadm.TopicDetail, starts, ends kadm.ListedOffsets, stdout io.Writer) {
	fmt.Fprintf(stdout, "topic %s, id %s, %d partitions, %d replicas\n", topic.Topic, base64.RawURLEncoding.EncodeToString(topic.ID[:]), len(topic.Partitions), topic.Partitions.NumReplicas())
	fmt.Fprintf(stdout, "  %9s %6s %5s  %-16s %-16s %12s %12s\n", "partition", "leader", "epoch", "replicas", "in sync", "start", "end")
	for _, p := range topic.Partitions.Sorted() {
		fmt.Fprintf(stdout, "  %9d %6s %5d  %-16s %-16s %12s %12s\n", p.Partition, node(p.Leader), p.LeaderEpoch, nodes(p.Replicas), nodes(p.ISR),
			listed(starts, topic.Topic, p.Partition), listed(ends, topic.Topic, p.Partition))
	}
}

// describeSettings prints what was set for a topic itself.
func describeSettings(ctx context.Context, adm *kadm.Client, topic string, stdout io.Writer) error {
	found, err := insist(ctx, func() (kadm.ResourceConfigs, error) { return adm.DescribeTopicConfigs(ctx, topic) })
	if err == nil {
		_, err = found.On(topic, func(r *kadm.ResourceConfig) error { return r.Err })
	}
	if err != nil {
		return refused(err, "", "ask for the settings of %s", topic)
	}
	own := map[string]string{}
	for _, config := range found[0].Configs {
		if config.Source.String() == "DYNAMIC_TOPIC_CONFIG" {
			own[config.Key] = config.MaybeValue()
		}
	}
	if len(own) == 0 {
		fmt.Fprintln(stdout, "  settings: the cluster's defaults")
		return nil
	}
	fmt.Fprintln(stdout, "  settings:")
	for _, key := range slices.Sorted(maps.Keys(own)) {
		fmt.Fprintf(stdout, "    %s=%s\n", key, own[key])
	}
	return nil
}

// node is a broker's id, or that there is none.
func node(id int32) string {
	if id < 0 {
		return "none"
	}
	return strconv.Itoa(int(id))
}

func nodes(ids []int32) string {
	var texts []string
	for _, id := range ids {
		texts = append(texts, node(id))
	}
	return strings.Join(texts, ",")
}

// listed is an offset, or why there is none.
func listed(of kadm.ListedOffsets, topic string, partition int32) string {
	o, ok := of.Lookup(topic, partition)
	switch {
	case !ok:
		return "?"
	case o.Err != nil:
		var k *kerr.Error
		if errors.As(o.Err, &k) {
			return k.Message
		}
		return o.Err.Error()
	}
	return strconv.FormatInt(o.Offset, 10)
}
