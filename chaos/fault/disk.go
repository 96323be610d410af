package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/procfs"
)

// diskRules is a fault that changes the rules of a node's disk. What the kinds have in common:
//
//	before: the rules are those that the scenario gave the node; they come back with the heal
//	heal:   a node that ended is started again, on a disk with those rules; it serves, its replicas are in
//	        the ISR, and a record that it leads is acknowledged
type diskRules struct {
	mortal
	disk       cluster.DiskController
	replicated cluster.Replicated
	writer     *writer
	// rules that the fault adds, each name=value, and ends says that the node may end of it.
	rules []string
	ends  bool

	prior string // rules before
	from  int64  // mark in the events
}

// Inject changes the rules.
func (d *diskRules) Inject(ctx context.Context) (string, error) {
	if err := d.identify("break the disk of"); err != nil {
		return "", err
	}
	if err := d.writer.open(ctx); err != nil {
		return "", fmt.Errorf("before the disk is touched: %w", err)
	}
	var err error
	if d.from, err = mark(d.disk.Events(d.node)); err != nil {
		return "", err
	}
	if d.ends {
		d.disk.MayEnd(d.node, true)
	}
	// What the rules are must be known before they can be changed to more.
	prior, err := d.disk.Disk(ctx, d.node)
	if err != nil {
		return "", err
	}
	d.prior, d.struck = prior, true
	rules := merged(prior, d.rules)
	if err := d.disk.SetDisk(ctx, d.node, rules); err != nil {
		return "", err
	}
	return "the rules of the disk are " + rules, nil
}

// merged adds rules to others, in the place of those with the same name.
func merged(prior string, rules []string) string {
	var all []string
	for word := range strings.SplitSeq(prior, ",") {
		name, _, _ := strings.Cut(word, "=")
		replaced := name == ""
		for _, rule := range rules {
			replaced = replaced || strings.HasPrefix(rule, name+"=")
		}
		if !replaced {
			all = append(all, word)
		}
	}
	return strings.Join(append(all, rules...), ",")
}

// failed waits until the node noted that a call failed with an error of the system, and makes it write
// meanwhile.
func (d *diskRules) failed(ctx context.Context, errno string) (string, error) {
	file := d.disk.Events(d.node)
	var seen noted
	err := until(ctx, func() error {
		_, wrote := d.writer.write(ctx) // it is to fail, and to fail the way it is said in the events
		found, ok, err := notedSince(file, d.from, func(e noted) bool { return e.Errno == errno })
		switch {
		case err != nil:
			return err
		case !ok:
			return fmt.Errorf("no event in %s tells of %s since the injection; a record that was written to the node: %v", file, errno, wrote)
		}
		seen = found
		return nil
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("the node noted %s of %s: %s", seen.Event, seen.File, errno), nil
}

// Heal gives the disk its rules back and starts the node if it ended.
func (d *diskRules) Heal(ctx context.Context) (string, error) {
	if !d.struck {
		return "no rule was changed: nothing to change back", nil
	}
	err := d.disk.SetDisk(ctx, d.node, d.prior)
	if err == nil && d.before.Alive() {
		d.disk.MayEnd(d.node, false)
		return fmt.Sprintf("the rules of the disk are %q again", d.prior), nil
	}
	if d.before.Alive() && !d.ends {
		return "", err
	}
	// It ended, or is about to: a new process begins with the rules of the scenario.
	if gone := until(ctx, func() error {
		if d.before.Alive() {
			return errors.New("the node neither takes other rules nor ends")
		}
		return nil
	}); gone != nil {
		return "", errors.Join(err, gone)
	}
	// Its end is expected until another process is there: the old one may not have been waited for yet.
	detail, err := d.start(ctx)
	if err == nil {
		d.disk.MayEnd(d.node, false)
	}
	return detail, err
}

// ProveHealed shows that the node serves, is in sync, and writes.
func (d *diskRules) ProveHealed(ctx context.Context) (string, error) {
	if err := d.cluster.WaitReady(ctx, d.node); err != nil {
		return "", err
	}
	now, _, err := procfs.Identify(d.disk.Pid(d.node))
	if err != nil {
		return "", err
	}
	if err := d.replicated.WaitInSync(ctx, d.node); err != nil {
		return "", err
	}
	detail := fmt.Sprintf("pid %d answers, its replicas are in sync", now.Pid)
	if d.writer != nil && d.writer.topic != "" {
		if err := until(ctx, func() error { _, err := d.writer.write(ctx); return err }); err != nil {
			return "", err
		}
		detail += ", and it takes a record"
	}
	return detail, d.writer.close(ctx)
}
