package cluster

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// EndGroup is what the ends of links are of one kind.
type EndGroup uint8

const (
	// GroupEveryone is all nodes and all clients.
	GroupEveryone EndGroup = iota
	// GroupNodes is the nodes of the cluster, brokers and controllers.
	GroupNodes
	// GroupClients is everything else that connects to a node.
	GroupClients
)

// AllOf is the ID of an End that means its whole group.
const AllOf int32 = -1

// End is one end of a link, or a set of ends: a node, a client, all of either, or everyone.
type End struct {
	// Group of the end.
	Group EndGroup
	// ID of the node, or number of the client; AllOf for all of the group.
	ID int32
}

// Sets of ends.
var (
	// Everyone is every node and every client.
	Everyone = End{Group: GroupEveryone, ID: AllOf}
	// AllNodes and AllClients are one group each.
	AllNodes   = End{Group: GroupNodes, ID: AllOf}
	AllClients = End{Group: GroupClients, ID: AllOf}
)

// NodeEnd is one node by its id.
func NodeEnd(id int32) End { return End{Group: GroupNodes, ID: id} }

// ClientEnd is one client by its number. Who numbers the clients tells the proxy; one that nobody
// numbered is of AllClients only.
func ClientEnd(number int32) End { return End{Group: GroupClients, ID: number} }

// String is "node(1)", "client(0)", "nodes", "clients" or "everyone".
func (e End) String() string {
	switch {
	case e.Group == GroupEveryone:
		return "everyone"
	case e.Group == GroupNodes && e.ID == AllOf:
		return "nodes"
	case e.Group == GroupNodes:
		return "node(" + strconv.Itoa(int(e.ID)) + ")"
	case e.Group == GroupClients && e.ID == AllOf:
		return "clients"
	case e.Group == GroupClients:
		return "client(" + strconv.Itoa(int(e.ID)) + ")"
	}
	return fmt.Sprintf("end(%d,%d)", e.Group, e.ID)
}

// Contains says whether an end belongs to this set: an end contains itself.
func (e End) Contains(other End) bool {
	return e == other || e.Group == GroupEveryone || e.ID == AllOf && e.Group == other.Group
}

func (e End) validate() error {
	if e.Group > GroupClients || e.ID < AllOf || e.Group == GroupEveryone && e.ID != AllOf {
		return fmt.Errorf("%s is no end: use NodeEnd, ClientEnd, AllNodes, AllClients or Everyone", e)
	}
	return nil
}

// Link is directed: what flows from one end to the other. Between two nodes there are two links, and
// each is part of the connections that either of them dialled:
//
//	node(0) dials node(1)   requests  are on the link node(0) -> node(1)
//	                        responses are on the link node(1) -> node(0)
//
// Whoever cuts both links has cut the pair, as a lost cable does; one of them alone is one-way. Modes
// that concern a whole connection (see LinkMode) go by who dialled: From dials To.
type Link struct {
	From, To End
}

// String is "node(0) -> node(1)".
func (l Link) String() string { return l.From.String() + " -> " + l.To.String() }

// Reverse is the link in the other direction.
func (l Link) Reverse() Link { return Link{From: l.To, To: l.From} }

// Contains says whether a link between two single ends belongs to this set of links. The link of a
// node to itself does only where both ends name it: isolating a node does not cut it off from itself.
func (l Link) Contains(one Link) bool {
	if one.From == one.To && l != one {
		return false
	}
	return l.From.Contains(one.From) && l.To.Contains(one.To)
}

// LinkMode is what happens on a link. The names are those of the timeline's faults.
type LinkMode string

// Modes of the bytes that flow on a link, whoever dialled the connection. Where several rules hold on
// one link they add up: delays are added, the smallest rate counts, stall beats both and cut beats all.
const (
	// Cut takes bytes and throws them away, the end of a connection too: the sender sees success. Connects
	// succeed. A connection that lost something is reset when the rule goes, never continued.
	Cut LinkMode = "cut"
	// Stall takes no more bytes: the sender's buffers fill. When the rule goes, everything flows on.
	Stall LinkMode = "stall"
	// Delay lets every chunk of bytes come later by Delay, give or take Jitter. Their order stays.
	Delay LinkMode = "delay"
	// Bandwidth lets Rate bytes a second through, all connections of the link together.
	Bandwidth LinkMode = "bandwidth"
)

// Modes of the connections that Link.From dials to Link.To.
const (
	// Refuse ends connects and existing connections with RST before a byte flows.
	Refuse LinkMode = "refuse"
	// Reset ends existing connections with RST once, and a new one with its first byte.
	Reset LinkMode = "reset"
	// SlowClose lets the end of a connection, and its reset, come later by Delay.
	SlowClose LinkMode = "slow-close"
)

// Modes of the Kafka requests in the connections that Link.From dials to Link.To. API, Topic and
// Partition choose the requests, Count how many of them; the requests go through and take effect.
const (
	// DropResponse throws the answer away after the broker gave it, and resets the connection in its place:
	// a stream cannot go on with a hole. For a client that waits in vain, delay the response for long.
	DropResponse LinkMode = "drop-response"
	// DelayResponse holds the answer, and those behind it, for Delay.
	DelayResponse LinkMode = "delay-response"
	// RewriteError puts Error in the place of the error code of the chosen partitions.
	RewriteError LinkMode = "rewrite-error"
	// StaleMetadata answers Metadata with what the broker answered to the same request when the rule came.
	StaleMetadata LinkMode = "stale-metadata"
	// DuplicateResponse sends the answer twice.
	DuplicateResponse LinkMode = "duplicate-response"
)

// AnyPartition in LinkRule.Partition is every partition.
const AnyPartition int32 = -1

// LinkRule is one thing that holds on one or many links.
type LinkRule struct {
	// Link that the rule holds on: single ends or sets.
	Link Link
	// Mode and the parameters that it takes: the others stay zero.
	Mode LinkMode
	// Delay of Delay, SlowClose and DelayResponse, above 0.
	Delay time.Duration
	// Jitter of Delay: each chunk is late by Delay - Jitter to Delay + Jitter, at most Delay.
	Jitter time.Duration
	// Seed of the draws of Jitter.
	Seed uint64
	// Rate of Bandwidth in bytes a second, above 0.
	Rate int64
	// API is the name of Kafka's request ("Produce") for the modes of requests; "" is every request.
	// StaleMetadata takes none, RewriteError needs one.
	API string
	// Topic narrows requests to those that name it; "" is every one. Partition narrows further, to one of
	// Topic; AnyPartition, and 0 without a Topic, do not.
	Topic     string
	Partition int32
	// Error is Kafka's name of the error ("NOT_LEADER_OR_FOLLOWER") of RewriteError.
	Error string
	// Count is how many responses the rule touches, over all its links, before it has done its work; 0 is
	// all of them.
	Count int
}

// takes says which parameters a mode has.
type takes struct {
	delay, rate, request, api, err bool
}

var modes = map[LinkMode]takes{
	Cut: {}, Stall: {}, Delay: {delay: true}, Bandwidth: {rate: true},
	Refuse: {}, Reset: {}, SlowClose: {delay: true},
	DropResponse:      {request: true, api: true},
	DelayResponse:     {request: true, api: true, delay: true},
	RewriteError:      {request: true, api: true, err: true},
	StaleMetadata:     {request: true},
	DuplicateResponse: {request: true, api: true},
}

// OfRequests says whether the mode concerns Kafka requests: the proxy parses such connections.
func (m LinkMode) OfRequests() bool { return modes[m].request }

// OfConnections says whether the mode goes by who dialled: those of requests, and of connections as a
// whole.
func (m LinkMode) OfConnections() bool {
	return m == Refuse || m == Reset || m == SlowClose || m.OfRequests()
}

// Validate lists what is wrong with the rule; whether Kafka knows API and Error the Linker checks.
func (r LinkRule) Validate() error {
	t, ok := modes[r.Mode]
	if !ok {
		return fmt.Errorf("unknown link mode %q", r.Mode)
	}
	var errs []error
	bad := func(wrong bool, text string) {
		if wrong {
			errs = append(errs, errors.New(text))
		}
	}
	bad(t.delay && r.Delay <= 0, "needs a delay above 0")
	bad(!t.delay && r.Delay != 0, "takes no delay")
	bad(r.Mode != Delay && r.Jitter != 0, "takes no jitter")
	bad(r.Mode == Delay && (r.Jitter < 0 || r.Jitter > r.Delay), "needs a jitter from 0 to its delay")
	bad(t.rate && r.Rate <= 0, "needs a rate above 0 bytes a second")
	bad(!t.rate && r.Rate != 0, "takes no rate")
	bad(!t.api && r.API != "", "takes no api")
	bad(t.err && r.API == "", "needs an api: the place of the error code depends on it")
	bad(t.err && r.Error == "", "needs an error")
	bad(!t.err && r.Error != "", "takes no error")
	bad(!t.request && (r.Topic != "" || r.Partition != 0 || r.Count != 0), "takes no topic, partition or count")
	bad(r.Topic == "" && r.Partition > 0, "has a partition, but no topic")
	bad(r.Partition < AnyPartition, "has a partition below AnyPartition")
	bad(r.Count < 0, "has a count below 0")
	errs = append(errs, r.Link.From.validate(), r.Link.To.validate())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("rule %s: %w", r, err)
	}
	return nil
}

// String is the rule as people read it: "delay 5ms ±1ms on node(0) -> node(1)".
func (r LinkRule) String() string {
	var b strings.Builder
	b.WriteString(string(r.Mode))
	add := func(shown bool, format string, arg any) {
		if shown {
			fmt.Fprintf(&b, " "+format, arg)
		}
	}
	add(r.Delay != 0, "%v", r.Delay)
	add(r.Jitter != 0, "±%v", r.Jitter)
	add(r.Rate != 0, "%d B/s", r.Rate)
	add(r.API != "", "of %s", r.API)
	add(r.Topic != "", "for %s", r.Topic)
	add(r.Topic != "" && r.Partition >= 0, "partition %d", r.Partition)
	add(r.Error != "", "to %s", r.Error)
	add(r.Count != 0, "%d times", r.Count)
	add(true, "on %s", r.Link)
	return b.String()
}

// LinkConnection is one open connection between two ends.
type LinkConnection struct {
	// Link of the requests: From dialled To.
	Link Link
	// KnownBy says how the dialler was identified: "address", "process", "client id", or "" while it is taken for
	// a client because nothing told otherwise.
	KnownBy string
	// Client id of the first Kafka request, where it was looked at.
	ClientID string
	// Dialler and Listener are the addresses of the connection that was accepted.
	Dialler, Listener string
	// Requests and Responses count the bytes in each direction.
	Requests, Responses LinkBytes
	// Rules that hold on it now.
	Rules []LinkRule
}

// LinkBytes counts the bytes of one direction of a connection.
type LinkBytes struct {
	// Passed on to the other end, and Dropped by a rule.
	Passed, Dropped int64
}

// Linker can act on every link between two ends on its own.
type Linker interface {
	// SetLinks replaces all rules at once; none heals. When it returns every open connection obeys, and
	// every new one will. It is an error, and changes nothing, if a rule is not valid.
	SetLinks(ctx context.Context, rules []LinkRule) error
	// Links lists the open connections.
	Links(ctx context.Context) ([]LinkConnection, error)
}
