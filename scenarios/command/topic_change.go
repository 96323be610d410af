package command

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// each goes on after an error, prints what was done, and gives the first error back.
type each struct {
	out   io.Writer
	first error
}

func (e *each) done(err error, message, doing, did string, args ...any) {
	if err == nil {
		fmt.Fprintf(e.out, did+"\n", args...)
		return
	}
	bad := refused(err, message, doing, args[0])
	if e.first == nil {
		e.first = bad
		return
	}
	fmt.Fprintf(e.out, "%v\n", bad)
}

func newTopicCreate(to *connection, stdout io.Writer) *cobra.Command {
	var partitions int32
	var replicas int16
	var set []string
	var dry bool
	cmd := &cobra.Command{
		Use:   "create <topic>...",
		Short: "Make topics",
		Example: `  logproof topic create orders
  logproof topic create orders payments --partitions 6 --replicas 3 --set min.insync.replicas=2
  logproof topic create orders --set retention.ms=soon --dry-run   # refused, and nothing made`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			settings, err := parseSettings(set)
			if err != nil {
				return err
			}
			if partitions == 0 || partitions < -1 || replicas == 0 || replicas < -1 {
				return usage("--partitions and --replicas: write numbers above 0, or leave them out for the cluster's defaults")
			}
			client, err := to.open(cmd.Context())
			if err != nil {
				return err
			}
			defer client.Close()
			return createTopics(cmd.Context(), client, newTopics{partitions, replicas, settings, dry, to.within}, args, stdout)
		},
	}
	cmd.Flags().Int32VarP(&partitions, "partitions", "p", -1, "how many partitions (default: the cluster's)")
	cmd.Flags().Int16VarP(&replicas, "replicas", "r", -1, "how many replicas of each (default: the cluster's)")
	cmd.Flags().StringArrayVar(&set, "set", nil, "`key=value` of a setting; may be given several times")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say whether it could be done")
	return cmd
}

// newTopics is what topics shall be like.
type newTopics struct {
	partitions int32
	replicas   int16
	settings   map[string]*string
	dry        bool
	within     time.Duration
}

func createTopics(ctx context.Context, client *kgo.Client, like newTopics, names []string, stdout io.Writer) error {
	adm := kadm.NewClient(client)
	ask, did := adm.CreateTopics, "topic %s is made"
	if like.dry {
		ask, did = adm.ValidateCreateTopics, "topic %s could be made"
	}
	answers, err := ask(ctx, like.partitions, like.replicas, like.settings, names...)
	if err != nil {
		return refused(err, "", "make topics")
	}
	report := each{out: stdout}
	for _, a := range answers.Sorted() {
		if a.Err == nil && !like.dry {
			a.Err = awaitTopic(ctx, client, a.Topic, like.within)
		}
		report.done(a.Err, a.ErrMessage, "make topic %q", did, a.Topic)
	}
	return report.first
}

// awaitTopic returns once every broker that answers knows a topic: who creates one and uses it at once, by
// whichever broker, would be told by some that it is not there.
func awaitTopic(ctx context.Context, client *kgo.Client, topic string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &topic
	req.Topics = append(req.Topics, t)
	all, err := req.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, b := range all.Brokers {
		for {
			// One that is down knows all when it comes back.
			answer, err := req.RequestWith(ctx, client.Broker(int(b.NodeID)))
			if err != nil && ctx.Err() == nil || err == nil && len(answer.Topics) > 0 && answer.Topics[0].ErrorCode == 0 {
				break
			}
			if !await(ctx, time.Now().Add(10*time.Millisecond)) {
				return fmt.Errorf("it is made, and broker %d does not know it yet: %w", b.NodeID, ctx.Err())
			}
		}
	}
	return nil
}

// parseSettings reads key=value pairs.
func parseSettings(texts []string) (map[string]*string, error) {
	settings := map[string]*string{}
	for _, text := range texts {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return nil, usage("--set %q: write key=value", text)
		}
		settings[key] = &value
	}
	return settings, nil
}

func newTopicDelete(to *connection, stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete <topic>...",
		Short:   "Delete topics with all their records",
		Example: `  logproof topic delete orders payments`,
		Args:    cobra.MinimumNArgs(1),
		RunE: administer(to, func(ctx context.Context, adm *kadm.Client, names []string) error {
			answers, err := adm.DeleteTopics(ctx, names...)
			if err != nil {
				return refused(err, "", "delete topics")
			}
			report := each{out: stdout}
			for _, a := range answers.Sorted() {
				report.done(a.Err, a.ErrMessage, "delete topic %q", "topic %s is deleted", a.Topic)
			}
			return report.first
		}),
	}
	cmd.ValidArgsFunction = completeTopics(to)
	return cmd
}

func newTopicAlter(to *connection, stdout io.Writer) *cobra.Command {
	var set, unset []string
	var dry bool
	cmd := &cobra.Command{
		Use:   "alter <topic>...",
		Short: "Change settings of topics; they take effect at once",
		Example: `  logproof topic alter orders --set retention.ms=86400000 --set max.message.bytes=2097152
  logproof topic alter orders --unset retention.ms`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			settings, err := parseSettings(set)
			if err != nil {
				return err
			}
			var changes []kadm.AlterConfig
			for key, value := range settings {
				changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: key, Value: value})
			}
			for _, key := range unset {
				if settings[key] != nil {
					return usage("--unset %s: --set has it too", key)
				}
				changes = append(changes, kadm.AlterConfig{Op: kadm.DeleteConfig, Name: key})
			}
			if len(changes) == 0 {
				return usage("%s changes nothing: write --set key=value or --unset key", cmd.CommandPath())
			}
			return administer(to, func(ctx context.Context, adm *kadm.Client, names []string) error {
				return alterTopics(ctx, adm, changes, dry, names, stdout)
			})(cmd, args)
		},
	}
	cmd.ValidArgsFunction = completeTopics(to)
	cmd.Flags().StringArrayVar(&set, "set", nil, "`key=value` of a setting; may be given several times")
	cmd.Flags().StringArrayVar(&unset, "unset", nil, "`key` of a setting that becomes the cluster's default again; may be given several times")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say whether it could be done")
	return cmd
}

func alterTopics(ctx context.Context, adm *kadm.Client, changes []kadm.AlterConfig, dry bool, names []string, stdout io.Writer) error {
	ask, did := adm.AlterTopicConfigs, "the settings of %s are changed"
	if dry {
		ask, did = adm.ValidateAlterTopicConfigs, "the settings of %s could be changed"
	}
	answers, err := ask(ctx, changes, names...)
	if err != nil {
		return refused(err, "", "change settings")
	}
	report := each{out: stdout}
	for _, a := range answers {
		report.done(a.Err, a.ErrMessage, "change the settings of %q", did, a.Name)
	}
	return report.first
}

func newTopicGrow(to *connection, stdout io.Writer) *cobra.Command {
	var partitions int
	var dry bool
	cmd := &cobra.Command{
		Use:   "grow <topic>...",
		Short: "Add partitions to topics",
		Long: `Add partitions to topics until each has as many as --partitions says. Keys go to other partitions from then on:
the order of the records of one key holds before and after, and not across it.`,
		Example: `  logproof topic grow orders --partitions 12`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if partitions < 1 {
				return usage("--partitions: write how many there shall be, a number above 0")
			}
			return administer(to, func(ctx context.Context, adm *kadm.Client, names []string) error {
				ask, did := adm.UpdatePartitions, "topic %s has %d partitions"
				if dry {
					ask, did = adm.ValidateUpdatePartitions, "topic %s could have %d partitions"
				}
				answers, err := ask(ctx, partitions, names...)
				if err != nil {
					return refused(err, "", "add partitions")
				}
				report := each{out: stdout}
				for _, a := range answers.Sorted() {
					report.done(a.Err, a.ErrMessage, "add partitions to %q", did, a.Topic, partitions)
				}
				return report.first
			})(cmd, args)
		},
	}
	cmd.ValidArgsFunction = completeTopics(to)
	cmd.Flags().IntVarP(&partitions, "partitions", "p", 0, "how many partitions there shall be (required)")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say whether it could be done")
	return cmd
}
