package process

import (
	"cmp"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// PortsPerNode is how many ports each node uses: for clients, for metrics, for its peers. A node that
// needs fewer leaves a gap. Behind a link proxy, linkPorts more are those that clients and peers know.
const (
	PortsPerNode = 3
	linkPorts    = 2
)

// layout makes the directories of all nodes and picks their ports.
//
//	without links   listen = direct        clients ──> process
//	with links      listen, direct         clients ──> proxy ──> process
func layout(cfg Config) ([]Endpoint, error) {
	nodes, each := cfg.nodes(), PortsPerNode
	if cfg.Links {
		each += linkPorts
	}
	ports, err := pickPorts(cfg.FirstPort, each*len(nodes))
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, err
	}
	endpoints := make([]Endpoint, len(nodes))
	for i, id := range nodes {
		nodeDir, port := filepath.Join(dir, "nodes", strconv.Itoa(int(id))), ports[each*i:]
		e := Endpoint{
			Node: id, Broker: slices.Contains(cfg.Brokers, id), Controller: slices.Contains(cfg.Controllers, id),
			Metrics: address(port[1]), Dir: nodeDir, Data: filepath.Join(nodeDir, "data"),
		}
		if e.Broker {
			e.Direct = address(port[0])
		}
		if len(nodes) > 1 {
			e.DirectPeers = address(port[2])
		}
		e.Listen, e.Peers = e.Direct, e.DirectPeers
		if cfg.Links && e.Broker {
			e.Listen = address(port[PortsPerNode])
		}
		if cfg.Links && len(nodes) > 1 {
			e.Peers = net.JoinHostPort(cmp.Or(cfg.PeersHost, host), strconv.Itoa(port[PortsPerNode+1]))
		}
		if err := os.MkdirAll(e.Data, 0o755); err != nil {
			return nil, err
		}
		endpoints[i] = e
	}
	return endpoints, nil
}
