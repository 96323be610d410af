package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/logproof/logproof/scenarios/run"
	"github.com/logproof/logproof/scenarios/spec"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
	"github.com/logproof/logproof/verify/jepsen"
	"github.com/spf13/cobra"
)

// historyFormats are those of import and export.
var historyFormats = []string{run.EDN, run.JSONL}

// formatOf is the format that was asked for, or that the name of a file says.
func formatOf(asked, name string) (string, error) {
	if asked == "" {
		asked = strings.TrimPrefix(filepath.Ext(name), ".")
		if asked == "" || asked == "json" {
			return "", usage("the name %s does not say its format: add --format edn or --format jsonl", name)
		}
	}
	for _, f := range historyFormats {
		if asked == f {
			return f, nil
		}
	}
	return "", usage("unknown format %q: %s", asked, spec.Suggest(asked, historyFormats))
}

func newHistoryImport(stdout io.Writer) *cobra.Command {
	cfg := run.ImportConfig{}
	var format, delivery string
	cmd := &cobra.Command{
		Use:   "import <file>",
		Short: "Read a history of Jepsen's Kafka workload (EDN), or of logproof (JSON lines), to judge it",
		Long: `Read a history that another program recorded into a directory of its own, which "logproof verify" judges.

EDN is what Jepsen's Kafka workload (jepsen.tests.kafka) writes as history.edn: operations :send, :poll and :txn
with their micro-operations, :assign and :subscribe, and a nemesis, whose :start-x and :stop-x become faults.
Its keys become the partitions of --topic. What has no place here is named with its line. Jepsen writes no barrier: what was
acknowledged behind the last record that anybody read can be lost or late, and makes the verdict inconclusive.

JSON lines are what "logproof history" prints.

--profile and --delivery say what the system and its producers promised: see logproof explain.`,
		Example: `  logproof history import store/latest/history.edn --dir runs/jepsen
  logproof verify runs/jepsen
  logproof history import other.jsonl --profile kafka-3 --delivery leader`,
		Args: exactlyOne("a file"),
		RunE: func(_ *cobra.Command, args []string) (err error) {
			if cfg.Format, err = formatOf(format, args[0]); err != nil {
				return err
			}
			cfg.Name, cfg.Delivery = args[0], verify.Level(delivery)
			if cfg.Dir == "" {
				base := filepath.Base(args[0])
				cfg.Dir = freeDir(filepath.Join("runs", "import-"+strings.TrimSuffix(base, filepath.Ext(base))))
			}
			return importHistory(cfg, stdout)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&cfg.Dir, "dir", "", "`directory` to make (default runs/import-<name>)")
	flags.StringVar(&format, "format", "", "edn or jsonl, if the name of the file does not say it")
	flags.StringVar(&cfg.Topic, "topic", "jepsen", "`name` of the topic whose partitions Jepsen's keys are")
	flags.StringVar(&cfg.Profile, "profile", "kafka-4", "what the `system` claims: "+strings.Join(profileNames(), ", "))
	flags.StringVar(&delivery, "delivery", string(verify.IdempotentProducer), "`level` of the producers: none, leader, all, idempotent or transactional")
	completeWith(cmd, "format", historyFormats)
	completeWith(cmd, "profile", profileNames())
	completeWith(cmd, "delivery", []string{"none", "leader", "all", "idempotent", "transactional"})
	return cmd
}

// completeWith completes a flag with words.
func completeWith(cmd *cobra.Command, flag string, words []string) {
	// The only error is a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words, cobra.ShellCompDirectiveNoFileComp
	})
}

func profileNames() (names []string) {
	for _, p := range verify.Profiles() {
		names = append(names, p.Name)
	}
	return names
}

// leftShown is how many sorts of what was left out are shown; import.json has all.
const leftShown = 20

func importHistory(cfg run.ImportConfig, stdout io.Writer) error {
	f, err := os.Open(cfg.Name)
	if err != nil {
		return usage("%w", err)
	}
	defer f.Close()
	cfg.Source = bufio.NewReader(f)
	found, err := run.Import(cfg)
	if errors.Is(err, fs.ErrExist) {
		return usage("%w: choose another one with --dir", err)
	}
	if err != nil {
		return usage("%s: %w", cfg.Name, err)
	}
	lines := []string{fmt.Sprintf("%s: %d operations", cfg.Dir, found.Operations)}
	lines = append(lines, leftLines(found.Left)...)
	lines = append(lines, program()+" verify "+cfg.Dir+"    # judge it")
	if _, err := fmt.Fprintln(stdout, strings.Join(lines, "\n")); err != nil {
		return environment(err)
	}
	return nil
}

// leftLines tells what had no place.
func leftLines(left []jepsen.Left) (lines []string) {
	for i, l := range left {
		if i == leftShown {
			return append(lines, fmt.Sprintf("and %d other sorts", len(left)-i))
		}
		lines = append(lines, "left out: "+l.String())
	}
	return lines
}

func newHistoryExport(stdout, stderr io.Writer) *cobra.Command {
	var format, out string
	cmd := &cobra.Command{
		Use:   "export <run directory>",
		Short: "Write a history as JSON lines, or as EDN for Jepsen's checker",
		Long: `Write the history of a run for other programs: as JSON lines, everything; as EDN in the form of Jepsen's Kafka
workload, what that knows: sends, polls and faults. What is left out is named. Jepsen's processes do one thing at a time, so a client
with several requests in flight becomes several processes; comments at the beginning name them.`,
		Example: `  logproof history export runs/demo-20260102-150405 --format edn -o history.edn
  logproof history export runs/demo-20260102-150405 | jq .operation.kind`,
		Args: exactlyOne("a run directory"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if format == "" && out == "" {
				format = run.JSONL
			}
			format, err := formatOf(format, out)
			if err != nil {
				return err
			}
			return exportHistory(args[0], format, out, stdout, stderr)
		},
	}
	cmd.Flags().StringVar(&format, "format", "", "edn or jsonl (default what the name of the file says, else jsonl)")
	cmd.Flags().StringVarP(&out, "output", "o", "", "`file` to write in place of the standard output")
	completeWith(cmd, "format", historyFormats)
	return cmd
}

func exportHistory(dir, format, out string, stdout, stderr io.Writer) (err error) {
	if format == run.JSONL && out == "" {
		return printHistory(dir, stdout)
	}
	reader, err := history.Open(filepath.Join(dir, "history.bin"))
	if err != nil {
		return usage("%w", err)
	}
	defer reader.Close()
	w := stdout
	if out != "" {
		f, err := os.OpenFile(out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return usage("%w", err)
		}
		defer func() {
			if closed := f.Close(); err == nil && closed != nil {
				err = environment(closed)
			}
		}()
		w = f
	}
	var left []jepsen.Left
	if format == run.EDN {
		left, err = jepsen.Export(w, reader)
	} else {
		err = history.WriteJSONL(w, reader)
	}
	for _, line := range leftLines(left) {
		fmt.Fprintln(stderr, line)
	}
	if err != nil {
		return environment(err)
	}
	return nil
}
