package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/partition"
	"github.com/spf13/cobra"
)

// brokerFlags are the flags of logproof broker as they are typed.
type brokerFlags struct {
	cfg                      broker.Config
	flush, disk, bugs, pprof string
	verbose                  bool
}

func newBroker(stdout, stderr io.Writer) *cobra.Command {
	var f brokerFlags
	cmd := &cobra.Command{
		Use:   "broker",
		Short: "Run one reference broker in the foreground",
		Long: `Run one broker that speaks the Kafka protocol. It stores what it acknowledges: with the
default --flush commit, records are synced to disk before they are acknowledged or read.
Ctrl-C or SIGTERM stops it cleanly; after SIGKILL it recovers from its files.`,
		Example: `  logproof broker --data /var/lib/logproof
  logproof broker --listen 127.0.0.1:19092 --metrics 127.0.0.1:19093 --data ./data --flush interval

  # the same broker on a slow disk that forgets what was not synced when the process dies:
  logproof broker --data ./data --disk sync-delay=20ms,lose-unsynced

  # then, in another terminal, with any Kafka client:
  kcat -b 127.0.0.1:9092 -t greetings -P <<< hello
  kcat -b 127.0.0.1:9092 -t greetings -C -e`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runBroker(cmd.Context(), f, stdout, stderr)
		},
	}
	flags := cmd.Flags()
	flags.Int32Var(&f.cfg.NodeID, "node-id", 0, "id of this broker in its cluster")
	flags.StringVar(&f.cfg.Listen, "listen", "127.0.0.1:9092", "`host:port` for clients, also what they are told to use")
	flags.StringVar(&f.cfg.Metrics, "metrics", "", "`host:port` for Prometheus /metrics; empty for none")
	flags.StringVar(&f.cfg.DataDir, "data", "", "`directory` of everything that outlives the process (required)")
	flags.StringVar(&f.flush, "flush", "commit", "when records are synced: none, interval, commit (before they are acknowledged)")
	flags.DurationVar(&f.cfg.FlushInterval, "flush-interval", time.Second, "how often --flush interval syncs")
	flags.StringVar(&f.disk, "disk", "", "`rules` of a disk that misbehaves: "+disk.Known)
	flags.Int64Var(&f.cfg.SegmentBytes, "segment-bytes", 1<<30, "size at which a log begins a new segment")
	flags.IntVar(&f.cfg.MaxMessageBytes, "max-message-bytes", 1048588, "largest record batch that is accepted")
	flags.Int32Var(&f.cfg.DefaultPartitions, "default-partitions", 1, "partitions of topics created without a number")
	flags.BoolVar(&f.cfg.NoAutoCreate, "no-auto-create", false, "do not create topics that clients ask for by name")
	flags.IntVar(&f.cfg.Shards, "shards", 0, "goroutines that share the partitions (default: one per CPU)")
	flags.StringVar(&f.bugs, "bug", "", "`names` of planted bugs, comma-separated: "+bugNames())
	flags.StringVar(&f.cfg.Events, "events", "", "`file` that gets a line of JSON for each event; empty for none")
	flags.StringVar(&f.pprof, "pprof", "", "`host:port` for Go profiles; empty for none")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "log every connection and recovered log")
	return cmd
}

func bugNames() string {
	var list string
	for i, n := range bug.Names() {
		if i > 0 {
			list += ", "
		}
		list += string(n)
	}
	return list
}

func (f *brokerFlags) parse(stderr io.Writer) (err error) {
	if f.cfg.Flush, err = partition.ParseFlush(f.flush); err != nil {
		return usage("--flush: %w", err)
	}
	if f.cfg.Disk, err = disk.Parse(f.disk); err != nil {
		return usage("--disk: %w", err)
	}
	if f.cfg.Bugs, err = bug.Parse(f.bugs); err != nil {
		return usage("--bug: %w", err)
	}
	level := slog.LevelInfo
	if f.verbose {
		level = slog.LevelDebug
	}
	f.cfg.Log = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	if err := f.cfg.Validate(); err != nil {
		return usage("broker: %w", err)
	}
	return nil
}

func runBroker(ctx context.Context, f brokerFlags, stdout, stderr io.Writer) error {
	if err := f.parse(stderr); err != nil {
		return err
	}
	if f.pprof != "" {
		stop, err := servePprof(f.pprof)
		if err != nil {
			return usage("--pprof: %w", err)
		}
		defer stop()
	}
	b, err := broker.Start(ctx, f.cfg)
	if err != nil {
		return environment(err)
	}
	fmt.Fprintf(stdout, "broker %d serves Kafka clients on %s", f.cfg.NodeID, b.Address())
	if m := b.MetricsAddress(); m != "" {
		fmt.Fprintf(stdout, ", metrics on http://%s/metrics", m)
	}
	fmt.Fprintln(stdout)
	select {
	case <-ctx.Done():
	case <-b.Done():
	}
	if err := b.Close(); err != nil {
		return environment(err)
	}
	fmt.Fprintf(stdout, "broker %d stopped cleanly\n", f.cfg.NodeID)
	return nil
}

func servePprof(address string) (stop func(), err error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go server.Serve(l) //nolint:errcheck // it ends with ErrServerClosed at stop
	return func() { server.Close() }, nil
}
