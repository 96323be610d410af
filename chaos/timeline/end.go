package timeline

import (
	"context"
	"fmt"
	"slices"
	"strconv"
)

// End is one end of a link: a node by its id, or a client of the load by its number from 0.
type End struct {
	Client bool
	// ID of the node or number of the client; EveryClient for all of them.
	ID int32
}

// EveryClient is the ID of an End that means all clients.
const EveryClient int32 = -1

// NodeEnd is the end that a node is.
func NodeEnd(id int32) End { return End{ID: id} }

// String is "node 0", "client 1" or "clients".
func (e End) String() string {
	switch {
	case !e.Client:
		return "node " + strconv.Itoa(int(e.ID))
	case e.ID == EveryClient:
		return string(Clients)
	}
	return "client " + strconv.Itoa(int(e.ID))
}

// Members are the nodes of a cluster by what they are, each ascending. A node may be a broker and a voter.
type Members struct {
	Nodes, Brokers, Voters []int32
	// Clients of the load, producers first; 0 where that is not known.
	Clients int
	// Groups of consumers by their names.
	Groups []string
	// Transactional ids of the clients that write in transactions.
	Transactional []string
}

// Ends names what the target of a fault means now, as Locate does, and clients too.
func Ends(ctx context.Context, t Target, m Members, draw func(n int) int, where Locator) ([]End, error) {
	s, err := t.Selector()
	if err != nil {
		return nil, err
	}
	switch s.Role {
	case Client:
		return []End{{Client: true, ID: s.Node}}, nil
	case Clients:
		return []End{{Client: true, ID: EveryClient}}, nil
	}
	nodes, err := Locate(ctx, t, m, draw, where)
	if err != nil {
		return nil, err
	}
	return nodeEnds(nodes), nil
}

// PeerEnds names the other ends of a fault of links on the given targets: of Everyone and Nodes those that
// are no target themselves, and of clients none where the target is clients.
func PeerEnds(ctx context.Context, peers Target, targets []End, m Members, draw func(n int) int, where Locator) ([]End, error) {
	s, err := peers.Selector()
	if err != nil {
		return nil, err
	}
	var ends []End
	switch s.Role {
	case Everyone:
		ends = append(nodeEnds(m.Nodes), End{Client: true, ID: EveryClient})
	case Nodes:
		ends = nodeEnds(m.Nodes)
	default:
		if ends, err = Ends(ctx, peers, m, draw, where); err != nil {
			return nil, err
		}
	}
	ofClients := slices.ContainsFunc(targets, func(e End) bool { return e.Client })
	ends = slices.DeleteFunc(ends, func(e End) bool { return slices.Contains(targets, e) || e.Client && ofClients })
	if len(ends) == 0 {
		return nil, fmt.Errorf("peers %s: there is none besides the target itself", peers)
	}
	return ends, nil
}

func nodeEnds(nodes []int32) []End {
	ends := make([]End, len(nodes))
	for i, id := range nodes {
		ends[i] = NodeEnd(id)
	}
	return ends
}
