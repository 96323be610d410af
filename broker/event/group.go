package event

import "fmt"

// GroupRebalanced is a consumer group whose members have a new assignment, or that has no members any more. It is said
// by the coordinator of the group.
type GroupRebalanced struct {
	Group      string `json:"group"`
	Generation int32  `json:"generation"`
	Members    int    `json:"members"`
	// Protocol is the assignor; "" if there are no members.
	Protocol string `json:"protocol,omitempty"`
	// Reason is what began the rebalance, Milliseconds how long it took from then on.
	Reason       string `json:"reason,omitempty"`
	Milliseconds int64  `json:"milliseconds"`
}

// GroupMemberExpired is a member that was taken out of its group because nothing was heard of it.
type GroupMemberExpired struct {
	Group  string `json:"group"`
	Member string `json:"member"`
	Reason string `json:"reason"`
}

// CoordinatorLoaded is a broker that coordinates the groups of a partition of __consumer_offsets from now on.
type CoordinatorLoaded struct {
	Partition   int32 `json:"partition"`
	LeaderEpoch int32 `json:"leader_epoch"`
	Groups      int   `json:"groups"`
	Offsets     int   `json:"offsets"`
	// Records that were read, and how many of them could not be understood.
	Records      int   `json:"records"`
	Unreadable   int   `json:"unreadable,omitempty"`
	Milliseconds int64 `json:"milliseconds"`
}

// Name implements Event.
func (GroupRebalanced) Name() string { return "group-rebalanced" }

// Name implements Event.
func (GroupMemberExpired) Name() string { return "group-member-expired" }

// Name implements Event.
func (CoordinatorLoaded) Name() string { return "coordinator-loaded" }

// String implements Event.
func (e GroupRebalanced) String() string {
	if e.Members == 0 {
		return fmt.Sprintf("group %s is empty in generation %d (%s)", e.Group, e.Generation, e.Reason)
	}
	return fmt.Sprintf("group %s has %d members in generation %d, by %s, after %d ms (%s)", e.Group, e.Members, e.Generation, e.Protocol, e.Milliseconds, e.Reason)
}

// String implements Event.
func (e GroupMemberExpired) String() string {
	return fmt.Sprintf("group %s goes on without %s: %s", e.Group, e.Member, e.Reason)
}

// String implements Event.
func (e CoordinatorLoaded) String() string {
	text := fmt.Sprintf("coordinates %d groups with %d offsets of __consumer_offsets-%d in epoch %d, after %d ms", e.Groups, e.Offsets, e.Partition, e.LeaderEpoch, e.Milliseconds)
	if e.Unreadable > 0 {
		text += fmt.Sprintf("; %d of %d records could not be understood", e.Unreadable, e.Records)
	}
	return text
}
