package controller

import (
	"cmp"
	"slices"

	"github.com/logproof/logproof/broker/metadata"
)

// place gives the replicas of each partition of a new topic, the preferred leader first. The
// brokers must be at least as many as the replication factor.
//
//   - The replicas of a partition stand in as many racks as there are, then on as many brokers.
//   - Where racks are of one size, or do not bind, no broker gets two replicas more than another.
//   - No broker gets two preferred leaderships more than another if the sets of replicas allow it.
//
// Ties are drawn, so that small topics do not meet on the first broker and the partitions of a
// broker that fails go to many others.
func (m *Machine) place(brokers []metadata.Broker, partitions, replication int) [][]int32 {
	load := newPlacement(brokers)
	assignment := make([][]int32, partitions)
	for p := range assignment {
		m.shuffle(load.brokers)
		assignment[p] = load.pick(replication)
	}
	balanceLeaders(assignment, load.brokers)
	return assignment
}

func (m *Machine) shuffle(brokers []metadata.Broker) {
	for i := len(brokers) - 1; i > 0; i-- {
		j := int(m.draw() % uint64(i+1))
		brokers[i], brokers[j] = brokers[j], brokers[i]
	}
}

// placement counts the replicas that one topic has so far.
type placement struct {
	brokers []metadata.Broker
	// perBroker and perRack count the same replicas.
	perBroker map[int32]int
	perRack   map[string]int
}

func newPlacement(brokers []metadata.Broker) *placement {
	return &placement{brokers: slices.Clone(brokers), perBroker: map[int32]int{}, perRack: map[string]int{}}
}

// pick chooses the replicas of the next partition one by one: of the brokers that are left, in the
// rack that has the fewest replicas of this partition, the one with the fewest of the topic. Between
// such brokers of two racks the rack with fewer of the topic decides, then the order of brokers.
func (l *placement) pick(replication int) []int32 {
	var replicas []int32
	here := map[string]int{}
	for range replication {
		var best *metadata.Broker
		for i := range l.brokers {
			b := &l.brokers[i]
			if !slices.Contains(replicas, b.ID) && (best == nil || l.compare(b, best, here) < 0) {
				best = b
			}
		}
		replicas = append(replicas, best.ID)
		here[best.Rack]++
		l.perBroker[best.ID]++
		l.perRack[best.Rack]++
	}
	return replicas
}

func (l *placement) compare(a, b *metadata.Broker, here map[string]int) int {
	return cmp.Or(
		cmp.Compare(here[a.Rack], here[b.Rack]),
		cmp.Compare(l.perBroker[a.ID], l.perBroker[b.ID]),
		cmp.Compare(l.perRack[a.Rack], l.perRack[b.Rack]),
	)
}

// balanceLeaders puts a leader first in each set of replicas. It begins with the member that leads
// least and then moves leaderships along paths: from a broker to another member of a set that it
// leads, and on, until it reaches one that leads at least two fewer. When there is no such path, no
// choice of leaders is more even (Harvey, Ladner, Lovász, Tamir 2003: semi-matchings).
func balanceLeaders(assignment [][]int32, brokers []metadata.Broker) {
	leads := map[int32]int{}
	for _, replicas := range assignment {
		least := 0
		for i, id := range replicas {
			if leads[id] < leads[replicas[least]] {
				least = i
			}
		}
		replicas[0], replicas[least] = replicas[least], replicas[0]
		leads[replicas[0]]++
	}
	for moved := true; moved; {
		moved = false
		for i := range brokers {
			for relieve(assignment, leads, brokers[i].ID) {
				moved = true
			}
		}
	}
}

// relieve moves one leadership away from a broker along the shortest path that makes leaders more
// even, and reports whether there was one.
func relieve(assignment [][]int32, leads map[int32]int, from int32) bool {
	// via is the partition by which a broker was reached; its leader is the step before.
	via := map[int32]int{}
	reached := []int32{from}
	ledBy := map[int32][]int{}
	for p, replicas := range assignment {
		ledBy[replicas[0]] = append(ledBy[replicas[0]], p)
	}
	for len(reached) > 0 {
		at := reached[0]
		reached = reached[1:]
		if leads[at] <= leads[from]-2 {
			leads[at]++
			leads[from]--
			for at != from {
				replicas := assignment[via[at]]
				before, i := replicas[0], slices.Index(replicas, at)
				replicas[0], replicas[i] = replicas[i], replicas[0]
				at = before
			}
			return true
		}
		for _, p := range ledBy[at] {
			for _, next := range assignment[p][1:] {
				if _, seen := via[next]; !seen && next != from {
					via[next] = p
					reached = append(reached, next)
				}
			}
		}
	}
	return false
}
