package process

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/logproof/logproof/chaos/canary"
	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/proxy"
)

// errNoLinks is the error of a cluster without a link proxy.
var errNoLinks = errors.New("the nodes of this cluster talk to each other directly: there are no links to act on")

// openLinks starts the link proxy on the addresses that others know, before a node is there.
func (c *Cluster) openLinks(endpoints []Endpoint) (err error) {
	var listeners []proxy.Listener
	for _, e := range endpoints {
		if e.Broker {
			listeners = append(listeners, proxy.Listener{Node: e.Node, Advertised: e.Listen, Upstream: e.Direct})
		}
		if e.Peers != "" {
			listeners = append(listeners, proxy.Listener{Node: e.Node, Advertised: e.Peers, Upstream: e.DirectPeers})
		}
	}
	c.proxy, err = proxy.Start(proxy.Config{Listeners: listeners, Addresses: c.dialler, Processes: c.processes, ClientNumber: c.clientNumber})
	return err
}

// processes are the nodes by the pids that they have now.
func (c *Cluster) processes() map[int]int32 {
	all := make(map[int]int32, len(c.ids))
	for _, id := range c.ids {
		if pid := c.Pid(id); pid != 0 {
			all[pid] = id
		}
	}
	return all
}

// clientNumber finds a client by the id that it gives in its requests: its name, or its name, a dot, and which
// one of those with that name it is. The harness's own canaries come after all clients of the load.
func (c *Cluster) clientNumber(id string) (number int32, ok bool) {
	if id == canary.ClientID {
		return int32(len(c.clients)), true
	}
	i := slices.IndexFunc(c.clients, func(name string) bool {
		rest, found := strings.CutPrefix(id, name)
		return found && (rest == "" || rest[0] == '.')
	})
	return int32(i), i >= 0
}

// redirect lets the links lead to where a node listens now.
func (c *Cluster) redirect(e Endpoint) error {
	if c.proxy == nil {
		return nil
	}
	for _, to := range [][2]string{{e.Listen, e.Direct}, {e.Peers, e.DirectPeers}} {
		if to[0] == "" {
			continue
		}
		if err := c.proxy.SetUpstream(to[0], to[1]); err != nil {
			return err
		}
	}
	return nil
}

// SetLinks replaces all rules of all links at once; see cluster.Linker. HoldLinks knows nothing of it: use one
// or the other.
func (c *Cluster) SetLinks(ctx context.Context, rules []cluster.LinkRule) error {
	if c.proxy == nil {
		return errNoLinks
	}
	return c.proxy.SetLinks(ctx, rules)
}

// Links lists the open connections between nodes, and between clients and nodes.
func (c *Cluster) Links(ctx context.Context) ([]cluster.LinkConnection, error) {
	if c.proxy == nil {
		return nil, errNoLinks
	}
	return c.proxy.Links(ctx)
}

// HoldLinks adds rules to those that others hold; see cluster.LinkHolder.
func (c *Cluster) HoldLinks(ctx context.Context, rules []cluster.LinkRule) (release func(context.Context) error, err error) {
	if c.proxy == nil {
		return nil, errNoLinks
	}
	return c.held.Hold(ctx, c.proxy, rules)
}

// ClientIDs are the names of the load's clients, by their number.
func (c *Cluster) ClientIDs() []string { return slices.Clone(c.clients) }

// closeLinks ends the link proxy. Nothing that held rules holds them any more.
func (c *Cluster) closeLinks() error {
	if c.proxy == nil {
		return nil
	}
	err := c.proxy.Close()
	if held := c.held.All(); len(held) > 0 {
		err = errors.Join(err, fmt.Errorf("%d rules of links were never taken away, such as %s", len(held), held[0]))
	}
	return err
}
