package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/logproof/logproof/verify/history"
)

// Profile is what a system promises where the settings of clients and topics are the same.
type Profile struct {
	// Name as scenarios write it.
	Name string
	// Title for people.
	Title string
	// TransactionVersion 2 is KIP-890: an end of a transaction that arrives late cannot decide the next one.
	TransactionVersion int
	// EligibleReplicas is KIP-966: who was in sync stays known when the ISR shrinks below min ISR.
	EligibleReplicas bool
	// SyncsFirst says that what is acknowledged is on disks, not in the memory of machines.
	SyncsFirst bool
	// Majority says that records are committed by a majority of the replicas and not by an ISR.
	Majority bool
}

// Profiles lists the systems whose claims are known.
func Profiles() []Profile { return profiles }

var profiles = []Profile{
	{Name: "reference", Title: "the reference broker", TransactionVersion: 2, EligibleReplicas: true, SyncsFirst: true},
	{Name: "kafka-3", Title: "Apache Kafka 3.x", TransactionVersion: 1},
	{Name: "kafka-4", Title: "Apache Kafka 4.x", TransactionVersion: 2, EligibleReplicas: true},
	{Name: "redpanda", Title: "Redpanda", TransactionVersion: 1, SyncsFirst: true, Majority: true},
}

// ProfileOf finds a profile by its name; false if there is none.
func ProfileOf(name string) (Profile, bool) {
	for _, p := range profiles {
		if p.Name == name {
			return p, true
		}
	}
	return Profile{}, false
}

// TopicClaim is what the settings of a topic promise.
type TopicClaim struct {
	// Replicas of each partition, and MinISR of them that must be in sync (min.insync.replicas).
	Replicas int `json:"replicas"`
	MinISR   int `json:"min_isr"`
	// InSync is how many were in sync when each fault struck; 0 where nobody saw to that: then MinISR counts.
	InSync int `json:"in_sync,omitempty"`
	// Unclean is unclean.leader.election.enable.
	Unclean bool `json:"unclean,omitempty"`
}

// Claim is what a run was set up to promise. An anomaly that it does not promise to prevent fails no rule: it is
// reported beside, with the setting that would forbid it.
type Claim struct {
	// Profile is the Name of the system's profile.
	Profile string `json:"profile"`
	// Producer is the level of all producers.
	Producer Level `json:"producer"`
	// Groups is the level of each group, by its name.
	Groups map[string]Level `json:"groups,omitempty"`
	// Topics by name. One that is not here promises what two replicas in sync do.
	Topics map[string]TopicClaim `json:"topics,omitempty"`
	// TransactionVersion that was set, if it is not that of the profile; 0 else.
	TransactionVersion int `json:"transaction_version,omitempty"`
	// Unsynced says that nodes acknowledge what is not on their disks, and that whoever ends one by force takes
	// that from it: then a kill is a loss of data.
	Unsynced bool `json:"unsynced,omitempty"`
}

// validate lists what is wrong with a claim.
func (c *Claim) validate() (errs []error) {
	if c == nil {
		return nil
	}
	if _, ok := ProfileOf(c.Profile); !ok {
		errs = append(errs, fmt.Errorf("unknown profile %q: known are %s", c.Profile, strings.Join(profileNames(), ", ")))
	}
	if info, ok := LevelOf(c.Producer); !ok || info.Consumer {
		errs = append(errs, fmt.Errorf("%q is no level of producers: see logproof explain", c.Producer))
	}
	for _, name := range sortedKeys(c.Groups) {
		if info, ok := LevelOf(c.Groups[name]); !ok || !info.Consumer {
			errs = append(errs, fmt.Errorf("group %s: %q is no level of consumers: see logproof explain", name, c.Groups[name]))
		}
	}
	for _, name := range sortedKeys(c.Topics) {
		if t := c.Topics[name]; t.MinISR < 1 || t.Replicas < 1 {
			errs = append(errs, fmt.Errorf("topic %s: %d replicas and min ISR %d: want 1 or more", name, t.Replicas, t.MinISR))
		}
	}
	return errs
}

func profileNames() (names []string) {
	for _, p := range profiles {
		names = append(names, p.Name)
	}
	return names
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// gone are the classes of records that were there and are not.
var gone = []Class{LostWrite, ReadThenGone}

// Excuses lists what the claim does not promise to prevent in one topic, if wiped replicas lost their data at once. The group
// is that of the anomaly, "" for none.
func (c *Claim) Excuses(topic, group string, wiped int) (list []Excuse) {
	if c == nil {
		return nil
	}
	if info, ok := LevelOf(c.Producer); ok {
		list = append(list, info.Excuses...)
	}
	if info, ok := LevelOf(c.Groups[group]); ok {
		list = append(list, info.Excuses...)
	}
	profile, _ := ProfileOf(c.Profile)
	version := profile.TransactionVersion
	if c.TransactionVersion != 0 {
		version = c.TransactionVersion
	}
	if version < 2 && c.Producer == TransactionalProducer {
		list = append(list, lateEnd)
	}
	t, ok := c.Topics[topic]
	if !ok {
		t = TopicClaim{Replicas: 2, MinISR: 2}
	}
	if t.Unclean {
		list = append(list, Excuse{append([]Class{InconsistentOffsets, NonmonotonicAppend, NonmonotonicPoll}, gone...),
			"unclean.leader.election.enable=false", "a replica that lacks committed records may lead"})
	}
	return append(list, t.excuse(profile, wiped, c.Unsynced)...)
}

// lateEnd is KAFKA-17754: under transaction version 1 all transactions of a producer have one epoch, and an
// EndTxn that arrives late ends the next one.
var lateEnd = Excuse{
	Classes: []Class{AbortedRead, ReadEarly, TornTransaction, LostCommit, CommittedAbort, WrongMarker},
	Forbid:  "transaction.version=2 (KIP-890)", Because: "an end of a transaction that arrives late may decide the next one (KAFKA-17754)",
}

// excuse is what a topic does not promise when so many replicas lose their data at once.
func (t TopicClaim) excuse(p Profile, wiped int, unsynced bool) []Excuse {
	survives := max(t.MinISR, t.InSync) - 1
	if p.Majority {
		survives = (t.Replicas - 1) / 2
	}
	lost := fmt.Sprintf("%d of %d replicas lost their data at once", wiped, t.Replicas)
	switch {
	case wiped == 0:
		return nil
	case wiped > survives && p.Majority:
		return []Excuse{{gone, "more replicas", lost + ", and a minority may"}}
	case wiped > survives:
		forbid := fmt.Sprintf("min.insync.replicas=%d", min(wiped+1, max(t.Replicas, 2)))
		if unsynced {
			forbid = "syncing before acknowledging (flush.messages=1, of the reference broker flush: commit)"
		}
		return []Excuse{{gone, forbid, lost + fmt.Sprintf(", and with %d in sync %d may", survives+1, survives)}}
	case !p.EligibleReplicas && !p.SyncsFirst:
		return []Excuse{{gone, "eligible.leader.replicas.version=1 (KIP-966, Kafka 4.0)", lost + ", and the last one in the ISR may lead again without it"}}
	}
	return nil
}

// forgives reports whether the claim allows that records are lost in any of its topics.
func (c *Claim) forgives(wiped int) bool {
	if c == nil {
		return false
	}
	for _, topic := range append(sortedKeys(c.Topics), "") {
		for _, e := range c.Excuses(topic, "", wiped) {
			if slices.Contains(e.Classes, LostWrite) {
				return true
			}
		}
	}
	return false
}

// wipes counts the replicas that are without their data at once, from the faults of a history.
type wipes struct {
	claim *Claim
	open  map[int32][]string // by the fault's index: the nodes that it struck
	most  int
}

// destroys reports whether a fault takes data from the nodes that it strikes.
func (w *wipes) destroys(fault string) bool {
	switch fault {
	case "disk-loss":
		return true
	case "power-loss", "kill":
		return w.claim.Unsynced
	}
	return false
}

func (w *wipes) observe(op *history.Operation) {
	if w.claim == nil || op.Kind != history.Fault || !w.destroys(op.Fault.Fault) {
		return
	}
	switch op.Fault.Stage {
	case history.Inject:
		if op.Outcome == history.Fail {
			return
		}
		if w.open == nil {
			w.open = map[int32][]string{}
		}
		_, nodes, _ := strings.Cut(op.Fault.Target, " ") // "node 0", "nodes 1, 2"
		w.open[op.Fault.Index] = strings.Split(nodes, ", ")
		struck := map[string]bool{}
		for _, list := range w.open {
			for _, node := range list {
				struck[node] = true
			}
		}
		w.most = max(w.most, len(struck))
	case history.ProveHealed:
		if op.Outcome == history.OK {
			delete(w.open, op.Fault.Index)
		}
	}
}
