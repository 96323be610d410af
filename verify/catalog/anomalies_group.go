package catalog

import "github.com/logproof/logproof/verify"

// groupAnomalies are about consumer groups, keys and compaction.
var groupAnomalies = []Anomaly{
	{
		Class: verify.ResumeRegress, Rule: verify.GroupPosition,
		Definition: "A group gave a member a position below one that had been acknowledged before it asked.",
		Causes:     []string{"a coordinator that was elected without the last commits (KAFKA-20634)", "positions that are lost in a restart (AutoMQ #163, KoP #1289)"},
	},
	{
		Class: verify.ResumeSkip, Rule: verify.GroupPosition,
		Definition: "A group gave a member a position above what was committed, and that nobody had committed.",
		Causes:     []string{"a position of another group or partition", "a reset to the end of the log where there was a position"},
	},
	{
		Class: verify.CommitAhead, Rule: verify.GroupPosition, Jepsen: "committed-too-far (workload auto-commit)",
		Excused:    "with commit before processing it is what was asked for: see at-most-once.",
		Definition: "A member committed a position above all records that the members of its group had processed: if it dies, what lies between is lost.",
		Causes:     []string{"a client that commits what it polled and not what was processed (franz-go #57)", "automatic commits beside processing in the background"},
	},
	{
		Class: verify.GroupSkip, Rule: verify.GroupPosition,
		Excused:    "with commit before processing it is what was asked for: see at-most-once.",
		Definition: "A member committed a position above records that no member had processed, although later ones had been.",
		Causes:     []string{"a member that begins at a wrong position after a rebalance", "records that a client drops when its partitions are taken"},
	},
	{
		Class: verify.CommitRegress, Rule: verify.GroupPosition,
		Definition: "A member committed less than it had resumed at, or than it had committed before.",
		Causes:     []string{"a commit that was delayed and overtakes a later one", "two threads of a client that commit"},
	},
	{
		Class: verify.TwoOwners, Rule: verify.Exclusivity,
		Definition: "Two members of a group held one partition at the same time, although the first had not given it up and its session was not over.",
		Causes:     []string{"an assignment that gives a partition twice", "a coordinator that completes a rebalance without waiting for members (a coordinator that moved)"},
	},
	{
		Class: verify.FencedCommit, Rule: verify.Exclusivity,
		Definition: "A group took a commit of a generation that was over: members of a later one had been given their assignments before it was sent.",
		Causes:     []string{"a commit whose generation is not checked", "a coordinator that forgot the generation when it moved"},
	},
	{
		Class: verify.MisplacedKey, Rule: verify.Placement,
		Definition: "A record with a key stands in a partition that Kafka's default partitioner (murmur2 of the key, modulo the number of partitions) does not give it, for any number of partitions that its client may have known.",
		Causes:     []string{"producers with different partitioners: those of librdkafka use another hash by default", "a client that goes on with an old number of partitions after the topic has grown", "growing a topic moves keys by itself, which is permitted and shown: the order of a key's records is then broken"},
	},
	{
		Class: verify.NewestCompacted, Rule: verify.Compaction,
		Definition: "A topic is compacted, and of some key the newest acknowledged record is not in the log: nothing of the key is left, or an older record stands for it.",
		Causes:     []string{"a cleaner that goes past its bound and drops what it has not compared", "keys that are told apart, or not, by their hash alone", "a cleaned segment that replaces one with newer records"},
	},
	{
		Class: verify.CompactedEarly, Rule: verify.Compaction,
		Definition: "A record had gone from a compacted log before it was as old as min.compaction.lag.ms.",
		Causes:     []string{"a lag that is measured from the wrong time", "an active segment that is cleaned"},
	},
	{
		Class: verify.AbortedOffsets, Rule: verify.GroupPosition,
		Definition: "A group gave a member a position that was only sent in a transaction, and the transaction was aborted.",
		Causes:     []string{"positions that are kept at once and not when the marker comes (KIP-98, KIP-447)", "a coordinator that replays its log without the markers"},
	},
}
