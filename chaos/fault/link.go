package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/timeline"
)

// links is a fault of the links between a target and its peers. What the kinds have in common:
//
//	before: a canary over every link is answered, or there would be nothing to prove
//	effect: a canary over every link meets what the kind says, while the node at its end answers a
//	        canary that goes past the links
//	heal:   a canary over every link is answered, as before
//
// The canary of a client's link is a request of the harness itself; that of a link between two nodes is
// sent by the node that dials (see cluster.Pinger). Neither asks the part that holds the rules.
type links struct {
	kind    linkKind
	planned timeline.Fault
	cluster cluster.Cluster
	holder  cluster.LinkHolder
	rules   []cluster.LinkRule
	dials   []dial
	release func(context.Context) error
}

// linkKind is what one kind of fault of links has of its own.
type linkKind struct {
	// prepare looks before the injection, where the kind needs more than that the links work; nil is not.
	prepare func(context.Context, *links) error
	// struck is nil when the effect is seen on a connection that one end opens to the other now; healed is
	// nil when it is seen that it is over.
	struck, healed func(context.Context, *links, dial) error
	// saw says for people what struck saw.
	saw func(*links) string
	// watched says whether anybody can see the effect on links of this form; nil is all.
	watched func(dial) bool
}

// linkKinds are the kinds of faults of links.
var linkKinds = map[timeline.Kind]func(timeline.Fault) linkKind{
	timeline.Cut: cut, timeline.Refuse: refuse, timeline.Reset: reset, timeline.Stall: stall, timeline.SlowClose: slowClose,
	timeline.Delay: delay, timeline.Bandwidth: bandwidth,
	timeline.DropResponse: dropResponse, timeline.DelayResponse: delayResponse, timeline.RewriteError: rewriteError,
	timeline.StaleMetadata: staleMetadata, timeline.DuplicateResponse: duplicateResponse,
}

// newLinks prepares a fault of links. Without peers, as where only its possibility is asked for, it strikes
// nothing.
func newLinks(f timeline.Fault, c cluster.Cluster, target timeline.End, peers []timeline.End) (Fault, error) {
	holder, ok := c.(cluster.LinkHolder)
	if !ok {
		return nil, errLacks
	}
	l := &links{kind: linkKinds[f.Kind](f), planned: f, cluster: c, holder: holder, rules: linkRules(f, target, peers)}
	for _, peer := range peers {
		for _, d := range []dial{{peer, target}, {target, peer}} {
			if l.concerns(d) && l.possible(d) {
				l.dials = append(l.dials, d)
			}
		}
	}
	if f.Params.Count > 0 {
		l.rules = append(l.forCanaries(), l.rules...)
	}
	if len(peers) > 0 && len(l.dials) == 0 {
		return nil, fmt.Errorf("nobody can see a %s between %s and %v, so it could not be proved: write clients, or everyone, as its peers", f.Kind, target, peers)
	}
	return l, nil
}

// forCanaries are rules that strike the canaries of clients whatever is left of the count of a fault, and stand
// before those that count: a drop and a delay are done once, so that what proves them is not counted. Of errors
// and copies, and of stale answers, the canary takes one.
func (l *links) forCanaries() []cluster.LinkRule {
	namer, ok := l.cluster.(cluster.ClientNamer)
	if !ok {
		return nil
	}
	var own []cluster.LinkRule
	for _, r := range l.rules {
		if r.Link.From == cluster.AllClients {
			r.Link.From, r.Count = cluster.ClientEnd(int32(len(namer.ClientIDs()))), 0
			own = append(own, r)
		}
	}
	return own
}

// dial is a connection that one end opens to another.
type dial struct{ from, to timeline.End }

func (d dial) String() string { return fmt.Sprintf("%s to %s", d.from, d.to) }

func (d dial) link() cluster.Link { return cluster.Link{From: linkEnd(d.from), To: linkEnd(d.to)} }

func linkEnd(e timeline.End) cluster.End {
	switch {
	case !e.Client:
		return cluster.NodeEnd(e.ID)
	case e.ID == timeline.EveryClient:
		return cluster.AllClients
	}
	return cluster.ClientEnd(e.ID)
}

// linkRules are the rules that make the fault.
func linkRules(f timeline.Fault, target timeline.End, peers []timeline.End) []cluster.LinkRule {
	p := f.Params
	rule := cluster.LinkRule{
		Mode: cluster.LinkMode(f.Kind), Delay: p.Delay, Jitter: p.Jitter, Rate: p.Rate,
		API: p.API, Topic: p.Topic, Partition: p.Partition, Error: p.Error, Count: p.Count,
	}
	if rule.Topic == "" {
		rule.Partition = 0
	}
	var rules []cluster.LinkRule
	for _, peer := range peers {
		in, out := dial{peer, target}.link(), dial{target, peer}.link()
		// Responses are struck that the target gives; a client gives none, it gets them.
		requests := rule.Mode.OfRequests()
		if p.Direction != timeline.Out && !(requests && target.Client) {
			rule.Link = in
			rules = append(rules, rule)
		}
		if p.Direction != timeline.In && (!requests || target.Client) {
			rule.Link = out
			rules = append(rules, rule)
		}
	}
	return rules
}

// concerns reports whether a rule of the fault holds on a connection that one end opens to the other.
func (l *links) concerns(d dial) bool { return l.sides(d) > 0 }

// sides counts the directions of a connection on which a rule holds: requests, responses.
func (l *links) sides(d dial) int {
	n := 0
	for _, link := range []cluster.Link{d.link(), d.link().Reverse()} {
		if slices.ContainsFunc(l.rules, func(r cluster.LinkRule) bool {
			return r.Link == link && (link == d.link() || !r.Mode.OfConnections())
		}) {
			n++
		}
	}
	return n
}

// possible reports whether anybody opens such connections, and can tell what became of them.
func (l *links) possible(d dial) bool {
	if d.to.Client || d.from.Client && !slices.Contains(l.cluster.Brokers(), d.to.ID) {
		return false // clients are dialled by nobody, and dial brokers only
	}
	if _, pings := l.cluster.(cluster.Pinger); !d.from.Client && !pings {
		return false
	}
	return l.kind.watched == nil || l.kind.watched(d)
}

// fromClients is the form of links of which only the harness can tell.
func fromClients(d dial) bool { return d.from.Client }

// Inject sets the rules, once it has seen that the links work.
func (l *links) Inject(ctx context.Context) (string, error) {
	if err := l.all(func(d dial) error { return l.answers(ctx, d) }); err != nil {
		return "", fmt.Errorf("there is nothing to %s: a link does not work as it is: %w", l.planned.Kind, err)
	}
	if l.kind.prepare != nil {
		if err := l.kind.prepare(ctx, l); err != nil {
			return "", err
		}
	}
	release, err := l.holder.HoldLinks(ctx, l.rules)
	if err != nil {
		return "", err
	}
	l.release = release
	return fmt.Sprintf("%s on %d links", describe(l.rules[len(l.rules)-1]), len(l.rules)), nil
}

// describe is a rule without its link: what the fault does, for people.
func describe(r cluster.LinkRule) string {
	text, _, _ := strings.Cut(r.String(), " on ")
	return text
}

// Prove waits until the effect is seen on every link.
func (l *links) Prove(ctx context.Context) (string, error) {
	err := l.all(func(d dial) error {
		return until(ctx, func() error { return l.kind.struck(ctx, l, d) })
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: %s", l.dialList(), l.kind.saw(l)), nil
}

// Heal takes the rules away.
func (l *links) Heal(ctx context.Context) (string, error) {
	if l.release == nil {
		return "no rule was set: nothing to take away", nil
	}
	if err := l.release(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d rules taken away", len(l.rules)), nil
}

// ProveHealed waits until every link works as it did.
func (l *links) ProveHealed(ctx context.Context) (string, error) {
	err := l.all(func(d dial) error {
		return until(ctx, func() error {
			if l.kind.healed != nil && l.release != nil {
				return l.kind.healed(ctx, l, d)
			}
			return l.answers(ctx, d)
		})
	})
	if err != nil {
		return "", err
	}
	return l.dialList() + ": a request is answered as before", nil
}

// all looks at all links side by side.
func (l *links) all(look func(dial) error) error {
	errs := make([]error, len(l.dials))
	var looking sync.WaitGroup
	for i, d := range l.dials {
		looking.Go(func() {
			if err := look(d); err != nil {
				errs[i] = fmt.Errorf("%s: %w", d, err)
			}
		})
	}
	looking.Wait()
	return errors.Join(errs...)
}

// dialList names the links for people.
func (l *links) dialList() string {
	const shown = 3
	names := make([]string, 0, shown)
	for _, d := range l.dials[:min(shown, len(l.dials))] {
		names = append(names, d.String())
	}
	if more := len(l.dials) - shown; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}
