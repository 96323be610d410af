package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/logproof/logproof/chaos/cluster/control"
	"github.com/spf13/cobra"
)

func newClusterVerb(do control.Verb, short, after string, dir *string, stdout io.Writer) *cobra.Command {
	name := string(do)
	return &cobra.Command{
		Use:   name + " <node>",
		Short: short,
		Long:  short + ", in the cluster that \"logproof cluster up\" runs. " + after,
		Example: fmt.Sprintf(`  logproof cluster %s 0
  logproof cluster %s 0 --dir ./my-cluster`, name, name),
		Args: exactlyOne("a node id"),
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return completeNode(cmd.Context(), *dir), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 32)
			if err != nil || id < 0 {
				return usage("%q is no node id: write a number such as 0", args[0])
			}
			return actOnCluster(cmd.Context(), do, int32(id), *dir, stdout)
		},
	}
}

// actOnCluster asks the cluster of a directory, or the one that runs.
func actOnCluster(ctx context.Context, do control.Verb, node int32, dir string, stdout io.Writer) error {
	dir, nodes, err := findCluster(ctx, dir)
	if err != nil {
		return err
	}
	if !slices.Contains(nodes, node) {
		return usage("there is no node %d: the cluster in %s has %v", node, dir, nodes)
	}
	detail, err := control.Do(ctx, dir, do, node)
	if err != nil {
		return environment(err)
	}
	fmt.Fprintln(stdout, detail)
	return nil
}

// findCluster is the directory of a running cluster and its node ids: the given directory, or the only
// temporary one in which a cluster runs.
func findCluster(ctx context.Context, dir string) (found string, nodes []int32, err error) {
	candidates := []string{dir}
	if dir == "" {
		if candidates, err = control.Find(filepath.Join(os.TempDir(), clusterDirPrefix+"*")); err != nil {
			return "", nil, environment(err)
		}
	}
	var running []string
	for _, candidate := range candidates {
		switch ids, err := control.Nodes(ctx, candidate); {
		case err == nil:
			running, nodes = append(running, candidate), ids
		case !errors.Is(err, control.ErrNone) && dir != "":
			return "", nil, environment(err)
		}
	}
	switch {
	case len(running) == 1:
		return running[0], nodes, nil
	case len(running) > 1:
		return "", nil, usage("%d clusters run: name the one that is meant with --dir: %s", len(running), strings.Join(running, ", "))
	case dir != "":
		return "", nil, environment(fmt.Errorf("no cluster runs in %s: start one with %s cluster up --dir %s", dir, program(), dir))
	}
	return "", nil, environment(fmt.Errorf("no cluster runs: start one with %s cluster up, or name its directory with --dir", program()))
}

// completeNode lists the node ids of the running cluster; none when there is no telling.
func completeNode(ctx context.Context, dir string) []string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, nodes, err := findCluster(ctx, dir)
	if err != nil {
		return nil
	}
	var ids []string
	for _, id := range nodes {
		ids = append(ids, strconv.Itoa(int(id)))
	}
	return ids
}
