package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options of a run, from the command line.
type options struct {
	only    []string
	quick   bool
	chaos   bool
	records int
	tests   string
	binary  string
	kafka   string
	out     string
	readme  string
}

func main() {
	// The cluster is tied to the thread that starts it (Pdeathsig): keep it for good.
	runtime.LockOSThread()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	opt, err := parse(os.Args[1:])
	if err == nil {
		err = run(ctx, opt)
	}
	interrupted := ctx.Err() != nil
	cancel()
	os.Exit(code(err, interrupted))
}

var (
	errUsage = errors.New("usage")
	// errFailed says that a referee was not satisfied; the table shows which.
	errFailed = errors.New("something failed: it is listed above")
)

// code is the exit code, and says what is wrong.
func code(err error, interrupted bool) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case interrupted:
		fmt.Fprintln(os.Stderr, "referees: interrupted, the cluster is stopped")
		return 130
	}
	fmt.Fprintln(os.Stderr, "referees:", err)
	switch {
	case errors.Is(err, errFailed):
		return 1
	case errors.Is(err, errMissing):
		return 75
	case errors.Is(err, errUsage):
		return 2
	}
	return 3
}

func parse(args []string) (options, error) {
	opt := options{}
	var only string
	flags := flag.NewFlagSet("referees", flag.ContinueOnError)
	flags.StringVar(&only, "only", "", "suites to run, comma-separated: kgo, kgo-chaos, kcat, java (default: kgo, kcat, java)")
	flags.BoolVar(&opt.quick, "quick", false, "only the fast part: some tests of kgo with few records, kcat, a handful of Java tools")
	flags.BoolVar(&opt.chaos, "chaos", false, "also run kgo's suite with a broker killed every five seconds")
	flags.IntVar(&opt.records, "records", 50000, "records of kgo's long tests (KGO_TEST_RECORDS)")
	flags.StringVar(&opt.tests, "tests", "", "only tests and steps whose name matches this regular expression")
	flags.StringVar(&opt.binary, "binary", "", "the logproof to judge (default: it is built from this tree)")
	flags.StringVar(&opt.kafka, "kafka", "", "folder that make kafka has filled (default: kafka, in the root of this tree)")
	flags.StringVar(&opt.out, "out", "", "folder for the output of the tools (default: runs/referees, in the root of this tree)")
	flags.StringVar(&opt.readme, "readme", "", "write the table between its markers in this file")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return opt, err
		}
		return opt, fmt.Errorf("%w: %w", errUsage, err)
	}
	opt.only = []string{"kgo", "kcat", "java"}
	if only != "" {
		opt.only = strings.Split(only, ",")
	}
	if opt.chaos {
		opt.only = append(opt.only, "kgo-chaos")
	}
	for _, name := range opt.only {
		if !slices.ContainsFunc(suites, func(s suite) bool { return s.name == name }) {
			return opt, fmt.Errorf("%w: no suite is named %q", errUsage, name)
		}
	}
	if flags.NArg() > 0 || opt.records < 1 {
		return opt, fmt.Errorf("%w: no arguments, and --records above zero; see -help", errUsage)
	}
	return opt, nil
}

// suite is a referee: how it is set up, and what it does.
type suite struct {
	name string
	// title stands in the table; version says which one it is, or why it cannot be had.
	title   string
	version func(context.Context, options) (string, error)
	run     func(context.Context, *field) ([]result, error)
}

// suites in the order in which they run.
var suites = []suite{
	{"kgo", "franz-go's own tests of kgo", kgoVersion, runKgo},
	{"kgo-chaos", "the same, a broker killed every 5 s", kgoVersion, runKgoChaos},
	{"kcat", "kcat", kcatVersion, runKcat},
	{"java", "Apache Kafka's console tools", javaVersion, runJava},
}

// run plays all suites that are wanted, each on a cluster of its own, and prints the table.
func run(ctx context.Context, opt options) (err error) {
	root, err := projectRoot(ctx)
	if err != nil {
		return err
	}
	if opt.kafka == "" {
		opt.kafka = filepath.Join(root, "kafka")
	}
	if opt.out == "" {
		opt.out = filepath.Join(root, "runs", "referees")
	}
	if err := os.MkdirAll(opt.out, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "logproof-referees-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if opt.binary == "" {
		opt.binary = filepath.Join(dir, "logproof")
		if err := build(ctx, root, opt.binary); err != nil {
			return err
		}
	}
	var rows []row
	var missing error
	for _, s := range suites {
		if !slices.Contains(opt.only, s.name) {
			continue
		}
		r, err := play(ctx, opt, s, dir)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errMissing):
			fmt.Printf("SKIPPED: %s: %v\n", s.name, err)
			missing = errors.Join(missing, err)
		case err != nil:
			return fmt.Errorf("%s: %w", s.name, err)
		default:
			rows = append(rows, r)
		}
	}
	return conclude(ctx, opt, root, rows, missing)
}

// conclude prints the table, and writes it where it is wanted.
func conclude(ctx context.Context, opt options, root string, rows []row, missing error) error {
	if len(rows) == 0 {
		return missing
	}
	text := table(rows, provenance(ctx, root, time.Now()))
	fmt.Print("\n" + text)
	if opt.readme != "" {
		if err := intoReadme(opt.readme, text); err != nil {
			return err
		}
	}
	for _, r := range rows {
		if r.count(fail) > 0 {
			return errFailed
		}
	}
	return missing
}

// play runs one suite and prints every result of it.
func play(ctx context.Context, opt options, s suite, dir string) (row, error) {
	version, err := s.version(ctx, opt)
	if err != nil {
		return row{}, err
	}
	fmt.Printf("=== %s: %s %s\n", s.name, s.title, version)
	f, err := newField(ctx, opt, s.name, dir)
	if err != nil {
		return row{}, err
	}
	defer f.close()
	results, err := s.run(ctx, f)
	if err != nil {
		return row{}, err
	}
	for _, r := range results {
		fmt.Println(r)
	}
	return row{title: s.title, version: version, results: results}, nil
}

// projectRoot is the folder of logproof, in which this module lies.
func projectRoot(ctx context.Context) (string, error) {
	module, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module (run it in ci/referees): %w", err)
	}
	return filepath.Dir(filepath.Dir(strings.TrimSpace(string(module)))), nil
}

// build makes the logproof of this tree.
func build(ctx context.Context, root, binary string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	cmd.Dir = root
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build logproof: %w\n%s", err, said)
	}
	return nil
}
