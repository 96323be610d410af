package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/partition"
	"github.com/logproof/logproof/chaos/cluster/container"
	"github.com/logproof/logproof/chaos/cluster/control"
	"github.com/logproof/logproof/chaos/cluster/process"
	"github.com/logproof/logproof/chaos/ledger"
	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/scenarios/spec"
	"github.com/spf13/cobra"
)

// clusterDirPrefix begins the names of temporary cluster directories: that is how the commands that
// act on a cluster find the one that runs.
const clusterDirPrefix = "logproof-cluster-"

// clusterReadyWithin is how long a node may take to serve: it may recover a long log first.
const clusterReadyWithin = 30 * time.Second

func newCluster(stdout, stderr io.Writer) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "Run a cluster of reference brokers in the foreground, and break it by hand",
		Long: `Start reference brokers, each in a process of its own, and act on them from another terminal: kill,
pause, resume, restart. Any Kafka client can use the cluster meanwhile.`,
		Example: `  logproof cluster up -n 3
  logproof cluster kill 0         # in another terminal
  logproof cluster restart 0`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage("%s does nothing by itself; see %s --help", cmd.CommandPath(), cmd.CommandPath())
		},
	}
	cmd.PersistentFlags().StringVar(&dir, "dir", "", "`directory` of the cluster (default: a temporary one, removed at the end)")
	cmd.AddCommand(newClusterUp(&dir, stdout, stderr))
	for _, v := range []struct {
		do           control.Verb
		short, after string
	}{
		{control.Kill, "End a node's process with SIGKILL", "What it had not written is lost, as the rules of its --disk say. Start it again with restart."},
		{control.Pause, "Stop a node where it stands (SIGSTOP)", "Its connections and its address stay; it answers nobody until it is resumed."},
		{control.Resume, "Let a paused node go on (SIGCONT)", "A node that is not paused goes on as it did."},
		{control.Restart, "Start a node again on its files and its address", "A node that runs is stopped cleanly before. It returns when the node serves."},
	} {
		cmd.AddCommand(newClusterVerb(v.do, v.short, v.after, &dir, stdout))
	}
	return cmd
}

// clusterFlags are the flags of logproof cluster up as they are typed.
type clusterFlags struct {
	brokers, controllers, port int
	flush, disk, bugs          string
	replication, minISR        int
	timing                     process.Timing
	// shift is what is added to the port of a broker to get the one that clients are told.
	shift int
	// more are flags that every broker gets as they are.
	more []string
}

func newClusterUp(dir *string, stdout, stderr io.Writer) *cobra.Command {
	var f clusterFlags
	cmd := &cobra.Command{
		Use:   "up [-- <flags of every broker>]",
		Short: "Start a cluster in the foreground; Ctrl-C stops it",
		Long: `Start reference brokers, each in a process of its own, and print where clients, peers and Prometheus
find them. Up to three brokers are controllers too; with --controllers, nodes of their own are (their
ids begin at 100), and a broker that dies takes no vote with it. Ctrl-C or SIGTERM stops every node
cleanly. With --dir the data stays, and the next "cluster up" in that directory goes on with it.`,
		Example: `  logproof cluster up -n 3
  logproof cluster up -n 3 --controllers 3 --dir ./my-cluster --port 20000

  # a dead broker is noticed in 600 ms and not in 9 s:
  logproof cluster up -n 3 --session-timeout 600ms

  # flags of "logproof broker" that go to every broker:
  logproof cluster up -n 3 -- --group-initial-delay 0s --set log.retention.ms=3600000

  # brokers that forget what they had not synced when they are killed:
  logproof cluster up --flush interval --disk lose-unsynced`,
		Args: func(cmd *cobra.Command, args []string) error {
			if cmd.ArgsLenAtDash() == 0 {
				return nil
			}
			return cobra.NoArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			f.more = args
			return clusterUp(cmd.Context(), f, *dir, stdout, newProgress(stderr))
		},
	}
	flags := cmd.Flags()
	flags.IntVarP(&f.brokers, "brokers", "n", 1, "how many brokers")
	flags.IntVar(&f.controllers, "controllers", 0, "how many nodes that are controllers only, an odd number (default: brokers are controllers too)")
	flags.IntVar(&f.port, "port", 0, fmt.Sprintf("first of the consecutive `ports` that the nodes use, %d each (default: free ones)", process.PortsPerNode))
	flags.IntVar(&f.shift, "advertise-shift", 0, "`number` added to a broker's port to get the one that clients are told: where a proxy stands before each (needs --port)")
	flags.IntVar(&f.replication, "default-replication", 0, "replicas of topics that are created without a number (default: 3, or as many as there are brokers)")
	flags.IntVar(&f.minISR, "min-isr", 1, "in-sync replicas that a write needs, of topics that do not say")
	flags.DurationVar(&f.timing.SessionTimeout, "session-timeout", 9*time.Second, "how long a broker may be silent before it is fenced")
	flags.DurationVar(&f.timing.Heartbeat, "heartbeat", 0, "how often a broker says that it lives (default: four times in a session, at least every 2s)")
	flags.DurationVar(&f.timing.ReplicaLagMax, "replica-lag-max", 30*time.Second, "how long a follower may lag before it leaves the ISR")
	flags.DurationVar(&f.timing.QuorumTick, "quorum-tick", 100*time.Millisecond, "unit of the controllers' elections")
	flags.StringVar(&f.flush, "flush", "commit", "when records are synced: none, interval, commit (before they are acknowledged)")
	flags.StringVar(&f.disk, "disk", "", "`rules` of disks that misbehave: "+disk.Known)
	flags.StringVar(&f.bugs, "bug", "", "`names` of planted bugs, comma-separated: "+bugNames())
	return cmd
}

// check finds what is wrong with the flags before anything is started.
func (f clusterFlags) check() error {
	most := plan.MaxNodes(spec.SystemReference)
	t := f.timing
	switch {
	case f.brokers < 1:
		return usage("-n %d: a cluster has at least one broker", f.brokers)
	case f.controllers < 0 || f.controllers > 0 && f.controllers%2 == 0:
		return usage("--controllers %d: write an odd number, a majority of one more survives no more failures; 0 lets brokers be controllers too", f.controllers)
	case f.brokers+f.controllers > most:
		return usage("-n %d and --controllers %d are %d nodes: at most %d run on one machine", f.brokers, f.controllers, f.brokers+f.controllers, most)
	case f.shift != 0 && f.port == 0:
		return usage("--advertise-shift %d: it needs --port, without which the ports are not known before", f.shift)
	case f.shift != 0 && (f.port+f.shift < 1 || f.port+f.shift+(f.brokers+f.controllers)*process.PortsPerNode > 1<<16):
		return usage("--advertise-shift %d: with --port %d it leaves the range of ports", f.shift, f.port)
	case f.replication < 0 || f.replication > f.brokers:
		return usage("--default-replication %d: there may be as many replicas as brokers, which are %d", f.replication, f.brokers)
	case f.minISR < 1 || f.minISR > f.replicas():
		return usage("--min-isr %d: write 1 to %d, the default replication", f.minISR, f.replicas())
	case t.SessionTimeout <= 0 || t.Heartbeat < 0 || t.ReplicaLagMax <= 0 || t.QuorumTick <= 0:
		return usage("--session-timeout, --replica-lag-max and --quorum-tick must be above 0, and --heartbeat not below")
	case t.SessionTimeout < 2*t.Heartbeat:
		return usage("--session-timeout %v with a --heartbeat every %v: one that is late would fence the broker: write a shorter heartbeat, or none", t.SessionTimeout, t.Heartbeat)
	}
	if _, err := partition.ParseFlush(f.flush); err != nil {
		return usage("--flush: %w", err)
	}
	if _, err := disk.Parse(f.disk); err != nil {
		return usage("--disk: %w", err)
	}
	if _, err := bug.Parse(f.bugs); err != nil {
		return usage("--bug: %w", err)
	}
	return nil
}

// replicas of topics that are created without a number.
func (f clusterFlags) replicas() int {
	if f.replication > 0 {
		return f.replication
	}
	return min(3, f.brokers)
}

// clusterUp runs a cluster until ctx ends. When it returns, no node is left.
func clusterUp(ctx context.Context, f clusterFlags, dir string, stdout io.Writer, progress *progress) (err error) {
	defer progress.Done()
	named := dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", clusterDirPrefix); err != nil {
			return environment(err)
		}
		defer func() { err = cmp.Or(err, onlyEnvironment(os.RemoveAll(dir))) }()
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		return environment(err)
	}
	server, err := control.Listen(dir)
	if err != nil {
		return environment(err)
	}
	defer server.Close()
	if err := keepShape(dir, shape{f.brokers, f.controllers}); err != nil {
		return err
	}
	book, err := clusterLedger(dir, progress)
	if err != nil {
		return environment(err)
	}
	defer func() { err = cmp.Or(err, onlyEnvironment(book.Close())) }()
	cluster, err := startCluster(ctx, f, dir, book)
	if err != nil {
		return environment(err)
	}
	stopped := false
	defer func() {
		if !stopped {
			cluster.Stop(context.WithoutCancel(ctx)) // the error that ended it says more
		}
	}()
	if err := awaitCluster(ctx, cluster); err != nil {
		return environment(err)
	}
	server.Serve(cluster)
	announce(stdout, cluster, dir, named)
	watchCluster(ctx, cluster, progress)
	stopped = true
	if err := errors.Join(server.Close(), cluster.Stop(context.WithoutCancel(ctx))); err != nil {
		return environment(err)
	}
	fmt.Fprintf(stdout, "cluster stopped\n")
	return nil
}

// onlyEnvironment is environment that leaves nil as it is.
func onlyEnvironment(err error) error {
	if err == nil {
		return nil
	}
	return environment(err)
}

// clusterLedger heals what earlier harnesses left, and notes this one.
func clusterLedger(dir string, progress *progress) (*ledger.Ledger, error) {
	place, err := ledgerDir()
	if err != nil {
		return nil, err
	}
	healed, err := ledger.Heal(place, container.Healer())
	for _, h := range healed {
		progress.Event("heal", h.String())
	}
	if err != nil {
		return nil, fmt.Errorf("heal what an earlier run left: %w", err)
	}
	return ledger.Open(place, dir)
}

func startCluster(ctx context.Context, f clusterFlags, dir string, book *ledger.Ledger) (*process.Cluster, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	cfg := process.Config{
		Binary: binary, Dir: dir, FirstPort: f.port, Ledger: book,
		Args: func(self process.Endpoint, all []process.Endpoint) []string {
			b := process.Broker{
				Flush: f.flush, Bugs: f.bugs, Timing: f.timing, Replication: f.replicas(), MinISR: f.minISR,
			}
			if !self.Broker {
				return b.Args(self, all)
			}
			b.Disk = f.disk
			args := b.Args(self, all)
			if f.shift != 0 {
				args = append(args, "--advertise", shifted(self.Direct, f.shift))
			}
			return append(args, f.more...)
		},
	}
	for id := range f.brokers {
		cfg.Brokers = append(cfg.Brokers, int32(id))
	}
	cfg.Controllers = slices.Clone(cfg.Brokers[:plan.Combined(f.brokers, f.controllers)])
	for id := range f.controllers {
		cfg.Controllers = append(cfg.Controllers, int32(spec.FirstController+id))
	}
	return process.Start(ctx, cfg)
}

func awaitCluster(ctx context.Context, c *process.Cluster) error {
	ctx, cancel := context.WithTimeout(ctx, clusterReadyWithin)
	defer cancel()
	for _, id := range c.Nodes() {
		if err := c.WaitReady(ctx, id); err != nil {
			return fmt.Errorf("start the cluster: %w", err)
		}
	}
	if err := c.WaitSettled(ctx); err != nil {
		return fmt.Errorf("start the cluster: %w", err)
	}
	return nil
}

// announce prints where everything is. named is the directory if the user gave one: then the
// commands that act on the cluster need it too.
func announce(out io.Writer, c *process.Cluster, dir, named string) {
	var brokers []string
	for _, id := range c.Nodes() {
		fmt.Fprintf(out, "node %d %s, pid %d\n", id, c.Endpoint(id), c.Pid(id))
	}
	for _, id := range c.Brokers() {
		brokers = append(brokers, c.Address(id))
	}
	fmt.Fprintf(out, "bootstrap servers: %s\nfiles: %s\n", strings.Join(brokers, ","), dir)
	where := ""
	if named != "" {
		where = " --dir " + named
	}
	fmt.Fprintf(out, "break it: %s cluster kill|pause|resume|restart 0%s    (Ctrl-C here stops it)\n", program(), where)
}

// watchCluster returns when ctx ends, and tells of nodes that end by themselves meanwhile: the others
// go on.
func watchCluster(ctx context.Context, c *process.Cluster, progress *progress) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for told := 0; ; {
		select {
		case <-tick.C:
			exits := c.Exits()
			for ; told < len(exits); told++ {
				progress.Event("trouble", exits[told])
			}
		case <-ctx.Done():
			return
		}
	}
}
