package verify

// Level is how a producer or the members of a group were set up, and so what they were promised.
type Level string

// The levels of producers. Each promises what the one before it does, except that from LeaderAcks on a record may
// be repeated, and only IdempotentProducer takes that back.
const (
	// NoAcks: acks=0, at most once.
	NoAcks Level = "none"
	// LeaderAcks: acks=1, the leader alone has the record.
	LeaderAcks Level = "leader"
	// AllAcks: acks=all, every in-sync replica has the record, and min.insync.replicas says how many those are.
	AllAcks Level = "all"
	// IdempotentProducer: AllAcks and enable.idempotence=true (KIP-98).
	IdempotentProducer Level = "idempotent"
	// TransactionalProducer: IdempotentProducer and a transactional.id (KIP-98).
	TransactionalProducer Level = "transactional"
)

// The levels of groups of consumers.
const (
	// CommitBefore: positions are committed before what stands below them is processed, at most once.
	CommitBefore Level = "before"
	// CommitAfter: positions are committed after what stands below them was processed, at least once.
	CommitAfter Level = "after"
	// AutoCommit: the client commits the positions of the poll before.
	AutoCommit Level = "auto"
	// CommitInTransaction: positions are committed in the transaction that carries the results (KIP-447), exactly once.
	CommitInTransaction Level = "transaction"
)

// Excuse is what a setup does not promise: anomalies that are no violation of it.
type Excuse struct {
	// Classes that may occur.
	Classes []Class
	// Forbid is the setting under which they may not.
	Forbid string
	// Because says in a clause why they may occur.
	Because string
}

// LevelInfo is one line of the table of levels.
type LevelInfo struct {
	Level Level
	// Code is the name that the research has for it (verification.md 6.1): "P0" to "P5", "C0" to "C3".
	Code string
	// Consumer is set for the levels of groups.
	Consumer bool
	// Promise is the name of what it amounts to: "at most once".
	Promise string
	// Settings of client, topic and broker that make it.
	Settings []string
	// Holds says what can be relied on, Not what cannot.
	Holds, Not string
	// Excuses are the anomalies that it does not promise to prevent. All other classes are asserted.
	Excuses []Excuse
}

// repeats is what a producer that is not idempotent may do.
var repeats = Excuse{
	Classes: []Class{Duplicate, NonmonotonicSend}, Forbid: "enable.idempotence=true",
	Because: "a request that is sent again after its answer was lost is appended again, behind what was sent meanwhile",
}

// Levels lists every level, the weakest first, producers before groups.
func Levels() []LevelInfo { return levelTable }

var levelTable = []LevelInfo{
	{
		Level: NoAcks, Code: "P0", Promise: "at most once", Settings: []string{"acks=0"},
		Holds: "what is read was sent, once and unchanged; the records of one connection keep their order",
		Not:   "that a record arrives: the producer is not told of any failure",
		Excuses: []Excuse{
			{[]Class{LostWrite}, "acks=all", "with acks=0 nobody says that a record arrived"},
			{[]Class{NonmonotonicSend}, "enable.idempotence=true", "with acks=0 the order holds within a connection, and a client opens a new one when it loses one"},
		},
	},
	{
		Level: LeaderAcks, Code: "P1", Promise: "none across a change of leaders", Settings: []string{"acks=1"},
		Holds: "the leader had appended the record when it answered; what a reader was given stays",
		Not:   "that an acknowledged record is still there after another leader was elected, be it by plan (KAFKA-20554); that it stands there once",
		Excuses: []Excuse{
			{[]Class{LostWrite}, "acks=all", "with acks=1 the leader answers alone, and the next leader need not have the record"},
			repeats,
		},
	},
	{
		Level: AllAcks, Code: "P2, P3", Promise: "at least once", Settings: []string{"acks=all", "min.insync.replicas=2 or more (P3; 1 is P2)", "replication.factor above it", "unclean.leader.election.enable=false"},
		Holds:   "an acknowledged record is on every in-sync replica, and stays while one of them lives: with min.insync.replicas=m, m-1 of them may lose their data",
		Not:     "that it stands there once: retries repeat and reorder",
		Excuses: []Excuse{repeats},
	},
	{
		Level: IdempotentProducer, Code: "P4", Promise: "exactly once and in order, within one session of a producer",
		Settings: []string{"enable.idempotence=true (the default since Kafka 3.0)", "acks=all", "max.in.flight.requests.per.connection=5 or less", "retries above 0", "min.insync.replicas=2 or more"},
		Holds:    "the records of one producer stand in each partition once and in the order in which they were sent",
		Not:      "the same across a restart of the producer, across an application that sends again what timed out, and across partitions",
	},
	{
		Level: TransactionalProducer, Code: "P5", Promise: "all or nothing, over several partitions",
		Settings: []string{"transactional.id", "isolation.level=read_committed at the readers", "transaction.version=2 (KIP-890, Kafka 4.0)", "min.insync.replicas=2 or more, also of __transaction_state"},
		Holds:    "who reads committed sees all records of a transaction or none, and none before it was decided; a producer that was replaced is fenced off",
		Not:      "isolation of writes: records of several transactions stand between one another (Jepsen's G0 is legal), and reads of several partitions are no snapshot",
	},
	{
		Level: CommitBefore, Code: "C0", Consumer: true, Promise: "at most once", Settings: []string{"enable.auto.commit=false", "commit, then process"},
		Holds: "no record is processed twice",
		Not:   "that every record is processed: what was committed and not yet processed when a member died is skipped",
		Excuses: []Excuse{
			{[]Class{CommitAhead, GroupSkip}, "committing after processing", "the group commits before it processes"},
		},
	},
	{
		Level: CommitAfter, Code: "C1", Consumer: true, Promise: "at least once", Settings: []string{"enable.auto.commit=false", "process, then commit (commitSync)"},
		Holds: "every record below the committed position was processed, and the group resumes at no earlier one than was acknowledged",
		Not:   "that it was processed once: what was processed after the last commit is processed again",
	},
	{
		Level: AutoCommit, Code: "C2", Consumer: true, Promise: "at least once, if a poll is processed before the next one",
		Settings: []string{"enable.auto.commit=true", "auto.commit.interval.ms", "no processing in the background"},
		Holds:    "the committed position does not pass what the polls before had given (Jepsen corrected its report on Bufstream so, 2024-11-13)",
		Not:      "anything for records that are processed beside the polling loop: they may be committed and lost",
	},
	{
		Level: CommitInTransaction, Code: "C3", Consumer: true, Promise: "exactly once, from Kafka to Kafka",
		Settings: []string{"a transactional producer (P5)", "sendOffsetsToTransaction with the group's metadata (KIP-447)", "isolation.level=read_committed", "enable.auto.commit=false"},
		Holds:    "each input is in the outputs once: results and position are committed together, and a member of an old generation is fenced off",
		Not:      "anything outside of Kafka: a database or a mail that the processing writes is written again after a crash",
	},
}

// LevelOf finds the line of a level; false if there is none.
func LevelOf(l Level) (LevelInfo, bool) {
	for _, info := range levelTable {
		if info.Level == l {
			return info, true
		}
	}
	return LevelInfo{}, false
}
