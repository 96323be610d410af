package sim

// Mark is a rare situation that a campaign must have met: if it never did, the campaign shows less
// than it seems to.
type Mark uint8

// The reach marks.
const (
	TornTailCut Mark = iota
	UnsyncedLost
	RecoveredWhole
	PowerLostInSync
	KilledInSync
	DiskLost
	DuplicateAnswered
	DuplicateAfterCrash
	SequenceRefused
	GroupCommit
	SyncAgainWhileSyncing
	SegmentRolled
	FetchWoken
	FetchExpired
	RequestGivenUp
	ProduceTimedOut
	AnswerLost
	RequestLost
	ConnectionRefused
	PacketHeld
	ConnectionsOvertook
	NotEnoughReplicas
	NotEnoughAfterAppend
	FetchFenced
	FollowerFenced
	WatermarkByBehind
	Truncated
	ElectedFromELR
	Leaderless
	ISRShrunk
	ShrinkInFlight
	ControllerFailover
	ImageInstalled
	Refilled
	Released
	DuplicateByNewLeader
	Reassigned
	ReassignmentCancelled
	DiskStopped
	RotRefilled
	CoordinatorMoved
	CommitMoved
	JoinMoved
	LoadAnswered
	CommitFenced
	MemberExpired
	MemberExpiredSyncing
	InstanceFenced
	StaticReturned
	AssignmentSkipped
	PartitionKept
	LogCompacted
	CompactedWhileSyncing
	TombstoneGone
	OffsetsCompacted
	CoordinatorEndedOngoing
	CoordinatorEndedCommitting
	CoordinatorEndedAborting
	CoordinatorEndedMarking
	ProducerFenced
	ZombieFenced
	WorkerFenced
	OffsetsFenced
	OffsetsUnstable
	TransactionWaited
	AbortDecided
	MarkerRepeated
	marks // their number
)

// markNames say what happened, as reports print it.
var markNames = [marks]string{
	OffsetsCompacted:           "offsets of groups compacted",
	TornTailCut:                "torn tail cut",
	UnsyncedLost:               "unsynced records lost with the power",
	RecoveredWhole:             "log recovered whole after a crash",
	PowerLostInSync:            "power lost between sync and answer",
	DiskLost:                   "disk of a broker lost",
	KilledInSync:               "killed between sync and answer",
	DuplicateAnswered:          "duplicate answered from producer state",
	DuplicateAfterCrash:        "produce retried after crash between append and answer",
	SequenceRefused:            "batch refused as out of order",
	GroupCommit:                "several answers from one sync",
	SyncAgainWhileSyncing:      "append while a sync was under way",
	SegmentRolled:              "segment rolled",
	FetchWoken:                 "fetch woken by commit",
	FetchExpired:               "fetch answered empty when its wait was over",
	RequestGivenUp:             "request given up while its node was paused",
	ProduceTimedOut:            "produce answered as timed out before its sync",
	AnswerLost:                 "answer lost with its connection",
	RequestLost:                "request lost with its node",
	ConnectionRefused:          "connection refused by a dead process",
	PacketHeld:                 "packet held by a cut link",
	NotEnoughReplicas:          "produce refused: not enough replicas",
	NotEnoughAfterAppend:       "produce refused after append: not enough replicas",
	FollowerFenced:             "fetch of a follower refused: another leader epoch or life",
	WatermarkByBehind:          "high watermark told to a follower that waited",
	Truncated:                  "log truncated where it diverges from the leader's",
	ElectedFromELR:             "leader elected from the ELR",
	Leaderless:                 "partition without a leader",
	ISRShrunk:                  "ISR shrunk",
	ShrinkInFlight:             "ISR shrunk while the leader's proposal was under way",
	ControllerFailover:         "another controller while proposals were under way",
	ImageInstalled:             "image of the metadata in place of its log",
	Released:                   "broker released by a controlled shutdown",
	Refilled:                   "replica refilled after its disk was lost",
	DuplicateByNewLeader:       "duplicate answered by a leader that did not append it",
	Reassigned:                 "replica moved to another broker",
	ReassignmentCancelled:      "reassignment cancelled",
	DiskStopped:                "node stopped itself because of its disk",
	RotRefilled:                "rotten segment fetched again",
	FetchFenced:                "fetch refused: another leader epoch",
	CoordinatorMoved:           "coordinator of a group moved to another broker",
	CommitMoved:                "coordinator moved while a commit was in flight",
	JoinMoved:                  "coordinator moved while a join was open",
	LoadAnswered:               "request answered while groups were loaded",
	CommitFenced:               "commit of a former member or generation refused",
	MemberExpired:              "session of a member over",
	MemberExpiredSyncing:       "member removed that had joined and did not sync",
	InstanceFenced:             "static member fenced by another process",
	StaticReturned:             "static member came back without a rebalance",
	AssignmentSkipped:          "leader that came back told not to assign",
	PartitionKept:              "member kept a partition through a rebalance",
	CoordinatorEndedOngoing:    "coordinator ended while a transaction was ongoing",
	CoordinatorEndedCommitting: "coordinator ended when it had decided to commit",
	CoordinatorEndedAborting:   "coordinator ended when it had decided to abort",
	CoordinatorEndedMarking:    "coordinator ended between two markers",
	ProducerFenced:             "transactional producer told that its epoch is over",
	ZombieFenced:               "zombie of a transactional id fenced",
	WorkerFenced:               "worker fenced by another process of its transactional id",
	OffsetsFenced:              "offsets of a former generation refused in a transaction",
	OffsetsUnstable:            "offsets asked for while a transaction held them",
	TransactionWaited:          "request told to wait for the transaction before",
	AbortDecided:               "coordinator decided to abort",
	MarkerRepeated:             "marker written where its transaction was ended already",
	LogCompacted:               "replica of a compacted topic compacted",
	CompactedWhileSyncing:      "log compacted while a sync was under way",
	TombstoneGone:              "tombstone compacted away",
	ConnectionsOvertook:        "request of a given-up connection arrived late",
}

func (m Mark) String() string { return markNames[m] }

// Marks counts how often each mark was reached.
type Marks [marks]uint64

// Add sums the counts of two runs.
func (m *Marks) Add(other Marks) {
	for i, n := range other {
		m[i] += n
	}
}

// Missed lists the marks that were never reached.
func (m *Marks) Missed() (missed []Mark) {
	for i, n := range m {
		if n == 0 {
			missed = append(missed, Mark(i))
		}
	}
	return missed
}
