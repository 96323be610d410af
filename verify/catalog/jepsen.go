package catalog

// Jepsen is an anomaly of Jepsen's Kafka checker (jepsen.tests.kafka) that has no class of its own here, or has
// another name.
type Jepsen struct {
	// Name in Jepsen.
	Name string
	// Verdict that Jepsen gives it: "illegal", "allowed", or when which.
	Verdict string
	// Definition in a sentence.
	Definition string
	// Here says what logproof makes of it.
	Here string
}

// JepsenNames lists them in alphabetical order.
func JepsenNames() []Jepsen { return jepsenNames }

var jepsenNames = []Jepsen{
	{"G0", "allowed", "A cycle of transactions each of which wrote just before the next one in some partition.", "not judged: Kafka isolates no writes, so records of several transactions may stand between one another."},
	{"G1a", "illegal", "A read of a record whose send, or whose transaction, definitely failed.", "failed-read for single sends; aborted-read and committed-abort for transactions, whose fate is in their markers."},
	{"G1c", "allowed where G0 is, else illegal", "A cycle of transactions by writes that were read, and writes that follow one another.", "a cycle of reads alone contains an early-read, which is judged directly and needs no search for cycles; one with writes is as legal as G0."},
	{"consume-counts", "reported, not judged", "How often each record was given to the members of a group.", "judged by group-position and exclusivity, with the commits that may explain a repetition."},
	{"int-nonmonotonic-poll", "illegal", "Within one poll, or one transaction, records of a partition come in falling order.", "nonmonotonic-poll: polls and the steps between them are judged alike."},
	{"int-nonmonotonic-send", "illegal", "Within one transaction, two sends to a partition get falling offsets.", "nonmonotonic-send: all sends of one producer are judged alike."},
	{"int-poll-skip", "illegal", "Within one poll, or one transaction, a record between two others is not given.", "poll-skip: polls and the steps between them are judged alike."},
	{"int-send-skip", "allowed", "Between two sends of one transaction stands a record of somebody else.", "not judged: Kafka isolates no writes."},
	{"realtime-lag", "reported, not judged", "How long after a record was known a reader was still not given it.", "stale-read, where no fault and no election explains it; the rest is in the outages of the report."},
	{"unseen", "illegal (Bufstream: ignored)", "An acknowledged record that no poll has returned by the end.", "decided by the barrier: the record is lost (lost-write), or the run is inconclusive."},
}
