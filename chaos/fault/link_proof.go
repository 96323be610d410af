package fault

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/logproof/logproof/chaos/canary"
	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/timeline"
)

// pong is what came of a canary over one link, in the words of cluster.Pinger.
type pong = cluster.Pong

// ask sends a canary over a link. The error says why nobody could be asked.
func (l *links) ask(ctx context.Context, d dial, within time.Duration) (pong, error) {
	if !d.from.Client {
		return l.cluster.(cluster.Pinger).Ping(ctx, d.from.ID, d.to.ID, within)
	}
	c, err := l.canary(ctx, d, versionsQuestion)
	if err != nil {
		return pong{}, err
	}
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	began := time.Now()
	_, err = c.Ask(limited, l.cluster.Address(d.to.ID))
	p := pong{Answered: err == nil, Took: time.Since(began)}
	if err != nil {
		p.Reason = err.Error()
	}
	return p, ctx.Err()
}

// versionsQuestion is what every node answers.
const versionsQuestion = "ApiVersions"

// canary prepares a question of a client to a node: in the version that the node speaks past the links, and
// in the name of the client whose link it is.
func (l *links) canary(ctx context.Context, d dial, api string) (*canary.Canary, error) {
	id, err := l.clientID(d.from)
	if err != nil {
		return nil, err
	}
	p := l.planned.Params
	q := canary.Question{API: api, Topic: p.Topic, Partition: max(0, p.Partition), ClientID: id}
	c, err := canary.New(ctx, direct(l.cluster, d.to.ID), q)
	if err != nil {
		return nil, fmt.Errorf("%s, asked past the links: %w", d.to, err)
	}
	return c, nil
}

// clientID is the name by which a client's links are known; "" for all clients.
func (l *links) clientID(e timeline.End) (string, error) {
	if e.ID == timeline.EveryClient {
		return "", nil
	}
	namer, ok := l.cluster.(cluster.ClientNamer)
	if !ok || int(e.ID) >= len(namer.ClientIDs()) {
		return "", fmt.Errorf("there is no %s: the load has others", e)
	}
	return namer.ClientIDs()[e.ID], nil
}

// direct is where a node is asked past the links.
func direct(c cluster.Cluster, node int32) string {
	if d, ok := c.(cluster.Direct); ok {
		return d.Direct(node)
	}
	return c.Address(node)
}

// patience is how long a canary that ought to be answered may take at one try.
const patience = 2 * time.Second

// answers is nil when a canary over a link is answered.
func (l *links) answers(ctx context.Context, d dial) error {
	p, err := l.ask(ctx, d, patience)
	if err != nil {
		return err
	}
	if !p.Answered {
		return fmt.Errorf("a request is not answered: %s", p.Reason)
	}
	return nil
}

// alive is nil when the node at the end of a link answers past the links.
func (l *links) alive(ctx context.Context, d dial) error {
	if err := canary.Versions(ctx, direct(l.cluster, d.to.ID)); err != nil {
		return fmt.Errorf("%s does not answer past the links either: %w", d.to, err)
	}
	return nil
}

// silentLink is nil when a link takes a request and gives no answer, while the node lives.
func silentLink(ctx context.Context, l *links, d dial) error {
	if err := l.alive(ctx, d); err != nil {
		return err
	}
	p, err := l.ask(ctx, d, silence)
	switch {
	case err != nil:
		return err
	case p.Answered:
		return fmt.Errorf("a request is answered after %v", p.Took)
	case broken(p.Reason):
		return fmt.Errorf("the connection broke, and was not merely silent: %s", p.Reason)
	}
	return l.alive(ctx, d)
}

// brokenLink is nil when a link ends connections, while the node lives.
func brokenLink(ctx context.Context, l *links, d dial) error {
	if err := l.alive(ctx, d); err != nil {
		return err
	}
	p, err := l.ask(ctx, d, patience)
	switch {
	case err != nil:
		return err
	case p.Answered:
		return fmt.Errorf("a request is answered after %v", p.Took)
	case !broken(p.Reason):
		return fmt.Errorf("the connection was not ended: %s", p.Reason)
	}
	return nil
}

// broken reports whether a reason is that of a connection which was ended or never begun.
func broken(reason string) bool {
	for _, word := range []string{"reset", "refused", "EOF", "broken pipe"} {
		if strings.Contains(reason, word) {
			return true
		}
	}
	return false
}
