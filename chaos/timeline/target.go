package timeline

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Target is symbolic: it is resolved when the fault fires, and the resolution is recorded. Forms:
//
//	node(0)               one node by its id
//	any                   a broker drawn from the seed
//	all                   every node at once, controllers too
//	leader(orders,0)      the leader of a partition
//	follower(orders,0)    one replica of it that is not the leader, drawn from the seed
//	followers(orders,0)   all of them at once
//	controller            the active controller
//	coordinator(workers)  the broker that coordinates a consumer group
//	transaction-coordinator(producer-0)  the broker that coordinates the transactions of a client, by its name
//	minority, majority    as many brokers as are less, or more, than half of them, drawn from the seed
//	quorum                as many voters as leave no majority, drawn from the seed
//	client(0), clients    one client of the load by its number, or all: for links, and to crash them
//
// Peers, the other end of a fault of links, may be any of these, and:
//
//	everyone              all nodes but the target, and all clients
//	nodes                 all nodes but the target
type Target string

// Any is the target that draws one of all brokers: nodes that are controllers only are not among them.
const Any Target = "any"

// Role that a node may have when the fault fires; who has it is asked of the cluster.
type Role string

// Roles, as targets write them.
const (
	// Leader of a partition.
	Leader Role = "leader"
	// Follower is one replica that is not the leader; Followers are all of them.
	Follower  Role = "follower"
	Followers Role = "followers"
	// Controller is the active controller of the cluster.
	Controller Role = "controller"
	// Coordinator of a consumer group.
	Coordinator Role = "coordinator"
	// TransactionCoordinator of a transactional id.
	TransactionCoordinator Role = "transaction-coordinator"
	// All is the role of every node.
	All Role = "all"
	// Minority and Majority are roles of brokers, Quorum is one of voters: as many as leave no majority.
	Minority Role = "minority"
	Majority Role = "majority"
	Quorum   Role = "quorum"
	// Client is one client of the load, Clients are all of them.
	Client  Role = "client"
	Clients Role = "clients"
	// Everyone and Nodes are the peers of a fault of links.
	Everyone Role = "everyone"
	Nodes    Role = "nodes"
)

// NodeTarget is the target that names one node by id.
func NodeTarget(id int32) Target { return Target("node(" + strconv.Itoa(int(id)) + ")") }

// RoleTarget is the target that names a role in a partition: Leader, Follower or Followers.
func RoleTarget(role Role, topic string, partition int32) Target {
	return Target(fmt.Sprintf("%s(%s,%d)", role, topic, partition))
}

// targetForms is what an error offers.
const targetForms = `write node(0) for a node by its id, any for a broker drawn from the seed, all for every node at once, leader(orders,0), ` +
	`follower(orders,0) or followers(orders,0) for the replicas of a partition (in quotes between braces), controller, coordinator(workers) for the one of a consumer group, transaction-coordinator(producer-0) for the one of a client that writes in transactions, ` +
	`minority or majority of the brokers, quorum for as many voters as leave no majority, or client(0) or clients of the load`

// Selector is a Target that was read. Invariant: exactly one of Any, Role and Node counts; Topic and
// Partition are set for the roles in a partition only.
type Selector struct {
	// Any of all brokers.
	Any bool
	// Role that the node has in Partition of Topic, or in the cluster; "" for none.
	Role      Role
	Topic     string
	Partition int32
	// Group is set for Coordinator only, Transactional for TransactionCoordinator: a transactional id.
	Group         string
	Transactional string
	// Node id, where Any is false and Role is ""; the number of the client where Role is Client.
	Node int32
}

// words are the roles that a target names by one word.
var words = []Role{Controller, All, Minority, Majority, Quorum, Clients, Everyone, Nodes}

// Selector reads the target.
func (t Target) Selector() (Selector, error) {
	switch {
	case t == Any:
		return Selector{Any: true}, nil
	case slices.Contains(words, Role(t)):
		return Selector{Role: Role(t)}, nil
	}
	form, inner, ok := strings.Cut(string(t), "(")
	inner, closed := strings.CutSuffix(inner, ")")
	if role := Role(form); ok && (role == Leader || role == Follower || role == Followers) {
		comma := strings.LastIndexByte(inner, ',')
		partition, err := strconv.ParseInt(inner[comma+1:], 10, 32)
		if closed && comma > 0 && err == nil && partition >= 0 && RoleTarget(role, inner[:comma], int32(partition)) == t {
			return Selector{Role: role, Topic: inner[:comma], Partition: int32(partition)}, nil
		}
		return Selector{}, fmt.Errorf("target %q has no topic and partition: write %s(orders,0), between braces in quotes", string(t), role)
	}
	if ok && closed && Role(form) == TransactionCoordinator && inner != "" && !strings.ContainsAny(inner, "(),") {
		return Selector{Role: TransactionCoordinator, Transactional: inner}, nil
	}
	if ok && closed && Role(form) == Coordinator && inner != "" && !strings.ContainsAny(inner, "(),") {
		return Selector{Role: Coordinator, Group: inner}, nil
	}
	if !ok || !closed || form != "node" && form != string(Client) {
		return Selector{}, fmt.Errorf("unknown target %q: %s", string(t), targetForms)
	}
	id, err := strconv.ParseInt(inner, 10, 32)
	s := Selector{Node: int32(id)}
	if form == string(Client) {
		s.Role = Client
	}
	if err != nil || id < 0 || s.Target() != t {
		return Selector{}, fmt.Errorf("target %q has no %s id: %s", string(t), form, targetForms)
	}
	return s, nil
}

// Target is the form that Target.Selector reads back to the same Selector.
func (s Selector) Target() Target {
	switch {
	case s.Any:
		return Any
	case slices.Contains(words, s.Role):
		return Target(s.Role)
	case s.Role == Coordinator:
		return Target(fmt.Sprintf("%s(%s)", Coordinator, s.Group))
	case s.Role == TransactionCoordinator:
		return Target(fmt.Sprintf("%s(%s)", TransactionCoordinator, s.Transactional))
	case s.Role == Client:
		return Target(fmt.Sprintf("%s(%d)", Client, s.Node))
	case s.Role != "":
		return RoleTarget(s.Role, s.Topic, s.Partition)
	}
	return NodeTarget(s.Node)
}

// Locator tells who has a role now. A role that nobody has, or a partition that does not exist, is
// an error.
type Locator interface {
	// Leader of a partition.
	Leader(ctx context.Context, topic string, partition int32) (node int32, err error)
	// Replicas of a partition, the preferred leader first, up or down.
	Replicas(ctx context.Context, topic string, partition int32) (nodes []int32, err error)
	// Controller that is active.
	Controller(ctx context.Context) (node int32, err error)
}

// GroupLocator tells who coordinates a consumer group now: a capability that a Locator may have.
type GroupLocator interface {
	// Coordinator of a group; it is an error if nobody does.
	Coordinator(ctx context.Context, group string) (node int32, err error)
}

// TransactionLocator tells who coordinates the transactions of a transactional id now: a capability that a Locator may
// have.
type TransactionLocator interface {
	// TransactionCoordinator of a transactional id; it is an error if nobody is.
	TransactionCoordinator(ctx context.Context, transactional string) (node int32, err error)
}

// Asked reports whether the running cluster is asked who the target is.
func (s Selector) Asked() bool {
	return s.Topic != "" || s.Role == Controller || s.Role == Coordinator || s.Role == TransactionCoordinator
}

// Resolve names the node that a target means which needs no look at the cluster: node(0) and any. draw
// returns a number in [0,n) and is called only by forms that choose, so that one seed makes the same
// choices in every run.
func Resolve(t Target, m Members, draw func(n int) int) (int32, error) {
	s, err := t.Selector()
	switch {
	case err != nil:
		return 0, err
	case s.Role != "":
		return 0, fmt.Errorf("target %s: only the running cluster knows who that is", t)
	case s.Any && len(m.Brokers) == 0:
		return 0, fmt.Errorf("target %s: the cluster has no brokers", t)
	case s.Any:
		return m.Brokers[draw(len(m.Brokers))], nil
	case !slices.Contains(m.Nodes, s.Node):
		return 0, fmt.Errorf("target %s: there is no such node, the cluster has %s", t, idList(m.Nodes))
	}
	return s.Node, nil
}

// Locate names the nodes that a target means now, ascending: several where its form says so, one for every
// other form. draw is that of Resolve; where is asked by the forms that name a role in a partition or the
// controller, and may be nil where the timeline has none of them.
func Locate(ctx context.Context, t Target, m Members, draw func(n int) int, where Locator) ([]int32, error) {
	s, err := t.Selector()
	if err != nil {
		return nil, err
	}
	switch s.Role {
	case "":
		node, err := Resolve(t, m, draw)
		if err != nil {
			return nil, err
		}
		return []int32{node}, nil
	case All:
		return slices.Clone(m.Nodes), nil
	case Minority, Majority, Quorum:
		return s.some(m, draw)
	case Client, Clients, Everyone, Nodes:
		return nil, fmt.Errorf("target %s is no node", t)
	}
	if where == nil {
		return nil, fmt.Errorf("target %s: this cluster cannot tell who that is: it lacks the capability Locator", t)
	}
	found, err := s.ask(ctx, where)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", t, err)
	}
	for _, node := range found {
		if !slices.Contains(m.Nodes, node) {
			return nil, fmt.Errorf("target %s is node %d, which this cluster did not start: it has %s", t, node, idList(m.Nodes))
		}
	}
	if s.Role == Follower {
		found = []int32{found[draw(len(found))]}
	}
	return found, nil
}

// some draws as many brokers or voters as the role says.
func (s Selector) some(m Members, draw func(n int) int) ([]int32, error) {
	from, n := m.Brokers, s.size(m)
	if s.Role == Quorum {
		from = m.Voters
	}
	if n == 0 {
		return nil, fmt.Errorf("target %s: there is none in a cluster with %d brokers and %d voters", s.Target(), len(m.Brokers), len(m.Voters))
	}
	left := slices.Clone(from)
	for i := range n {
		k := i + draw(len(left)-i)
		left[i], left[k] = left[k], left[i]
	}
	return slices.Sorted(slices.Values(left[:n])), nil
}

// size is how many nodes Minority, Majority and Quorum are.
func (s Selector) size(m Members) int {
	switch s.Role {
	case Minority:
		return max(0, (len(m.Brokers)-1)/2)
	case Majority:
		if len(m.Brokers) == 0 {
			return 0
		}
		return len(m.Brokers)/2 + 1
	}
	return len(m.Voters) - len(m.Voters)/2
}

// ask asks who has the role; at least one node or an error.
func (s Selector) ask(ctx context.Context, where Locator) ([]int32, error) {
	if s.Role == Controller {
		node, err := where.Controller(ctx)
		return []int32{node}, err
	}
	if s.Role == Coordinator {
		groups, can := where.(GroupLocator)
		if !can {
			return nil, fmt.Errorf("this cluster cannot tell who that is: it lacks the capability GroupLocator")
		}
		node, err := groups.Coordinator(ctx, s.Group)
		return []int32{node}, err
	}
	if s.Role == TransactionCoordinator {
		transactions, can := where.(TransactionLocator)
		if !can {
			return nil, fmt.Errorf("this cluster cannot tell who that is: it lacks the capability TransactionLocator")
		}
		node, err := transactions.TransactionCoordinator(ctx, s.Transactional)
		return []int32{node}, err
	}
	leader, err := where.Leader(ctx, s.Topic, s.Partition)
	if err != nil || s.Role == Leader {
		return []int32{leader}, err
	}
	replicas, err := where.Replicas(ctx, s.Topic, s.Partition)
	if err != nil {
		return nil, err
	}
	followers := slices.DeleteFunc(slices.Sorted(slices.Values(replicas)), func(id int32) bool { return id == leader })
	if len(followers) == 0 {
		return nil, fmt.Errorf("the partition has no follower: node %d is its only replica", leader)
	}
	return followers, nil
}

// idList prints "node 0 only" or "nodes 0, 1, 2".
func idList(ids []int32) string {
	if len(ids) == 1 {
		return fmt.Sprintf("node %d only", ids[0])
	}
	text := make([]string, len(ids))
	for i, id := range ids {
		text[i] = strconv.Itoa(int(id))
	}
	return "nodes " + strings.Join(text, ", ")
}
