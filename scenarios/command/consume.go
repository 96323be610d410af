package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// consumeFlags are the flags of logproof consume as they are typed.
type consumeFlags struct {
	from         connection
	start, group string
	format       string
	partitions   []int
	count        int64
	follow, json bool
	uncommitted  bool
}

func newConsume(stdout, stderr io.Writer) *cobra.Command {
	var f consumeFlags
	cmd := &cobra.Command{
		Use:   "consume <topic>...",
		Short: "Print the records of topics",
		Long: `Print the records of topics, of any cluster that speaks the Kafka protocol, up to where they end now; with
--follow go on with those that are written meanwhile, until Ctrl-C. With --group the records are read as a
member of that group: it goes on where the group has committed, commits what was printed, and shares the
partitions with other members; --from counts where the group has no commit.

--format takes %t topic, %p partition, %o offset, %k key, %v value, %d timestamp (ms), %h{...} headers, %e leader
epoch, and \n, \t; %v{hex}, %k{base64}, %d{strftime[%F %T]} and the like are understood: it is franz-go's format.`,
		Example: `  logproof consume orders
  logproof consume orders --from -10 --format '%p %o %k=%v\n'    # the last ten of each partition
  logproof consume orders --from 1h --json | jq .value           # of the last hour
  logproof consume orders payments --group billing --follow`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return consume(cmd.Context(), f, args, stdout, stderr)
		},
	}
	cmd.ValidArgsFunction = completeTopics(&f.from)
	f.from.addTo(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.start, "from", "start", "where to begin: start, end, an `offset`, -N (the last N of each partition), a time (2026-01-02T15:04:05Z), a duration (1h: so long ago)")
	flags.StringVarP(&f.group, "group", "g", "", "`name` of the group to be a member of")
	flags.IntSliceVarP(&f.partitions, "partition", "p", nil, "only these `partitions`, comma-separated (default: all)")
	flags.Int64VarP(&f.count, "count", "n", 0, "stop after so many records (default: no limit)")
	flags.BoolVarP(&f.follow, "follow", "f", false, "wait for more at the end")
	flags.StringVar(&f.format, "format", `%v\n`, "`text` printed for each record")
	flags.BoolVar(&f.json, "json", false, "print each record as a line of JSON; bytes that are no UTF-8 as base64")
	flags.BoolVar(&f.uncommitted, "uncommitted", false, "also records of transactions that are open or were aborted")
	return cmd
}

// check finds what is wrong with the flags.
func (f consumeFlags) check() (place, printer, error) {
	at, err := parsePlace(f.start)
	if err != nil {
		return at, nil, usage("--from %q: %w", f.start, err)
	}
	for _, p := range f.partitions {
		if p < 0 {
			return at, nil, usage("--partition %d: write numbers from 0 on", p)
		}
	}
	switch {
	case f.count < 0:
		return at, nil, usage("--count %d: write a number above 0", f.count)
	case f.group != "" && len(f.partitions) > 0:
		return at, nil, usage("--partition and --group: a group assigns the partitions; leave one of them out")
	case f.json:
		return at, printJSON, nil
	}
	text, err := kgo.NewRecordFormatter(f.format)
	if err != nil {
		return at, nil, usage("--format: %w", err)
	}
	return at, func(b []byte, r *kgo.Record) []byte { return text.AppendRecord(b, r) }, nil
}

func consume(ctx context.Context, f consumeFlags, topics []string, stdout, stderr io.Writer) error {
	at, print, err := f.check()
	if err != nil {
		return err
	}
	adm, err := f.from.admin(ctx)
	if err != nil {
		return err
	}
	defer adm.Close()
	wait, cancel := context.WithTimeout(ctx, f.from.within)
	todo, err := f.plan(wait, adm, at, topics)
	cancel()
	if err != nil {
		return err
	}
	if f.group == "" && !f.follow && todo.done() {
		return nil
	}
	client, err := f.from.open(ctx, f.options(topics, todo)...)
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance()
	out := bufio.NewWriter(stdout)
	c := consumer{consumeFlags: f, client: client, todo: todo, out: out, print: print}
	err = c.run(ctx)
	if flushed := out.Flush(); flushed != nil {
		err = errors.Join(flushed, err)
	}
	fmt.Fprintln(stderr, some(c.printed, "record"))
	return err
}

// plan finds the partitions, where to begin in each, and where each ends now.
func (f consumeFlags) plan(ctx context.Context, adm *kadm.Client, at place, topics []string) (*reading, error) {
	found, err := existing(ctx, adm, topics...)
	if err != nil {
		return nil, err
	}
	wanted := kadm.TopicsSet{}
	for _, topic := range found {
		for _, p := range f.partitions {
			if p >= len(topic.Partitions) {
				return nil, usage("--partition %d: topic %q has %d partitions, 0 to %d", p, topic.Topic, len(topic.Partitions), len(topic.Partitions)-1)
			}
			wanted.Add(topic.Topic, int32(p))
		}
		if len(f.partitions) == 0 {
			wanted.Add(topic.Topic, topic.Partitions.Numbers()...)
		}
	}
	starts, err := at.offsets(ctx, adm, wanted)
	if err != nil {
		return nil, err
	}
	ends, err := theEnd.offsetsOf(ctx, adm, wanted, !f.uncommitted)
	if err != nil {
		return nil, err
	}
	todo := newReading(starts, ends)
	if f.group != "" {
		todo.join()
	}
	return todo, nil
}

func (f consumeFlags) options(topics []string, todo *reading) []kgo.Opt {
	opts := []kgo.Opt{kgo.KeepControlRecords()} // the last offset may be that of a transaction's marker
	if !f.uncommitted {
		opts = append(opts, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
	if f.group == "" {
		return append(opts, kgo.ConsumePartitions(todo.starts()))
	}
	return append(opts, kgo.ConsumeTopics(topics...), kgo.ConsumerGroup(f.group), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.AdjustFetchOffsetsFn(todo.assigned), kgo.OnPartitionsRevoked(todo.revoked), kgo.OnPartitionsLost(todo.revoked))
}

// consumer prints until everything that was asked for is printed.
type consumer struct {
	consumeFlags
	client  *kgo.Client
	todo    *reading
	out     *bufio.Writer
	print   printer
	buffer  []byte
	printed int64
}

// pollMost records are taken at a time.
const pollMost = 1000

func (c *consumer) run(ctx context.Context) error {
	for c.follow || !c.todo.done() {
		most := pollMost
		if c.count > 0 {
			most = int(min(int64(most), c.count-c.printed))
		}
		if most == 0 {
			return nil
		}
		wait, cancel := context.WithCancel(ctx)
		stop := c.todo.whenDone(c.follow, cancel)
		fetches := c.client.PollRecords(wait, most)
		stop()
		cancel()
		if err := c.take(ctx, fetches); err != nil {
			return err
		}
		c.client.AllowRebalance()
	}
	return nil
}

// take prints what was polled, and commits it for the group once it has left this process.
func (c *consumer) take(ctx context.Context, fetches kgo.Fetches) error {
	if ctx.Err() != nil {
		return environment(ctx.Err())
	}
	for _, e := range fetches.Errors() {
		if errors.Is(e.Err, context.Canceled) {
			continue // the group has nothing more for this member
		}
		if e.Topic == "" {
			return refused(e.Err, "", "read")
		}
		return refused(e.Err, "", "read %s/%d", e.Topic, e.Partition)
	}
	records := fetches.Records()
	var taken []*kgo.Record
	for _, r := range records {
		late := !c.todo.read(r.Topic, r.Partition, r.Offset) && !c.follow
		if late {
			continue // it was written after the end that was looked up
		}
		taken = append(taken, r)
		if r.Attrs.IsControl() {
			continue
		}
		c.buffer = c.print(c.buffer[:0], r)
		if _, err := c.out.Write(c.buffer); err != nil {
			return environment(fmt.Errorf("print: %w", err))
		}
		c.printed++
	}
	if err := c.out.Flush(); err != nil {
		return environment(fmt.Errorf("print: %w", err))
	}
	if c.group == "" || len(taken) == 0 {
		return nil
	}
	if err := c.client.CommitRecords(ctx, taken...); err != nil {
		return refused(err, "", "commit to group %s", c.group)
	}
	return nil
}
