package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"sync"

	"github.com/logproof/logproof/chaos/cluster"
)

// Proxy stands between all nodes of a cluster and their clients. Its methods may be called from several
// goroutines.
type Proxy struct {
	cfg     Config
	nodes   map[int32]bool
	doors   []*door
	dialer  net.Dialer
	finder  finder
	kernels kernelPipes
	topics  topics
	work    sync.WaitGroup
	// changing is held while rules are replaced: one SetLinks after the other.
	changing sync.Mutex

	mu          sync.Mutex
	closed      bool
	number      uint64
	connections map[*connection]struct{}
	rules       *ruleSet
}

var _ cluster.Linker = (*Proxy)(nil)

// Start listens at every advertised address. The caller ends it with Close.
func Start(cfg Config) (*Proxy, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("start the link proxy: %w", err)
	}
	p := &Proxy{cfg: cfg, nodes: make(map[int32]bool), connections: make(map[*connection]struct{}), rules: &ruleSet{}}
	p.rules.links = make(map[cluster.Link]*shapes)
	p.dialer.KeepAlive = -1
	p.finder = finder{addresses: cfg.Addresses, processes: cfg.Processes, waiting: make(map[uint64][]chan found)}
	p.topics.names = make(map[[16]byte]string)
	for _, l := range cfg.Listeners {
		d, err := openDoor(l)
		if err != nil {
			p.Close()
			return nil, fmt.Errorf("start the link proxy: %w", err)
		}
		p.doors, p.nodes[l.Node] = append(p.doors, d), true
	}
	for _, d := range p.doors {
		p.work.Go(func() { d.accept(func(conn *net.TCPConn) { p.serve(d, conn) }) })
	}
	return p, nil
}

// Address where the proxy listens for the listener of this index in Config.Listeners.
func (p *Proxy) Address(listener int) string { return p.doors[listener].address }

// SetUpstream changes where a node listens, for connections from now on: advertised is the address of
// the proxy that leads there.
func (p *Proxy) SetUpstream(advertised, upstream string) error {
	i := slices.IndexFunc(p.doors, func(d *door) bool { return d.address == advertised })
	if i < 0 {
		return fmt.Errorf("the link proxy does not listen at %s", advertised)
	}
	if _, _, err := net.SplitHostPort(upstream); err != nil {
		return fmt.Errorf("where %s leads to: %w", advertised, err)
	}
	p.doors[i].target.Store(&upstream)
	return nil
}

// serve begins a connection.
func (p *Proxy) serve(d *door, conn *net.TCPConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		conn.Close()
		return
	}
	p.number++
	c := newConnection(p, d, conn, p.number)
	p.connections[c] = struct{}{}
	p.work.Go(c.serve)
}

// identify puts a connection on its link; false if it is over because of a rule.
func (p *Proxy) identify(c *connection, link cluster.Link, knownBy, clientID string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.known, c.link, c.knownBy, c.clientID = true, link, knownBy, clientID
	s := p.rules.of(link, nil)
	c.obey(s)
	if s.refuse {
		c.kill(true)
	}
	return !c.over()
}

// sniffed takes over what the client id of the first request tells: the node, where /proc did not; else
// the number of the client.
func (p *Proxy) sniffed(c *connection, id string) {
	p.mu.Lock()
	link, knownBy := c.link, c.knownBy
	p.mu.Unlock()
	if node := nodeOf(id); knownBy == "" && p.nodes[node] {
		link.From, knownBy = cluster.NodeEnd(node), byClientID
	} else if p.cfg.ClientNumber != nil {
		if number, ok := p.cfg.ClientNumber(id); ok {
			link.From = cluster.ClientEnd(number)
		}
		if knownBy == "" {
			knownBy = byClientID
		}
	}
	p.identify(c, link, knownBy, id)
}

func (p *Proxy) forget(c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.connections, c)
}

// SetLinks replaces all rules at once; none heals. A rule that stays keeps its count and its bucket.
// When it returns every open connection obeys, and every new one will. Connections that lost bytes, and
// do not lose them any more, are reset. Nothing changes if a rule is not valid, or needs metadata that
// no node tells.
func (p *Proxy) SetLinks(ctx context.Context, rules []cluster.LinkRule) error {
	p.changing.Lock()
	defer p.changing.Unlock()
	set, fresh, err := newRuleSet(rules, p.rules)
	if err == nil {
		err = p.prepare(ctx, fresh)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("set the links: %w", err)
	}
	changes, err := p.store(set)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	for part := range slices.Chunk(changes, max(settleMin, len(changes)/runtime.GOMAXPROCS(0)+1)) {
		all.Go(func() {
			for _, change := range part {
				change.c.settle(change.s)
			}
		})
	}
	all.Wait()
	return nil
}

// settleMin connections are worth a goroutine of their own.
const settleMin = 500

// change is a connection with its new shapes.
type change struct {
	c *connection
	s *shapes
}

// store puts rules in force, for new connections at once, and lists the open ones that must settle.
func (p *Proxy) store(set *ruleSet) (changes []change, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errors.New("set the links: the link proxy is closed")
	}
	p.rules = set
	for c := range p.connections {
		if !c.known {
			continue // it will find the new rules
		}
		if s := set.of(c.link, c.shapes); c.obey(s) {
			changes = append(changes, change{c, s})
		}
	}
	return changes, nil
}

// Links lists the open connections, in the order in which they were accepted.
func (p *Proxy) Links(context.Context) ([]cluster.LinkConnection, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var open []*connection
	for c := range p.connections {
		if c.known && !c.over() {
			open = append(open, c)
		}
	}
	slices.SortFunc(open, func(a, b *connection) int { return int(a.number) - int(b.number) })
	all := make([]cluster.LinkConnection, len(open))
	for i, c := range open {
		all[i] = c.describe()
	}
	return all, nil
}

// Close ends every connection with RST and gives the addresses back. When it returns nothing of the
// proxy is left: no goroutine, no descriptor.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	for c := range p.connections {
		c.kill(true)
	}
	p.mu.Unlock()
	for _, d := range p.doors {
		d.listener.Close()
	}
	p.work.Wait()
	p.kernels.close()
	return nil
}
