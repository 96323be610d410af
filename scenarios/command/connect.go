package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// bootstrapEnv names the cluster of the client commands where --bootstrap does not.
	bootstrapEnv     = "LOGPROOF_BOOTSTRAP"
	bootstrapDefault = "127.0.0.1:9092"
	// completionWithin is how long a shell waits for names of topics or groups.
	completionWithin = time.Second
)

// connection is how the client commands (produce, consume, topic, group) reach a cluster, which may be of any
// system that speaks Kafka's protocol.
type connection struct {
	servers []string
	within  time.Duration
}

func (c *connection) addTo(cmd *cobra.Command) {
	servers := []string{bootstrapDefault}
	if named := os.Getenv(bootstrapEnv); named != "" {
		servers = strings.Split(named, ",")
	}
	cmd.PersistentFlags().StringSliceVarP(&c.servers, "bootstrap", "b", servers, "`host:port` of brokers, comma-separated; the environment's "+bootstrapEnv+" is the default if it is set")
	cmd.PersistentFlags().DurationVar(&c.within, "within", 20*time.Second, "how long to wait for a cluster that does not answer")
}

// check finds what is wrong with the flags before anything is dialled.
func (c *connection) check() error {
	for _, server := range c.servers {
		host, port, err := net.SplitHostPort(server)
		if err != nil || host == "" || port == "" {
			return usage("--bootstrap: %q is not host:port", server)
		}
	}
	if len(c.servers) == 0 {
		return usage("--bootstrap: write host:port of at least one broker")
	}
	if c.within <= 0 {
		return usage("--within must be above 0")
	}
	return nil
}

// open connects, and waits for a first answer: that nobody is there is told as that, and not by whatever is
// asked first. Requests that a cluster does not answer are given up after c.within.
func (c *connection) open(ctx context.Context, opts ...kgo.Opt) (*kgo.Client, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(c.servers...), kgo.ClientID("logproof"), kgo.RetryTimeout(c.within),
	}, opts...)...)
	if err != nil {
		return nil, usage("%w", err)
	}
	wait, cancel := context.WithTimeout(ctx, c.within)
	defer cancel()
	if err := client.Ping(wait); err != nil {
		client.Close()
		if ctx.Err() != nil {
			return nil, environment(ctx.Err())
		}
		return nil, environment(fmt.Errorf("no broker answers at %s within %v: %w", strings.Join(c.servers, ", "), c.within, err))
	}
	return client, nil
}

// admin is open for those who need nothing but requests of administrators.
func (c *connection) admin(ctx context.Context) (*kadm.Client, error) {
	client, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	adm := kadm.NewClient(client)
	adm.SetTimeoutMillis(int32(min(c.within.Milliseconds(), 1<<30)))
	return adm, nil
}

// mendable are Kafka's errors about what was typed; all others are of the cluster.
var mendable = []*kerr.Error{
	kerr.UnknownTopicOrPartition, kerr.InvalidTopicException, kerr.TopicAlreadyExists, kerr.InvalidPartitions, kerr.InvalidReplicationFactor,
	kerr.InvalidReplicaAssignment, kerr.InvalidConfig, kerr.InvalidRequest, kerr.PolicyViolation, kerr.GroupIDNotFound, kerr.InvalidGroupID,
	kerr.NonEmptyGroup, kerr.OffsetOutOfRange, kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.UnsupportedCompressionType,
	kerr.InvalidRequiredAcks, kerr.UnknownMemberID, kerr.InvalidTimestamp,
}

// refused gives an error of a cluster the exit code of who can mend it, and says what it was about. message is
// what the broker said besides its error code, "" for nothing.
func refused(err error, message, format string, args ...any) error {
	about := fmt.Sprintf(format, args...)
	if message != "" {
		err = fmt.Errorf("%s: %w: %s", about, err, message)
	} else {
		err = fmt.Errorf("%s: %w", about, err)
	}
	if mends(err) {
		return usage("%w", err)
	}
	return environment(err)
}

// mends reports whether who typed it can mend an error.
func mends(err error) bool {
	return slices.ContainsFunc(mendable, func(k *kerr.Error) bool { return errors.Is(err, k) })
}

// existing gives the named topics, sorted by name; one that is not there is an error of who typed it.
func existing(ctx context.Context, adm *kadm.Client, names ...string) ([]kadm.TopicDetail, error) {
	details, err := insist(ctx, func() (kadm.TopicDetails, error) { return adm.ListTopicsWithInternal(ctx, names...) })
	if err != nil {
		return nil, environment(fmt.Errorf("ask for topics: %w", err))
	}
	found := details.Sorted()
	for _, topic := range found {
		if errors.Is(topic.Err, kerr.UnknownTopicOrPartition) {
			return nil, usage("there is no topic %q: make it with %s topic create %s", topic.Topic, program(), topic.Topic)
		}
		if topic.Err != nil {
			return nil, refused(topic.Err, "", "topic %q", topic.Topic)
		}
	}
	return found, nil
}

// completeTopics lists the topics of the cluster for a shell; none when there is no telling.
func completeTopics(c *connection) cobra.CompletionFunc {
	return completeFrom(c, func(ctx context.Context, adm *kadm.Client) ([]string, error) {
		topics, err := adm.ListTopics(ctx)
		return topics.Names(), err
	})
}

// completeGroups lists the groups of the cluster for a shell.
func completeGroups(c *connection) cobra.CompletionFunc {
	return completeFrom(c, func(ctx context.Context, adm *kadm.Client) ([]string, error) {
		groups, err := adm.ListGroups(ctx)
		return groups.Groups(), err
	})
}

func completeFrom(c *connection, names func(context.Context, *kadm.Client) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionWithin)
		defer cancel()
		quick := connection{servers: c.servers, within: completionWithin}
		adm, err := quick.admin(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer adm.Close()
		found, err := names(ctx, adm)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		found = slices.DeleteFunc(found, func(name string) bool { return slices.Contains(args, name) })
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

// some is a number of things in words: "1 record", "2 records".
func some[N int | int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
