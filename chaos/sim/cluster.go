package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/logproof/logproof/chaos/timeline"
)

// Cluster that is simulated. The zero value draws one from the seed: mostly three controllers and three
// brokers as nodes of their own.
type Cluster struct {
	// Brokers have the ids from 0 on.
	Brokers int
	// Controllers have the ids from 100 on. With none the first brokers are controllers too: three of
	// them, or one where there are fewer.
	Controllers int
	// Replication factor of the topic, at most Brokers, and its min.insync.replicas.
	Replication, MinISR int
}

// firstController is the id of the first node that is a controller only.
const firstController int32 = 100

func (c Cluster) validate() error {
	switch {
	case c == Cluster{}:
		return nil
	case c.Brokers < 1 || c.Brokers > int(firstController) || c.Controllers < 0:
		return errors.New("a cluster needs 1 to 100 brokers, and no negative number of controllers")
	case c.Replication < 1 || c.Replication > c.Brokers || c.MinISR < 1 || c.MinISR > c.Replication:
		return fmt.Errorf("replication factor %d and min ISR %d: want 1 to %d, and 1 to the factor", c.Replication, c.MinISR, c.Brokers)
	}
	return nil
}

// drawCluster draws the number of replicas, and around it a cluster. Every third is of another kind
// than three controllers and three brokers.
func drawCluster(rng *rand.Rand) Cluster {
	c := Cluster{Brokers: 3, Controllers: 3, Replication: 3, MinISR: 2}
	kind, minISR := rng.IntN(12), rng.IntN(5)
	switch kind {
	case 0, 1:
		c.MinISR = 1 + minISR%3
	case 2:
		c = Cluster{Brokers: 1 + rng.IntN(3), Controllers: rng.IntN(2), Replication: 1, MinISR: 1}
	case 3:
		c = Cluster{Brokers: 2 + rng.IntN(2), Controllers: 1, Replication: 2, MinISR: 1 + minISR%2}
	case 4:
		c = Cluster{Brokers: 5, Controllers: 3, Replication: 5, MinISR: 1 + minISR%5}
	case 5:
		c = Cluster{Brokers: 3, Replication: 3, MinISR: 1 + minISR%3}
	}
	return c
}

// member is a node of the cluster, as all nodes know it.
type member struct {
	id                 int32
	broker, controller bool
}

// members lists the brokers, and after them the nodes that are controllers only.
func (c Cluster) members() (all []member) {
	combined := 0
	if c.Controllers == 0 {
		if combined = 1; c.Brokers >= 3 {
			combined = 3
		}
	}
	for i := range c.Brokers {
		all = append(all, member{int32(i), true, i < combined})
	}
	for i := range c.Controllers {
		all = append(all, member{firstController + int32(i), false, true})
	}
	return all
}

// ids of the members by what they are, as a timeline needs them.
func (c Cluster) ids() (m timeline.Members) {
	for _, one := range c.members() {
		m.Nodes = append(m.Nodes, one.id)
		if one.broker {
			m.Brokers = append(m.Brokers, one.id)
		}
		if one.controller {
			m.Voters = append(m.Voters, one.id)
		}
	}
	return m
}

// hostName is the address of a node's machine. Clients and peers find its listeners by port.
func hostName(id int32) string { return fmt.Sprintf("node-%d", id) }

const (
	clientPort int32 = 9092
	peerPort   int32 = 9100
)
