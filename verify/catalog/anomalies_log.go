package catalog

import "github.com/logproof/logproof/verify"

// logAnomalies are about what stands in the log.
var logAnomalies = []Anomaly{
	{
		Class: verify.NonmonotonicAppend, Rule: verify.AppendOrder,
		Definition: "An append that began after another record had been acknowledged, or read, got an offset at or below that record's. Appends with distinct offsets that never do this are linearizable.",
		Causes:     []string{"two leaders that both append, one of them deposed", "a log that was truncated below what had been acknowledged, and written again", "an answer with a wrong base offset (Bufstream 0.1.0 answered 0)"},
	},
	{
		Class: verify.Duplicate, Rule: verify.ProducerOrder, Jepsen: "duplicate",
		Definition: "A record stands at two offsets of its partition, although its producer is idempotent and sent it once.",
		Causes:     []string{"a retry whose first attempt had been appended, and a broker that does not know the sequence any more (its producer state was not replicated, or lost in an election)", "a client that raises its epoch and sends again what was in flight (librdkafka #4953)", "with enable.idempotence=false every retry may do this"},
	},
	{
		Class: verify.NonmonotonicSend, Rule: verify.ProducerOrder, Jepsen: "nonmonotonic-send, int-nonmonotonic-send",
		Definition: "Records of one producer stand in another order than they were sent.",
		Causes:     []string{"a retry that is overtaken by the next batch: several requests in flight without idempotence (sarama #2619)", "a broker that accepts a sequence with a hole before it"},
	},
	{
		Class: verify.InconsistentOffsets, Rule: verify.ReaderAgreement, Jepsen: "inconsistent-offsets",
		Definition: "Two different records were seen at one offset of a partition, by readers, by the final scan, or by an acknowledgement and a reader.",
		Causes:     []string{"replicas that diverged: a follower truncated to its high watermark (KIP-101), a wrong answer for an epoch that the leader never had (KIP-279)", "an unclean election", "offsets shifted by one when segments were moved (Redpanda #2326)"},
	},
	{
		Class: verify.NonmonotonicPoll, Rule: verify.ReaderAgreement, Jepsen: "nonmonotonic-poll, int-nonmonotonic-poll",
		Excused:    "for consumers that subscribe: after a rebalance they begin where the group stands. logproof judges them by resume-regress instead.",
		Definition: "A reader with assigned partitions was given records at or below an offset that it had passed.",
		Causes:     []string{"a client that resets its position after an error", "a fetch that is answered from another log than the one before it"},
	},
	{
		Class: verify.PollSkip, Rule: verify.ReaderAgreement, Jepsen: "poll-skip, int-poll-skip",
		Excused:    "for consumers that subscribe: after a rebalance they begin where the group stands. logproof judges them by resume-skip and group-skip instead.",
		Definition: "A reader was not given a record that stands between two records that it was given, one after the other.",
		Causes:     []string{"a reader of uncommitted records (read above the high watermark) whose tail was truncated and written again", "a client that advances its position by what it asked for and not by what it was given"},
	},
	{
		Class: verify.Gap, Rule: verify.Gaps,
		Definition: "The log has an offset that holds no record, and no marker, aborted transaction or compaction that would explain it.",
		Causes:     []string{"an append that took offsets and failed", "a segment that was lost or not read", "a record that recovery dropped from the middle of a log"},
	},
	{
		Class: verify.LostWrite, Rule: verify.Loss, Jepsen: "lost-write (and unseen, which cannot tell lost from late)",
		Excused:    "a lost tail is invisible to Jepsen: it needs a later record that was read. logproof writes a barrier after everything healed and reads up to it.",
		Definition: "A record was acknowledged, and the final scan, which reads every partition up to a barrier written after everything healed, does not have it.",
		Causes:     []string{"acks=1, or a leader that acknowledges before its followers have the record (a kill, and also a planned move: KAFKA-20554)", "an election of a replica that was not in sync (unclean.leader.election.enable)", "a follower that truncated to its own high watermark (KIP-101)", "power that failed before the record was synced", "an ISR that counted a follower which did not have the record (KAFKA-7128)"},
	},
	{
		Class: verify.ReadThenGone, Rule: verify.Loss,
		Excused:    "Jepsen shows it as a poll-skip, if at all.",
		Definition: "A record was given to a reader, so it was below the high watermark and committed, and the final scan does not have it.",
		Causes:     []string{"a leader that serves what is not replicated (a fetch bounded by the log end and not by the high watermark)", "the same as for lost-write"},
	},
	{
		Class: verify.CorruptRecord, Rule: verify.Corruption,
		Definition: "A record's bytes are not those that its producer wrote.",
		Causes:     []string{"bit rot that no checksum found", "a batch that was cut or joined wrongly", "a compression that does not give back what it was given"},
	},
	{
		Class: verify.Phantom, Rule: verify.Corruption,
		Definition: "A record was read that nobody ever sent.",
		Causes:     []string{"records of another topic or of an earlier run", "a header that was decoded wrongly"},
	},
	{
		Class: verify.FailedRead, Rule: verify.Corruption, Jepsen: "G1a (aborted read)",
		Definition: "A record was read although its send had definitely failed: the client was told so, by an error that is raised before anything is written.",
		Causes:     []string{"a broker that answers an error after it has appended", "a client that reports the error of a later attempt and hides an earlier one that arrived"},
	},
}

// answerAnomalies are about what leaders say of their log.
var answerAnomalies = []Anomaly{
	{
		Class: verify.WatermarkRegress, Rule: verify.Watermarks,
		Definition: "The high watermark or the last stable offset that a leader tells went back within its epoch.",
		Causes:     []string{"a truncation below the high watermark", "a stable offset that is computed anew and forgets a decided transaction"},
	},
	{
		Class: verify.LogStartRegress, Rule: verify.Watermarks,
		Definition: "The log start that a leader tells went back within its epoch: records that were deleted would be there again.",
		Causes:     []string{"a log start that is not kept over a restart", "an answer of another replica"},
	},
	{
		Class: verify.EpochRegress, Rule: verify.Watermarks,
		Definition: "A leader went on answering long after a later leader epoch was known, without a fault that kept it from knowing.",
		Causes:     []string{"a deposed leader that does not look at metadata", "a fetch that is not fenced by its epoch (KIP-320)"},
	},
	{
		Class: verify.WatermarkDisorder, Rule: verify.Watermarks,
		Definition: "An answer has its last stable offset or its log start above its high watermark.",
		Causes:     []string{"numbers that are read at different moments (KAFKA-9807)", "a stable offset that runs ahead of what is replicated"},
	},
	{
		Class: verify.ReadAboveWatermark, Rule: verify.Watermarks,
		Definition: "An answer has records at or above the high watermark that it tells.",
		Causes:     []string{"a fetch bounded by the log end (Redpanda v23.1.21, #16475)", "a high watermark that is read before the records are"},
	},
	{
		Class: verify.ReadAboveStable, Rule: verify.Watermarks,
		Definition: "An answer to a reader of committed records has records at or above the last stable offset that it tells: their transactions were open.",
		Causes:     []string{"a fetch of committed records that is bounded by the high watermark", "a last stable offset that is read before the records are (KAFKA-9807)"},
	},
	{
		Class: verify.StaleRead, Rule: verify.Recency, Jepsen: "realtime-lag",
		Excused:    "Jepsen reports the lag and judges nothing by it. logproof permits it while a fault is in force and shortly after an election (KIP-207).",
		Definition: "Who asked after a record had been acknowledged with acks=all, or read, was told a high watermark at or below it, in the same leader epoch.",
		Causes:     []string{"a deposed leader that still answers", "a record that is acknowledged before it counts as committed"},
	},
	{
		Class: verify.BudgetMissed, Rule: verify.Availability,
		Definition: "A budget of availability was missed: an outage was longer, recovery slower or progress less than the scenario promised.",
		Causes:     []string{"an election that takes long (session timeouts, a controller that is busy)", "clients that look for the new leader too seldom (metadata age, retry backoff)"},
	},
}
