package controller

import (
	"fmt"
	"slices"
	"testing"

	"github.com/logproof/logproof/broker/metadata"
)

// racked gives brokers, perRack in each of the racks.
func racked(perRack ...int) (list []metadata.Broker) {
	for rack, n := range perRack {
		for range n {
			list = append(list, metadata.Broker{ID: int32(len(list) + 1), Rack: fmt.Sprint("rack ", rack)})
		}
	}
	return list
}

// spread counts how far apart the most and the least loaded of the brokers are.
func spread(brokers []metadata.Broker, load map[int32]int) int {
	least, most := load[brokers[0].ID], load[brokers[0].ID]
	for _, b := range brokers {
		least, most = min(least, load[b.ID]), max(most, load[b.ID])
	}
	return most - least
}

func TestPlacementIsEven(t *testing.T) {
	for _, layout := range [][]int{{1}, {3}, {5}, {8}, {1, 1, 1}, {2, 2}, {2, 2, 2}, {4, 4, 4}, {3, 3, 3, 3}} {
		brokers := racked(layout...)
		for partitions := 1; partitions <= 25; partitions++ {
			for replication := 1; replication <= len(brokers); replication++ {
				m := newMachine(uint64(partitions * replication))
				replicas, leaders := map[int32]int{}, map[int32]int{}
				for p, list := range m.place(brokers, partitions, replication) {
					leaders[list[0]]++
					racks := map[string]int{}
					for i, id := range list {
						replicas[id]++
						racks[brokers[id-1].Rack]++
						if slices.Contains(list[:i], id) {
							t.Fatalf("racks %v: partition %d: %v names a broker twice", layout, p, list)
						}
					}
					if len(list) != replication || len(racks) != min(replication, len(layout)) {
						t.Fatalf("racks %v: partition %d: %v stands in racks %v", layout, p, list, racks)
					}
				}
				if spread(brokers, replicas) > 1 || spread(brokers, leaders) > 1 {
					t.Fatalf("racks %v, %d partitions, replication %d: replicas %v, leaders %v", layout, partitions, replication, replicas, leaders)
				}
			}
		}
	}
}

// Where racks differ in size, to spread over racks comes first; the brokers of one rack still share
// evenly.
func TestPlacementOverUnevenRacks(t *testing.T) {
	for _, layout := range [][]int{{1, 3}, {2, 4, 1}, {5, 1}} {
		brokers := racked(layout...)
		for replication := 1; replication <= len(brokers); replication++ {
			m := newMachine(uint64(replication))
			replicas, perRack := map[int32]int{}, map[string][]metadata.Broker{}
			for _, b := range brokers {
				perRack[b.Rack] = append(perRack[b.Rack], b)
			}
			for p, list := range m.place(brokers, 12, replication) {
				racks := map[string]bool{}
				for _, id := range list {
					replicas[id]++
					racks[brokers[id-1].Rack] = true
				}
				if len(racks) != min(replication, len(layout)) {
					t.Errorf("racks %v: partition %d: %v stands in racks %v", layout, p, list, racks)
				}
			}
			for rack, members := range perRack {
				if spread(members, replicas) > 1 {
					t.Errorf("racks %v, replication %d: %s has %v", layout, replication, rack, replicas)
				}
			}
		}
	}
}

// Who leads least when a partition is looked at may lead too much in the end: 1 and 2 would lead two
// partitions each. What no choice makes even is left as it is.
func TestLeadersMoveAlongPaths(t *testing.T) {
	brokers := racked(4)
	assignment := [][]int32{{1, 3}, {2, 4}, {1, 2}, {1, 2}}
	balanceLeaders(assignment, brokers)
	leaders := map[int32]int{}
	for _, replicas := range assignment {
		leaders[replicas[0]]++
	}
	if spread(brokers, leaders) != 0 {
		t.Errorf("leaders %v: want 1 each", leaders)
	}
	stuck := [][]int32{{1, 2}, {1, 2}, {1, 2}, {3, 1}}
	balanceLeaders(stuck, brokers)
	if stuck[3][0] != 3 || stuck[0][0] == stuck[1][0] && stuck[1][0] == stuck[2][0] {
		t.Errorf("leaders of %v: want 3 for the last, 1 and 2 for the others", stuck)
	}
}

// The partitions of one broker have their other replicas on many: those take over if it fails.
func TestPlacementMixesPartners(t *testing.T) {
	partners := map[int32]bool{}
	for _, list := range newMachine(1).place(racked(8), 80, 3) {
		if slices.Contains(list, 1) {
			for _, id := range list {
				partners[id] = true
			}
		}
	}
	if len(partners) != 8 {
		t.Errorf("broker 1 shares partitions with %v: want all 7 others", partners)
	}
}
