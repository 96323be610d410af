package broker

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/logproof/logproof/broker/node"
)

// Roles of a node; none is both.
type Roles struct {
	// Broker has replicas and serves clients.
	Broker bool
	// Controller has a vote in the metadata quorum, and decides while it leads that.
	Controller bool
}

// ParseRoles reads what String writes: broker, controller, or both with a comma between.
func ParseRoles(text string) (Roles, error) {
	var r Roles
	for name := range strings.SplitSeq(text, ",") {
		switch strings.TrimSpace(name) {
		case "broker":
			r.Broker = true
		case "controller":
			r.Controller = true
		default:
			return Roles{}, fmt.Errorf("unknown role %q in %q: want broker, controller or broker,controller", name, text)
		}
	}
	return r, nil
}

func (r Roles) String() string {
	switch r {
	case Roles{Broker: true}:
		return "broker"
	case Roles{Controller: true}:
		return "controller"
	}
	return "broker,controller"
}

// Voter is a controller of the cluster, and where its peer listener is, host:port.
type Voter struct {
	ID      int32
	Address string
}

func (v Voter) String() string { return fmt.Sprintf("%d@%s", v.ID, v.Address) }

// ParseVoters reads id@host:port, several with commas between; nothing is no voters.
func ParseVoters(text string) ([]Voter, error) {
	var voters []Voter
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		id, address, ok := strings.Cut(strings.TrimSpace(part), "@")
		n, err := strconv.ParseInt(id, 10, 32)
		if !ok || err != nil {
			return nil, fmt.Errorf("voter %q: want id@host:port, as in 1@10.0.0.1:9100", part)
		}
		voters = append(voters, Voter{ID: int32(n), Address: address})
	}
	return voters, nil
}

var clusterID = regexp.MustCompile(`^[\w.-]+$`)

// alone says that the node is a cluster by itself.
func (c Config) alone() bool { return len(c.Voters) == 0 }

// votes says that the node is one of the voters.
func (c Config) votes() bool {
	return slices.ContainsFunc(c.Voters, func(v Voter) bool { return v.ID == c.NodeID })
}

// validateCluster lists what is wrong with the node's place in its cluster. Defaults are filled in.
func (c Config) validateCluster() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch {
	case c.alone() && c.Roles != (Roles{Broker: true, Controller: true}):
		bad("node %d is %s only and knows no voters: name the controllers of its cluster with --voters", c.NodeID, c.Roles)
	case c.alone():
	case c.Roles.Controller && !c.votes():
		bad("node %d is a controller and not among the voters %v: add %d@host:port of its peer listener to --voters, or give --roles broker", c.NodeID, c.Voters, c.NodeID)
	case !c.Roles.Controller && c.votes():
		bad("node %d is among the voters %v and no controller: give it the role, or take it out of --voters on every node", c.NodeID, c.Voters)
	}
	if !c.alone() && c.PeerListen == "" && c.PeerListener == nil {
		bad("node %d has no peer listener, where the other nodes of its cluster connect: give one with --peers host:port", c.NodeID)
	}
	if !clusterID.MatchString(c.ClusterID) {
		bad("cluster id %q: want letters, digits and . _ -", c.ClusterID)
	}
	if c.DefaultReplication < 1 || c.MinISR < 1 {
		bad("default replication %d, min ISR %d: want 1 or more", c.DefaultReplication, c.MinISR)
	}
	if !c.Roles.Broker && (c.Listen != "" || c.Listener != nil) {
		bad("node %d is a controller only and serves no clients: leave --listen out, or add the role broker", c.NodeID)
	}
	errs = append(errs, c.validateAdvertised()...)
	for i, v := range c.Voters {
		if _, _, err := splitAddress(v.Address); err != nil || v.ID < 0 {
			bad("voter %v: want an id of 0 or more, and host:port of its peer listener, as in 1@10.0.0.1:9100", v)
		}
		if slices.ContainsFunc(c.Voters[:i], func(w Voter) bool { return w.ID == v.ID || w.Address == v.Address }) {
			bad("voter %v: its id or its address stands twice in --voters; each controller needs its own", v)
		}
	}
	return append(errs, c.validateTimes()...)
}

// timing is one of the times of a configuration.
type timing struct {
	flag  string
	field *time.Duration
	value time.Duration // by default
}

func (c *Config) timings() []timing {
	heartbeat := node.DefaultHeartbeat
	if c.SessionTimeout > 0 {
		heartbeat = min(heartbeat, c.SessionTimeout/4) // three of them may be lost
	}
	return []timing{
		{"--session-timeout", &c.SessionTimeout, 9 * time.Second},
		{"--heartbeat", &c.Heartbeat, heartbeat},
		{"--replica-lag-max", &c.ReplicaLagMax, node.DefaultReplicaLagMax},
		{"--quorum-tick", &c.QuorumTick, node.DefaultQuorumTick},
		{"--shutdown-timeout", &c.ShutdownTimeout, 5 * time.Second},
		{"--flush-interval", &c.FlushInterval, time.Second},
	}
}

// validateAdvertised lists what is wrong with the places that others are told of.
func (c Config) validateAdvertised() (errs []error) {
	for _, a := range []struct {
		flag, address, of string
		listens           bool
	}{
		{"--advertise", c.Advertise, "--listen", c.Listen != "" || c.Listener != nil},
		{"--advertise-peers", c.PeerAdvertise, "--peers", c.PeerListen != "" || c.PeerListener != nil},
	} {
		if a.address == "" {
			continue
		}
		if _, _, err := splitAddress(a.address); err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w; write what others connect to, as in 127.0.0.1:9092", a.flag, a.address, err))
		}
		if !a.listens {
			errs = append(errs, fmt.Errorf("%s %s: node %d has no such listener: leave it out, or give %s too", a.flag, a.address, c.NodeID, a.of))
		}
	}
	return errs
}

func (c Config) validateTimes() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, t := range c.timings() {
		if *t.field < time.Millisecond {
			bad("%s %v: want 1ms or more", t.flag, *t.field)
		}
	}
	if c.SessionTimeout < 2*c.Heartbeat {
		bad("--session-timeout %v with a --heartbeat every %v: one that is late would fence the broker; want two or more in a session", c.SessionTimeout, c.Heartbeat)
	}
	return errs
}

// splitAddress takes host:port apart; the port is a number, and not 0.
func splitAddress(address string) (host string, port int32, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, err
	}
	if host == "" || n == 0 {
		return "", 0, errors.New("want a host, and a port that is not 0")
	}
	return host, int32(n), nil
}
