package catalog

import "github.com/logproof/logproof/verify"

// transactionAnomalies are about transactions, and what is made in them.
var transactionAnomalies = []Anomaly{
	{
		Class: verify.ReadEarly, Rule: verify.EarlyRead, Jepsen: "G1c, of reads alone",
		Definition: "A reader of committed records was given one before anybody had asked to commit its transaction. Without such a read there is no cycle of transactions that read from each other.",
		Causes:     []string{"reads of committed records that are bounded by the high watermark and not by the last stable offset (KoP #1856, nisshi #689)", "a last stable offset that is computed apart from the records of the answer (KAFKA-9807)"},
	},
	{
		Class: verify.PrecommittedRead, Rule: verify.EarlyRead, Jepsen: "precommitted-read",
		Definition: "A client that reads committed was given a record of its own transaction before it had asked to commit it: Kafka shows a transaction not even to itself.",
		Causes:     []string{"the same as of early-read; a consumer that reads what it produces meets it first"},
	},
	{
		Class: verify.AbortedRead, Rule: verify.TransactionFate, Jepsen: "G1a",
		Definition: "A reader of committed records was given one that the log aborted.",
		Causes:     []string{"a list of aborted transactions that is left out of an answer (Redpanda #10671)", "a new leader that answers before it has replayed the markers (Redpanda #5025)", "a compaction that takes markers away (crabka #528)", "a client that does not filter, or asked for uncommitted records"},
	},
	{
		Class: verify.TornTransaction, Rule: verify.TransactionFate,
		Definition: "Of one transaction some records are committed, and others are aborted or not in the log at all.",
		Causes:     []string{"a coordinator that forgot some partitions of an open transaction when it moved (Redpanda #6018, #6019)", "an end of a transaction that arrives late and decides the next one (KAFKA-17754, transaction.version=1)", "a client that commits although a send has failed"},
	},
	{
		Class: verify.LostCommit, Rule: verify.TransactionFate, Jepsen: "lost-write",
		Definition: "A client was told that its transaction committed, and the log aborted all of it or has none of it.",
		Causes:     []string{"a coordinator that answers before its decision is replicated, and loses it", "a timeout that aborts what is being committed"},
	},
	{
		Class: verify.CommittedAbort, Rule: verify.TransactionFate, Jepsen: "G1a",
		Definition: "The log committed a transaction that its client aborted, or never asked to commit.",
		Causes:     []string{"a late or repeated commit that is taken for the next transaction (KAFKA-17754)", "a producer that was replaced and whose commit is still accepted (no fencing of zombies)"},
	},
	{
		Class: verify.WrongMarker, Rule: verify.TransactionFate,
		Definition: "Records of one transaction stand under two markers in a partition, or a marker decides records of two transactions.",
		Causes:     []string{"a record that comes after the marker of its transaction and begins another one (KIP-890, KAFKA-14402)", "a marker that was never written (KAFKA-19999)"},
	},
	{
		Class: verify.HungTransaction, Rule: verify.TransactionFate,
		Definition: "A transaction has no marker long after it was ended, or its timeout was over: the last stable offset stands before it, and nobody who reads committed passes it.",
		Causes:     []string{"a record that comes after the marker and opens a transaction that no coordinator knows (KAFKA-14402)", "a marker that is refused for ever (KAFKA-19999), or was truncated by an unclean election (KAFKA-20716)", "a coordinator that forgets a transaction while it writes markers"},
	},
	{
		Class: verify.DuplicateProcessing, Rule: verify.ExactlyOnce,
		Definition: "Committed outputs were made twice from one input record.",
		Causes:     []string{"positions of a member of an old generation that are accepted (KIP-447, Redpanda #10669)", "outputs that are committed without the positions", "a group that resumes before a transaction that holds its position is decided (no stable OffsetFetch)"},
	},
	{
		Class: verify.LostProcessing, Rule: verify.ExactlyOnce,
		Definition: "The group's position has passed an input record from which no committed output was made.",
		Causes:     []string{"positions that take effect although their transaction was aborted", "a client that goes on after an abort without going back to its position"},
	},
	{
		Class: verify.PhantomSource, Rule: verify.ExactlyOnce,
		Definition: "A committed output says that it was made from an offset of the input at which no committed record stands.",
		Causes:     []string{"a worker that reads uncommitted records", "an input record that was read and then lost"},
	},
	{
		Class: verify.PositionBehind, Rule: verify.ExactlyOnce,
		Definition: "Outputs are committed that were made from inputs at or above the group's position: what was to be committed together was not, and the inputs will be processed again.",
		Causes:     []string{"a client that commits its positions outside of the transaction", "a coordinator of groups that loses positions when their transaction commits"},
	},
}
