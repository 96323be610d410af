package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Main runs one command and returns its exit code. The first Ctrl-C cancels the command's context,
// which heals and cleans up; the second ends the process at once.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from here on a signal has its usual effect again
	return dispatch(ctx, args, stdout, stderr)
}

func dispatch(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot(stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var e *exit
	switch {
	case err == nil:
		return ExitPass
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "interrupted: what was started is stopped, what was broken is healed")
		return ExitInterrupted
	case errors.As(err, &e):
		if e.err != errVerdict {
			fmt.Fprintf(stderr, "logproof: %v\n", e.err)
		}
		return e.code
	}
	// What is left comes from cobra: unknown commands and flags.
	fmt.Fprintf(stderr, "logproof: %v\n", err)
	return ExitUsage
}

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "logproof",
		Short: "Does a Kafka-style log keep its promises, and how fast is it while it does?",
		Long: `logproof starts a cluster, loads it, breaks it on purpose, records what every client
saw, judges the recording, and only then prints numbers.

Exit codes: 0 pass, 1 the verdict is fail, 2 usage or configuration, 3 inconclusive or
environment, 4 internal error, 130 interrupted.`,
		Example: `  logproof demo                             # the main job in ten seconds
  logproof demo --bug ack-early             # a leader that lies: exit code 1
  logproof run my-scenario.yaml
  logproof verify runs/demo-20260102-150405 # judge a recorded run again`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.AddCommand(newExplain(stdout), newDemo(stdout, stderr), newRun(stdout, stderr), newPlan(stdout), newVerify(stdout, stderr), newReport(stdout, stderr),
		newHistory(stdout, stderr), newKnownBugs(stdout, stderr), newBroker(stdout, stderr), newCluster(stdout, stderr), newChaos(stdout), newSim(stdout, stderr),
		newTally(stdout, stderr), newSoak(stdout, stderr), newProduce(stdout, stderr), newConsume(stdout, stderr), newTopic(stdout), newGroup(stdout), newDump(stdout))
	return root
}
