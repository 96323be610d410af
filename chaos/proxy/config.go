package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// Listener is one address of a node.
type Listener struct {
	// Node id.
	Node int32
	// Advertised is where the proxy listens, host:port, for the whole run; port 0 picks one, see
	// Proxy.Address.
	Advertised string
	// Upstream is where the node itself listens, host:port. SetUpstream changes it.
	Upstream string
}

// Config of a proxy.
type Config struct {
	// Listeners of all nodes: those for clients, those for peers.
	Listeners []Listener
	// Addresses gives the node that has an IP address of its own, as a container does. Whoever dials from
	// another one is looked for by Processes. It is called for new connections, from any goroutine.
	Addresses func(netip.Addr) (node int32, ok bool)
	// Processes gives the node of every pid that runs now. It is called for new connections, from any
	// goroutine. Without it, where it gives nil, and where /proc cannot be read, a dialler is known by its
	// client id.
	Processes func() map[int]int32
	// ClientNumber gives the number of the client with a client id, for rules about one client. Without
	// it all clients are alike.
	ClientNumber func(clientID string) (number int32, ok bool)
}

// validate lists what keeps a proxy from being started.
func (c Config) validate() error {
	var errs []error
	if len(c.Listeners) == 0 {
		errs = append(errs, errors.New("no listeners"))
	}
	for i, l := range c.Listeners {
		if l.Node < 0 {
			errs = append(errs, fmt.Errorf("listener %d: node %d is below 0", i, l.Node))
		}
		for _, a := range []string{l.Advertised, l.Upstream} {
			if _, _, err := net.SplitHostPort(a); err != nil {
				errs = append(errs, fmt.Errorf("listener %d of node %d: %w", i, l.Node, err))
			}
		}
	}
	return errors.Join(errs...)
}
