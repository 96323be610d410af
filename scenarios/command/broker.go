package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/group"
	"github.com/logproof/logproof/broker/partition"
	"github.com/logproof/logproof/broker/txn"
	"github.com/spf13/cobra"
)

// brokerFlags are the flags of logproof broker as they are typed.
type brokerFlags struct {
	cfg                      broker.Config
	roles, voters            string
	flush, disk, bugs, pprof string
	set, features            []string
	verbose                  bool
	groupDelay               time.Duration
}

func newBroker(stdout, stderr io.Writer) *cobra.Command {
	var f brokerFlags
	cmd := &cobra.Command{
		Use:   "broker",
		Short: "Run one node of the reference broker in the foreground",
		Long: `Run one node that speaks the Kafka protocol: a broker, a controller, or both. It stores what it
acknowledges: with the default --flush commit, records are synced to disk before they are acknowledged
or read. Ctrl-C or SIGTERM hands over what it leads and stops it cleanly; after SIGKILL it recovers from
its files.

Without --voters the node is a cluster by itself. With it, every node of the cluster is started with
the same list: the controllers' ids and peer listeners. A node whose --peers has another port than the
list says is not found by the others.`,
		Example: `  logproof broker --data /var/lib/logproof
  logproof broker --listen 127.0.0.1:19092 --metrics 127.0.0.1:19093 --data ./data --flush interval

  # the same broker on a slow disk that forgets what was not synced when the process dies:
  logproof broker --data ./data --disk sync-delay=20ms,lose-unsynced

  # a disk that can be broken, and a clock that can be put back, while it runs:
  logproof broker --data ./data --disk lose-unsynced --control ./control.sock
  echo '{"disk":"space=1MiB"}' | nc -UN ./control.sock

  # a cluster of three, each in its own terminal; topics get 3 replicas, of which 2 must have a record:
  V=1@127.0.0.1:9101,2@127.0.0.1:9102,3@127.0.0.1:9103
  D="--default-replication 3 --min-isr 2"
  logproof broker --node-id 1 --voters $V $D --listen 127.0.0.1:9091 --peers 127.0.0.1:9101 --data ./data1
  logproof broker --node-id 2 --voters $V $D --listen 127.0.0.1:9092 --peers 127.0.0.1:9102 --data ./data2
  logproof broker --node-id 3 --voters $V $D --listen 127.0.0.1:9093 --peers 127.0.0.1:9103 --data ./data3

  # a controller without a broker, and a broker without a vote:
  logproof broker --node-id 100 --roles controller --voters 100@127.0.0.1:9100 --peers 127.0.0.1:9100 --data ./data100
  logproof broker --node-id 1 --roles broker --voters 100@127.0.0.1:9100 --peers 127.0.0.1:9101 --data ./data1

  # then, in another terminal, with any Kafka client:
  kcat -b 127.0.0.1:9092 -t greetings -P <<< hello
  kcat -b 127.0.0.1:9092 -t greetings -C -e`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runBroker(cmd.Context(), f, stdout, stderr)
		},
	}
	f.addTo(cmd)
	return cmd
}

// addTo defines the flags.
func (f *brokerFlags) addTo(cmd *cobra.Command) {
	f.addPlace(cmd)
	f.addGroups(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.cfg.DataDir, "data", "", "`directory` of everything that outlives the process (required)")
	flags.StringVar(&f.flush, "flush", "commit", "when records are synced: none, interval, commit (before they are acknowledged)")
	flags.DurationVar(&f.cfg.FlushInterval, "flush-interval", time.Second, "how often --flush interval syncs")
	flags.StringVar(&f.disk, "disk", "", "`rules` of a disk that misbehaves: "+disk.Known)
	flags.StringArrayVar(&f.set, "set", nil, "`name=value` of a setting for topics that do not have it themselves, by Kafka's name for brokers, as in log.retention.ms=60000; may be given several times")
	flags.StringArrayVar(&f.features, "feature", nil, "`name=level` with which a new cluster begins, as in transaction.version=1; may be given several times")
	flags.DurationVar(&f.cfg.CleanCheck, "clean-check", 15*time.Second, "how often it is looked for logs that are to be compacted")
	flags.BoolVar(&f.cfg.NoClean, "no-clean", false, "compact no log (log.cleaner.enable=false)")
	flags.DurationVar(&f.cfg.RetentionCheck, "retention-check", 5*time.Minute, "how often it is looked what retention.ms and retention.bytes of topics do not keep")
	flags.Int64Var(&f.cfg.SegmentBytes, "segment-bytes", 1<<30, "size at which a log begins a new segment")
	flags.IntVar(&f.cfg.MaxMessageBytes, "max-message-bytes", 1048588, "largest record batch that is accepted")
	flags.IntVar(&f.cfg.MaxRequestBytes, "max-request-bytes", 100<<20, "largest request that is read")
	flags.IntVar(&f.cfg.MaxConnections, "max-connections", 0, "connections of clients at a time; one more is closed at once (default: 12000, or three quarters of what descriptors allow)")
	flags.DurationVar(&f.cfg.MaxIdle, "max-idle", 10*time.Minute, "how long a client may ask for nothing before its connection is closed")
	flags.Int32Var(&f.cfg.DefaultPartitions, "default-partitions", 1, "partitions of topics created without a number")
	flags.Int16Var(&f.cfg.DefaultReplication, "default-replication", 1, "replicas of each partition of topics created without a number")
	flags.IntVar(&f.cfg.MinISR, "min-isr", 1, "in-sync replicas without which no record is committed, for topics created without min.insync.replicas")
	flags.BoolVar(&f.cfg.NoAutoCreate, "no-auto-create", false, "do not create topics that clients ask for by name")
	flags.IntVar(&f.cfg.Shards, "shards", 0, "goroutines that share the partitions (default: one per CPU)")
	flags.StringVar(&f.bugs, "bug", "", "`names` of planted bugs, comma-separated: "+bugNames())
	flags.StringVar(&f.cfg.Events, "events", "", "`file` that gets a line of JSON for each event; empty for none")
	flags.StringVar(&f.cfg.Control, "control", "", "`path` of a unix socket that changes the disk's rules and the clock while the node runs, and can cut the power; for tests; empty for none")
	flags.StringVar(&f.pprof, "pprof", "", "`host:port` for Go profiles; empty for none")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "log every connection and recovered log")
}

// addPlace defines those that say where the node stands in its cluster, and how fast that notices that it is gone.
func (f *brokerFlags) addPlace(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Int32Var(&f.cfg.NodeID, "node-id", 0, "id of this node in its cluster")
	flags.StringVar(&f.roles, "roles", "broker,controller", "`roles` of this node: broker, controller, or both")
	flags.StringVar(&f.voters, "voters", "", "`id@host:port` of the peer listener of each controller, comma-separated, the same on every node; empty for this node alone")
	flags.StringVar(&f.cfg.Listen, "listen", "", "`host:port` for clients, also what they are told to use (default 127.0.0.1:9092)")
	flags.StringVar(&f.cfg.Advertise, "advertise", "", "`host:port` that clients are told to use, if that is not --listen: a proxy, a forwarded port")
	flags.StringVar(&f.cfg.PeerListen, "peers", "", "`host:port` for the other nodes, also what they are told to use; needed with --voters")
	flags.StringVar(&f.cfg.PeerAdvertise, "advertise-peers", "", "`host:port` that the other nodes are told to use, if that is not --peers; a controller is found where --voters says")
	flags.StringVar(&f.cfg.Metrics, "metrics", "", "`host:port` for Prometheus /metrics; empty for none")
	flags.StringVar(&f.cfg.Rack, "rack", "", "`rack` where the broker stands; replicas are spread over racks")
	flags.StringVar(&f.cfg.ClusterID, "cluster-id", "logproof", "`id` that the nodes and their data directories agree on")
	flags.DurationVar(&f.cfg.SessionTimeout, "session-timeout", 9*time.Second, "how long a broker stays in the cluster without a heartbeat; the active controller's counts")
	flags.DurationVar(&f.cfg.Heartbeat, "heartbeat", 0, "how often the broker says that it lives (default: four times in a session, at least every 2s)")
	flags.DurationVar(&f.cfg.ReplicaLagMax, "replica-lag-max", 30*time.Second, "how long a follower may be behind before it leaves the ISR")
	flags.DurationVar(&f.cfg.QuorumTick, "quorum-tick", 100*time.Millisecond, "how often the leader of the metadata quorum is heard; an election begins after 10 to 20 without it")
	flags.DurationVar(&f.cfg.ShutdownTimeout, "shutdown-timeout", 5*time.Second, "how long a broker that stops waits for others to take over what it leads")
}

// addGroups defines those of consumer groups and transactions.
func (f *brokerFlags) addGroups(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.DurationVar(&f.groupDelay, "group-initial-delay", group.DefaultInitialDelay, "how long an empty consumer group waits for more members; 0 for not at all")
	flags.DurationVar(&f.cfg.Groups.MinSession, "group-min-session", group.DefaultMinSession, "shortest session timeout that members of consumer groups may ask for")
	flags.DurationVar(&f.cfg.Groups.MaxSession, "group-max-session", group.DefaultMaxSession, "longest session timeout that members of consumer groups may ask for")
	flags.IntVar(&f.cfg.Groups.MaxSize, "group-max-size", 0, "members that a consumer group may have; 0 for any number")
	flags.DurationVar(&f.cfg.Groups.Retention, "offsets-retention", group.DefaultRetention, "how long offsets are kept that nobody uses")
	flags.Int32Var(&f.cfg.Groups.Partitions, "offsets-partitions", 50, "partitions of __consumer_offsets, which is made on demand")
	flags.Int16Var(&f.cfg.Groups.Replication, "offsets-replication", 3, "replicas of __consumer_offsets, in a cluster of as many brokers")
	flags.DurationVar(&f.cfg.Transactions.MaxTimeout, "transaction-max-timeout", txn.DefaultMaxTimeout, "longest timeout that transactional producers may ask for")
	flags.DurationVar(&f.cfg.Transactions.Expiration, "transactional-id-expiration", txn.DefaultExpiration, "how long transactional ids are kept that nobody uses")
	flags.Int32Var(&f.cfg.Transactions.Partitions, "transactions-partitions", 50, "partitions of __transaction_state, which is made on demand")
	flags.Int16Var(&f.cfg.Transactions.Replication, "transactions-replication", 3, "replicas of __transaction_state, in a cluster of as many brokers")
	flags.Int16Var(&f.cfg.Transactions.MinISR, "transactions-min-isr", 2, "in-sync replicas without which nothing is decided about transactions, if __transaction_state has as many")
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
	if f.cfg.Roles, err = broker.ParseRoles(f.roles); err != nil {
		return usage("--roles: %w", err)
	}
	if f.cfg.Voters, err = broker.ParseVoters(f.voters); err != nil {
		return usage("--voters: %w", err)
	}
	if f.cfg.Flush, err = partition.ParseFlush(f.flush); err != nil {
		return usage("--flush: %w", err)
	}
	if f.cfg.Disk, err = disk.Parse(f.disk); err != nil {
		return usage("--disk: %w", err)
	}
	if f.cfg.Bugs, err = bug.Parse(f.bugs); err != nil {
		return usage("--bug: %w", err)
	}
	for _, setting := range f.set {
		name, value, ok := strings.Cut(setting, "=")
		if !ok {
			return usage("--set %s: want name=value, as in log.retention.ms=60000", setting)
		}
		if f.cfg.Settings == nil {
			f.cfg.Settings = map[string]string{}
		}
		f.cfg.Settings[name] = value
	}
	for _, feature := range f.features {
		name, text, _ := strings.Cut(feature, "=")
		level, err := strconv.ParseInt(text, 10, 16)
		if err != nil {
			return usage("--feature %s: want name=level, as in transaction.version=1", feature)
		}
		if f.cfg.Features == nil {
			f.cfg.Features = map[string]int16{}
		}
		f.cfg.Features[name] = int16(level)
	}
	if f.cfg.Groups.InitialDelay = f.groupDelay; f.groupDelay == 0 {
		f.cfg.Groups.InitialDelay = -1 // in the configuration 0 is the default
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
		return environment(withHolder(err, f.cfg.Listen, f.cfg.PeerListen, f.cfg.Metrics))
	}
	fmt.Fprintln(stdout, greeting(f.cfg.NodeID, b))
	select {
	case <-ctx.Done():
	case <-b.Done():
	}
	if err := b.Close(); err != nil {
		return environment(err)
	}
	fmt.Fprintf(stdout, "node %d stopped cleanly\n", f.cfg.NodeID)
	return nil
}

// greeting says what serves where.
func greeting(id int32, b *broker.Broker) string {
	name, places := "controller", []string{}
	if a := b.Address(); a != "" {
		name, places = "broker", append(places, "Kafka clients on "+a)
	}
	if a := b.PeerAddress(); a != "" {
		places = append(places, "peers on "+a)
	}
	if a := b.MetricsAddress(); a != "" {
		places = append(places, "metrics on http://"+a+"/metrics")
	}
	return fmt.Sprintf("%s %d serves %s", name, id, strings.Join(places, ", "))
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
