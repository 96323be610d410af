package event

import "fmt"

// QuorumLeader is another leader of the metadata quorum, as a voter sees it; -1 is nobody.
type QuorumLeader struct {
	Leader int32 `json:"leader"`
	Term   int32 `json:"term"`
}

// ControllerActive is said by the controller that decides from now on.
type ControllerActive struct {
	Term int32 `json:"term"`
}

// BrokerRegistered is a new process of a broker, still fenced. This and the other events about brokers
// and partitions are emitted by the active controller when they are committed.
type BrokerRegistered struct {
	Broker int32 `json:"broker"`
	Epoch  int64 `json:"epoch"`
}

// BrokerFenced leads nothing and is in no ISR: its session is over, or it asked for it.
type BrokerFenced struct {
	Broker int32 `json:"broker"`
	Epoch  int64 `json:"epoch"`
}

// BrokerUnfenced may lead and be in an ISR.
type BrokerUnfenced struct {
	Broker int32 `json:"broker"`
	Epoch  int64 `json:"epoch"`
}

// BrokerStopping hands its leaderships over (controlled shutdown).
type BrokerStopping struct {
	Broker int32 `json:"broker"`
	Epoch  int64 `json:"epoch"`
}

// LeaderElected begins a leadership term; Leader is -1 if nobody can lead.
type LeaderElected struct {
	Topic       string  `json:"topic"`
	Partition   int32   `json:"partition"`
	Leader      int32   `json:"leader"`
	LeaderEpoch int32   `json:"leader_epoch"`
	ISR         []int32 `json:"isr"`
	ELR         []int32 `json:"elr,omitempty"`
	// Unclean is set if committed records may have been lost by the election.
	Unclean bool `json:"unclean,omitempty"`
}

// ISRChanged is a change of the in-sync replicas within a term; Before is what they were.
type ISRChanged struct {
	Topic          string  `json:"topic"`
	Partition      int32   `json:"partition"`
	Before         []int32 `json:"before"`
	ISR            []int32 `json:"isr"`
	ELR            []int32 `json:"elr,omitempty"`
	PartitionEpoch int32   `json:"partition_epoch"`
}

// Reassigned is a partition whose reassignment has begun, has changed or is over.
type Reassigned struct {
	Topic     string  `json:"topic"`
	Partition int32   `json:"partition"`
	Replicas  []int32 `json:"replicas"`
	// Adding and Removing are those of Replicas that the reassignment brings and takes away; both are
	// empty when it is over.
	Adding   []int32 `json:"adding,omitempty"`
	Removing []int32 `json:"removing,omitempty"`
}

// BecameLeader is said by the broker that leads from now on; it has taken the term over.
type BecameLeader struct {
	Topic         string `json:"topic"`
	Partition     int32  `json:"partition"`
	LeaderEpoch   int32  `json:"leader_epoch"`
	LogEnd        int64  `json:"log_end"`
	HighWatermark int64  `json:"high_watermark"`
}

// BecameFollower is said by a broker that follows from now on; Leader is -1 if there is none.
type BecameFollower struct {
	Topic       string `json:"topic"`
	Partition   int32  `json:"partition"`
	Leader      int32  `json:"leader"`
	LeaderEpoch int32  `json:"leader_epoch"`
	LogEnd      int64  `json:"log_end"`
}

// LogTruncated is a follower that cut what its leader does not have.
type LogTruncated struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from"`
	To        int64  `json:"to"`
	// Unclean is set if it knew some of that to be committed.
	Unclean bool `json:"unclean,omitempty"`
}

// SegmentDamaged is a segment that is not as it was written: bit rot. Nothing is read from it any more.
type SegmentDamaged struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	// File of the segment, and the byte of the batch that is not as it was.
	File     string `json:"file"`
	Position int64  `json:"position"`
	// From is its first offset, To the one after its last; -1 if recovery found it, which looks no further.
	From   int64  `json:"from"`
	To     int64  `json:"to"`
	Reason string `json:"reason"`
}

// SegmentQuarantined is a damaged segment that was set aside: the replica fetches everything from its first
// offset on from the leader again.
type SegmentQuarantined struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	// File that nobody reads any more.
	File string `json:"file"`
	// From is where the log ends now, To where it ended; -1 if it was not open.
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// SegmentRefilled is a replica that has everything again that it had set aside, and what was committed meanwhile.
type SegmentRefilled struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	// File that was set aside.
	File string `json:"file"`
	// From is where it was fetched again, To where the log ends now.
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Name implements Event.
func (SegmentDamaged) Name() string { return "segment-damaged" }

// Name implements Event.
func (SegmentQuarantined) Name() string { return "segment-quarantined" }

// Name implements Event.
func (SegmentRefilled) Name() string { return "segment-refilled" }

// String implements Event.
func (e SegmentRefilled) String() string {
	return fmt.Sprintf("%s-%d has offsets %d to %d again, in place of %s", e.Topic, e.Partition, e.From, e.To-1, e.File)
}

// String implements Event.
func (e SegmentDamaged) String() string {
	if e.To < 0 {
		return fmt.Sprintf("%s is damaged at byte %d, offset %d: %s", e.File, e.Position, e.From, e.Reason)
	}
	return fmt.Sprintf("%s is damaged at byte %d: %s; its offsets %d to %d are not served", e.File, e.Position, e.Reason, e.From, e.To-1)
}

// String implements Event.
func (e SegmentQuarantined) String() string {
	return fmt.Sprintf("%s was set aside: %s-%d is fetched again from offset %d on", e.File, e.Topic, e.Partition, e.From)
}

// Name implements Event.
func (QuorumLeader) Name() string { return "quorum-leader" }

// Name implements Event.
func (ControllerActive) Name() string { return "controller-active" }

// Name implements Event.
func (BrokerRegistered) Name() string { return "broker-registered" }

// Name implements Event.
func (BrokerFenced) Name() string { return "broker-fenced" }

// Name implements Event.
func (BrokerUnfenced) Name() string { return "broker-unfenced" }

// Name implements Event.
func (BrokerStopping) Name() string { return "broker-stopping" }

// Name implements Event.
func (LeaderElected) Name() string { return "leader-elected" }

// Name implements Event.
func (ISRChanged) Name() string { return "isr-changed" }

// Name implements Event.
func (Reassigned) Name() string { return "reassigned" }

// Name implements Event.
func (BecameLeader) Name() string { return "became-leader" }

// Name implements Event.
func (BecameFollower) Name() string { return "became-follower" }

// Name implements Event.
func (LogTruncated) Name() string { return "log-truncated" }

// String implements Event.
func (e QuorumLeader) String() string {
	if e.Leader < 0 {
		return fmt.Sprintf("the metadata quorum has no leader in term %d", e.Term)
	}
	return fmt.Sprintf("node %d leads the metadata quorum in term %d", e.Leader, e.Term)
}

// String implements Event.
func (e ControllerActive) String() string { return fmt.Sprintf("is the controller in term %d", e.Term) }

// String implements Event.
func (e BrokerRegistered) String() string {
	return fmt.Sprintf("broker %d registered, with epoch %d", e.Broker, e.Epoch)
}

// String implements Event.
func (e BrokerFenced) String() string { return fmt.Sprintf("broker %d is fenced", e.Broker) }

// String implements Event.
func (e BrokerUnfenced) String() string { return fmt.Sprintf("broker %d is unfenced", e.Broker) }

// String implements Event.
func (e BrokerStopping) String() string {
	return fmt.Sprintf("broker %d hands over what it leads", e.Broker)
}

// String implements Event.
func (e LeaderElected) String() string {
	place := fmt.Sprintf("%s-%d, leader epoch %d", e.Topic, e.Partition, e.LeaderEpoch)
	switch {
	case e.Leader < 0:
		return place + ": nobody can lead"
	case e.Unclean:
		return fmt.Sprintf("%s: broker %d leads, elected uncleanly: records may be lost", place, e.Leader)
	}
	return fmt.Sprintf("%s: broker %d leads, ISR %v", place, e.Leader, e.ISR)
}

// String implements Event.
func (e ISRChanged) String() string {
	return fmt.Sprintf("%s-%d: ISR %v, it was %v", e.Topic, e.Partition, e.ISR, e.Before)
}

// String implements Event.
func (e Reassigned) String() string {
	if len(e.Adding)+len(e.Removing) == 0 {
		return fmt.Sprintf("%s-%d has replicas %v", e.Topic, e.Partition, e.Replicas)
	}
	return fmt.Sprintf("%s-%d has replicas %v until %v have joined and %v can go", e.Topic, e.Partition, e.Replicas, e.Adding, e.Removing)
}

// String implements Event.
func (e BecameLeader) String() string {
	return fmt.Sprintf("leads %s-%d in epoch %d, from offset %d", e.Topic, e.Partition, e.LeaderEpoch, e.LogEnd)
}

// String implements Event.
func (e BecameFollower) String() string {
	if e.Leader < 0 {
		return fmt.Sprintf("%s-%d has no leader in epoch %d", e.Topic, e.Partition, e.LeaderEpoch)
	}
	return fmt.Sprintf("follows broker %d in %s-%d in epoch %d, from offset %d", e.Leader, e.Topic, e.Partition, e.LeaderEpoch, e.LogEnd)
}

// String implements Event.
func (e LogTruncated) String() string {
	text := fmt.Sprintf("%s-%d truncated from offset %d to %d", e.Topic, e.Partition, e.From, e.To)
	if e.Unclean {
		text += ": committed records went"
	}
	return text
}
