package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// field is what a suite plays on: a cluster, and a folder for what is said.
type field struct {
	options
	cluster *cluster
	dir     string
	// log gets the output of every tool.
	log *os.File
}

func newField(ctx context.Context, opt options, name, dir string) (*field, error) {
	f := &field{options: opt, dir: filepath.Join(dir, name)}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return nil, err
	}
	var err error
	if f.log, err = os.Create(filepath.Join(opt.out, name+".log")); err != nil {
		return nil, err
	}
	var behind *doors
	if name == "kgo-chaos" {
		if behind, err = openDoors(); err != nil {
			return nil, err
		}
	}
	f.cluster, err = startCluster(ctx, opt.binary, filepath.Join(f.dir, "cluster"), filepath.Join(opt.out, name+"-cluster.log"), behind)
	return f, err
}

func (f *field) close() {
	f.cluster.stop()
	_ = f.log.Close() // what it has is for people
}

// stepWithin is how long one call of a tool may take.
const stepWithin = 90 * time.Second

// step is one thing that a person would do with a tool.
type step struct {
	name string
	// quick steps are part of --quick.
	quick bool
	do    func(context.Context, *field) error
}

// errSkip is a step that does not apply, with its reason.
type errSkip struct{ reason string }

func (e errSkip) Error() string { return e.reason }

// walk does the steps in order: later ones may need what earlier ones made.
func (f *field) walk(ctx context.Context, steps []step) ([]result, error) {
	wanted, err := regexp.Compile(f.tests)
	if err != nil {
		return nil, fmt.Errorf("%w: --tests: %w", errUsage, err)
	}
	var results []result
	for _, s := range steps {
		if f.quick && !s.quick || !wanted.MatchString(s.name) {
			continue
		}
		began := time.Now()
		fmt.Fprintf(f.log, "\n=== %s\n", s.name)
		err := s.do(ctx, f)
		r := result{name: s.name, took: time.Since(began)}
		var skipped errSkip
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.As(err, &skipped):
			r.outcome, r.reason = skip, skipped.reason
		case err != nil:
			r.outcome, r.reason = fail, err.Error()
			fmt.Fprintf(f.log, "FAIL: %v\n", err)
		}
		if err := f.cluster.alive(); err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// call runs a tool and gives what it printed. Its exit code must be 0.
func (f *field) call(ctx context.Context, stdin, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, stepWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	fmt.Fprintf(f.log, "$ %s %s\n%s%s", filepath.Base(name), strings.Join(args, " "), &stdout, &stderr)
	if err != nil {
		return stdout.String(), fmt.Errorf("%w: %s", err, lastLine(stderr.String()+stdout.String()))
	}
	return stdout.String(), nil
}

// lastLine is the line that says what went wrong: the first about an exception, else the last one.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, line := range lines {
		if strings.Contains(line, "Exception: ") {
			return strings.TrimSpace(line)
		}
	}
	return strings.TrimSpace(lines[len(lines)-1])
}

// holds is nil if a text has all of some parts.
func holds(text string, parts ...string) error {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return fmt.Errorf("it does not say %q, but %q", part, shorten(text))
		}
	}
	return nil
}

func shorten(text string) string {
	const most = 300
	if len(text) <= most {
		return text
	}
	return text[:most] + "..."
}
