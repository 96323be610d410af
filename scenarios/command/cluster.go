package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/partition"
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
		Example: `  logproof cluster up
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
	nodes, port       int
	flush, disk, bugs string
}

func newClusterUp(dir *string, stdout, stderr io.Writer) *cobra.Command {
	var f clusterFlags
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a cluster in the foreground; Ctrl-C stops it",
		Long: `Start reference brokers, each in a process of its own, and print where clients and Prometheus find
them. Ctrl-C or SIGTERM stops every node cleanly. With --dir the data stays, and the next "cluster up"
in that directory goes on with it.`,
		Example: `  logproof cluster up
  logproof cluster up -n 1 --dir ./my-cluster --port 20000

  # brokers that forget what they had not synced when they are killed:
  logproof cluster up --flush interval --disk lose-unsynced`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return clusterUp(cmd.Context(), f, *dir, stdout, newProgress(stderr))
		},
	}
	flags := cmd.Flags()
	flags.IntVarP(&f.nodes, "nodes", "n", 1, "how many brokers")
	flags.IntVar(&f.port, "port", 0, "first of the consecutive `ports` that the nodes use, two each (default: free ones)")
	flags.StringVar(&f.flush, "flush", "commit", "when records are synced: none, interval, commit (before they are acknowledged)")
	flags.StringVar(&f.disk, "disk", "", "`rules` of disks that misbehave: "+disk.Known)
	flags.StringVar(&f.bugs, "bug", "", "`names` of planted bugs, comma-separated: "+bugNames())
	return cmd
}

// check finds what is wrong with the flags before anything is started.
func (f clusterFlags) check() error {
	most := plan.MaxNodes(spec.SystemReference)
	switch {
	case f.nodes < 1:
		return usage("-n %d: a cluster has at least one node", f.nodes)
	case f.nodes > most:
		return usage("-n %d: the reference broker runs on %d node until it replicates: write -n %d", f.nodes, most, most)
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
	healed, err := ledger.Heal(place)
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
		Args: process.Broker{Flush: f.flush, Disk: f.disk, Bugs: f.bugs}.Args,
	}
	for id := range f.nodes {
		cfg.Brokers = append(cfg.Brokers, int32(id))
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
	return nil
}

// announce prints where everything is. named is the directory if the user gave one: then the
// commands that act on the cluster need it too.
func announce(out io.Writer, c *process.Cluster, dir, named string) {
	var brokers []string
	for _, id := range c.Nodes() {
		fmt.Fprintf(out, "node %d serves Kafka clients on %s, metrics on http://%s/metrics, pid %d\n",
			id, c.Address(id), c.Endpoint(id).Metrics, c.Pid(id))
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
