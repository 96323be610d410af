package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/logproof/logproof/verify"
)

// Promise is a guarantee by the name that people use for it.
type Promise struct {
	// Name and the other names that lead here.
	Name  string
	Alias []string
	// Title in a few words.
	Title string
	// Says what it amounts to.
	Says string
	// Levels of producers and of groups that make it, in the order in which they are needed.
	Levels []verify.Level
	// Rules by which it is judged.
	Rules []verify.Rule
	// Notes are what people get wrong about it.
	Notes []string
}

// Promises lists all of them.
func Promises() []Promise { return promises }

var promises = []Promise{
	{
		Name: "at-most-once", Alias: []string{"c0", "commit-before"}, Title: "no record twice, some perhaps not at all",
		Says:   "A producer that does not repeat, or a group that commits before it processes: what is under way when something dies is not done again.",
		Levels: []verify.Level{verify.NoAcks, verify.CommitBefore}, Rules: []verify.Rule{verify.Corruption, verify.ProducerOrder, verify.GroupPosition},
		Notes: []string{"The two halves are independent: a record that is produced twice is processed twice by a group that commits first."},
	},
	{
		Name: "at-least-once", Alias: []string{"c1", "commit-after"}, Title: "every record, some perhaps twice",
		Says:   "Acknowledged records stay, and a group commits what it has processed: what is under way when something dies is done again.",
		Levels: []verify.Level{verify.AllAcks, verify.CommitAfter, verify.AutoCommit}, Rules: []verify.Rule{verify.Loss, verify.GroupPosition},
		Notes: []string{"Automatic commits keep it only where a poll is processed before the next one begins."},
	},
	{
		Name: "exactly-once", Alias: []string{"eos", "c3", "kip-447"}, Title: "each input once in the output, from Kafka to Kafka",
		Says:   "A worker reads committed records, and writes its results and its position in one transaction: both are there or neither is, and a worker that was replaced can no longer commit.",
		Levels: []verify.Level{verify.TransactionalProducer, verify.CommitInTransaction}, Rules: []verify.Rule{verify.ExactlyOnce, verify.TransactionFate, verify.EarlyRead, verify.GroupPosition, verify.Exclusivity},
		Notes: []string{
			"It ends at the edge of Kafka: what a worker does elsewhere, it does again after a crash.",
			"Before transaction.version=2 (Kafka 4.0) an end of a transaction that arrives late may decide the next one (KAFKA-17754): records are lost, or seen without ever having been committed.",
			"A reader with isolation.level=read_uncommitted, the default, sees aborted records all the same.",
		},
	},
	{
		Name: "idempotent", Alias: []string{"idempotence", "p4", "enable.idempotence"}, Title: "no repetition and no reordering within a session",
		Says:   "The broker knows the last sequences of each producer and refuses what it has already, or what comes too early.",
		Levels: []verify.Level{verify.IdempotentProducer}, Rules: []verify.Rule{verify.ProducerOrder},
		Notes: []string{"The session ends with the process, and with an epoch that is raised after a timeout: what the application then sends again is a new record."},
	},
	{
		Name: "transactions", Alias: []string{"transactional", "p5", "transactional.id"}, Title: "all or nothing, over several partitions",
		Says:   "All records of a transaction become visible to readers of committed records, or none.",
		Levels: []verify.Level{verify.TransactionalProducer}, Rules: []verify.Rule{verify.TransactionFate, verify.EarlyRead, verify.Loss},
		Notes: []string{"Visible is not at once: a reader of two partitions may see one half of a transaction first.", "One transaction that stays open holds all readers of committed records of its partitions back: transaction.timeout.ms bounds that."},
	},
	{
		Name: "acks-0", Alias: []string{"acks=0", "p0", "none"}, Title: "nobody answers", Says: "The producer sends and is told nothing.",
		Levels: []verify.Level{verify.NoAcks}, Rules: []verify.Rule{verify.Corruption},
		Notes: []string{"A record that is lost is reported as allowed: acks=all would forbid it."},
	},
	{
		Name: "acks-1", Alias: []string{"acks=1", "p1", "leader"}, Title: "the leader answers alone", Says: "The leader has appended the record; its followers may not have it.",
		Levels: []verify.Level{verify.LeaderAcks}, Rules: []verify.Rule{verify.Corruption, verify.Recency},
		Notes: []string{"Records are lost in planned moves too (KAFKA-20554). logproof counts them: they are the loss budget of the setting.", "What a reader was given was committed, and must stay."},
	},
	{
		Name: "acks-all", Alias: []string{"acks=all", "acks=-1", "p2", "p3", "all", "durable"}, Title: "all in-sync replicas answer", Says: "Every replica in the ISR has the record, and min.insync.replicas says how many that are at least.",
		Levels: []verify.Level{verify.AllAcks}, Rules: []verify.Rule{verify.Loss, verify.AppendOrder, verify.Recency},
		Notes: []string{"With min.insync.replicas=1, the default, all may be one: acks=all is then acks=1 on a bad day.", "See n-1 for what may fail."},
	},
	{
		Name: "auto-commit", Alias: []string{"c2", "enable.auto.commit"}, Title: "the client commits by itself", Says: "The client commits every few seconds what the polls before had given.",
		Levels: []verify.Level{verify.AutoCommit}, Rules: []verify.Rule{verify.GroupPosition},
		Notes: []string{"Jepsen corrected its report on Bufstream here (2024-11-13): the Java client commits the positions of the previous poll, not of the one that is being processed."},
	},
	{
		Name: "read-committed", Alias: []string{"isolation.level", "isolation", "read_committed"}, Title: "what readers are shown",
		Says:   "Readers of committed records see up to the last stable offset: the first offset of the oldest open transaction. Aborted records are left out. Readers of uncommitted records, the default, see up to the high watermark, aborted records included.",
		Levels: []verify.Level{verify.TransactionalProducer}, Rules: []verify.Rule{verify.EarlyRead, verify.TransactionFate, verify.Gaps, verify.Watermarks},
		Notes: []string{"Markers and aborted records take offsets: gaps are legal where one of them explains it, and logproof asks for an explanation of each.", "Even a producer does not see its own records before it has committed."},
	},
	{
		Name: "n-1", Alias: []string{"fault-tolerance", "replication", "durability"}, Title: "what may fail without loss",
		Says:   "Three claims in one phrase, each by min.insync.replicas=m of N replicas. Killed processes: any number, as the operating system keeps what was written. Power: m-1 brokers at once that have not synced (KIP-966; before it the last one in the ISR may come back without its records), any number where records are synced before they are acknowledged. Disks: m-1 at once for certain, one less than the ISR had if it was larger.",
		Levels: []verify.Level{verify.AllAcks}, Rules: []verify.Rule{verify.Loss, verify.Availability},
		Notes: []string{
			"Writes stop when fewer than m replicas are in sync: that is correct, and shows as an outage.",
			"A majority system (Redpanda) with 3 replicas survives one of each; with all data synced, every kill.",
			"One failure after another is another claim than several at once: the ISR shrinks in between.",
		},
	},
	{
		Name: "unclean", Alias: []string{"unclean.leader.election.enable", "unclean-election"}, Title: "availability before durability",
		Says:   "With unclean.leader.election.enable=true a replica may lead that lacks committed records, and what it lacks is gone.",
		Levels: []verify.Level{verify.AllAcks}, Rules: []verify.Rule{verify.Loss, verify.ReaderAgreement},
		Notes: []string{"logproof reports what it costs as allowed, topic by topic."},
	},
}

// PromiseOf finds a promise by a name or an alias; false if there is none.
func PromiseOf(name string) (Promise, bool) {
	for _, p := range promises {
		if p.Name == name || slices.Contains(p.Alias, name) {
			return p, true
		}
	}
	return Promise{}, false
}

// profileText is what a profile says, as a sentence.
func profileText(p verify.Profile) string {
	parts := []string{fmt.Sprintf("transaction version %d", p.TransactionVersion)}
	if p.Majority {
		parts = append(parts, "records are committed by a majority")
	} else if p.EligibleReplicas {
		parts = append(parts, "who was in sync stays known below min ISR (KIP-966)")
	} else {
		parts = append(parts, "the last one in the ISR may lead again without its records (before KIP-966)")
	}
	if p.SyncsFirst {
		parts = append(parts, "synced before acknowledged")
	} else {
		parts = append(parts, "acknowledged from memory, synced later")
	}
	return strings.Join(parts, "; ")
}
