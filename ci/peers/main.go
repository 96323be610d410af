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
	"strings"
	"time"
)

// options of a run, from the command line.
type options struct {
	repeats int
	limits  limits
	only    string
	binary  string
	dir     string
	profile string
}

func main() {
	// The children are tied to the thread that starts them (Pdeathsig): keep it for good.
	runtime.LockOSThread()
	if len(os.Args) > 1 && os.Args[1] == "kfake" {
		exit(serveKfake(os.Args[2:]))
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	opt, err := parse(os.Args[1:])
	if err == nil {
		err = run(ctx, opt)
	}
	cancel()
	exit(err)
}

// errMissed says that a floor was missed; the table shows which.
var errMissed = errors.New("below the floor")

// exit ends the program: 0, 1 for a missed floor, 2 for usage, 3 for anything that kept it from measuring.
func exit(err error) {
	code := 3
	switch {
	case err == nil:
		os.Exit(0)
	case errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case errors.Is(err, errMissed):
		code = 1
	case errors.Is(err, errUsage):
		code = 2
	}
	fmt.Fprintln(os.Stderr, "peers:", err)
	os.Exit(code)
}

var errUsage = errors.New("usage")

func parse(args []string) (options, error) {
	opt := options{}
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.IntVar(&opt.repeats, "repeats", 5, "measurements of each case and system, taking turns")
	flags.DurationVar(&opt.limits.duration, "duration", 3*time.Second, "longest time of one measurement of producing")
	flags.Int64Var(&opt.limits.bytes, "bytes", 1<<30, "most bytes of one measurement of producing")
	flags.StringVar(&opt.only, "case", "", "only cases whose name contains this")
	flags.StringVar(&opt.binary, "binary", "", "the logproof to measure (default: it is built from this tree)")
	flags.StringVar(&opt.dir, "dir", "", "where the brokers keep their files meanwhile (default: the system's temporary directory)")
	flags.StringVar(&opt.profile, "profile", "", "write CPU profiles of our broker into this directory")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return opt, err
		}
		return opt, fmt.Errorf("%w: %w", errUsage, err)
	}
	if flags.NArg() > 0 || opt.repeats < 1 || opt.limits.duration <= 0 || opt.limits.bytes <= 0 {
		return opt, fmt.Errorf("%w: no arguments, and numbers above zero; see -help", errUsage)
	}
	return opt, nil
}

// run measures everything and prints the tables.
func run(ctx context.Context, opt options) (err error) {
	dir, err := os.MkdirTemp(opt.dir, "logproof-peers-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if opt.binary == "" {
		if opt.binary, err = build(ctx, dir); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	machine, err := machineLine()
	if err != nil {
		return err
	}
	bench := bench{options: opt, dir: dir, ours: ours(opt.binary, "none", 1), synced: ours(opt.binary, "commit", 1), three: ours(opt.binary, "none", 3), peer: kfakeChild(self)}
	limits, err := bench.idle(ctx)
	if err != nil {
		return err
	}
	lines, err := bench.compare(ctx)
	if err != nil {
		return err
	}
	fmt.Println(machine)
	missed, err := write(os.Stdout, lines, limits)
	if err == nil && missed > 0 {
		err = fmt.Errorf("%d figures are %w", missed, errMissed)
	}
	return err
}

// build makes the logproof of the tree that this module belongs to.
func build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "logproof")
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module (run it in ci/peers, or give --binary): %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	cmd.Dir = filepath.Join(strings.TrimSpace(string(root)), "..", "..")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build logproof: %w\n%s", err, said)
	}
	return binary, nil
}
