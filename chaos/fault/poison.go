package fault

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/logproof/logproof/chaos/canary"
	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/procfs"
)

// poison sends a node what no client would: batches with wrong checksums, lengths and compression, frames
// that are none, and frames of sizes that nobody allows.
//
//	effect: every batch is answered with the error that it deserves, and every frame ends its connection
//	heal:   the node is the process that it was, and answers
//
// What is sent is answered or ended by the node alone: the answers are the proof.
type poison struct {
	cluster   cluster.Cluster
	node      int32
	topic     string
	partition int32
	count     int

	before procfs.Identity
	sent   []*canary.Sent
}

// pids tells which process a node is.
type pids interface{ Pid(node int32) int }

// Inject sends it all, each on a connection of its own.
func (p *poison) Inject(ctx context.Context) (string, error) {
	if owner, ok := p.cluster.(pids); ok {
		before, _, err := procfs.Identify(owner.Pid(p.node))
		if err != nil {
			return "", err
		}
		p.before = before
	}
	ruins, err := canary.Ruins(ctx, direct(p.cluster, p.node), p.topic, p.partition)
	if err != nil {
		return "", err
	}
	for i := range p.count {
		ruin := ruins[i%len(ruins)]
		sent, err := ruin.Send(ctx, p.cluster.Address(p.node))
		if err != nil {
			return "", fmt.Errorf("%s: %w", ruin.Name, err)
		}
		p.sent = append(p.sent, sent)
	}
	return fmt.Sprintf("%d batches and frames of %d kinds sent", p.count, len(ruins)), nil
}

// Prove looks at how the node took each of them.
func (p *poison) Prove(ctx context.Context) (string, error) {
	errs := make([]error, len(p.sent))
	fates := make([]canary.Fate, len(p.sent))
	var all sync.WaitGroup
	for i, sent := range p.sent {
		all.Go(func() {
			var err error
			if fates[i], err = sent.Fate(ctx); err == nil {
				err = sent.Deserves(fates[i])
			}
			if err != nil {
				errs[i] = fmt.Errorf("%s: %w", sent.Name, err)
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	if len(p.sent) == 0 {
		return "", errors.New("nothing was sent")
	}
	ended := 0
	for _, fate := range fates {
		if fate.Ended {
			ended++
		}
	}
	if err := p.same(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d were refused with the error that they deserve, %d connections ended; the node answers others", len(fates)-ended, ended), nil
}

// Heal closes what is still open; there is nothing to take back.
func (p *poison) Heal(context.Context) (string, error) {
	for _, sent := range p.sent {
		sent.Close()
	}
	return "the connections are closed, there is nothing to take back", nil
}

// ProveHealed shows that the node is none the worse for it.
func (p *poison) ProveHealed(ctx context.Context) (string, error) {
	if err := until(ctx, func() error { return p.same(ctx) }); err != nil {
		return "", err
	}
	return "the node is the process that it was, and answers", nil
}

// same is nil when the node is the process that it was and answers.
func (p *poison) same(ctx context.Context) error {
	if p.before.Pid != 0 && !p.before.Alive() {
		return fmt.Errorf("pid %d has ended", p.before.Pid)
	}
	return canary.Versions(ctx, direct(p.cluster, p.node))
}
