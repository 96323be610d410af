package timeline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// apis are the requests whose responses a fault may strike, as Kafka names them.
var apis = []string{
	"Produce", "Fetch", "ListOffsets", "Metadata", "OffsetCommit", "OffsetFetch", "FindCoordinator", "JoinGroup", "Heartbeat",
	"LeaveGroup", "SyncGroup", "ApiVersions", "CreateTopics", "InitProducerID", "OffsetForLeaderEpoch", "AddPartitionsToTxn",
	"AddOffsetsToTxn", "EndTxn", "TxnOffsetCommit", "AlterPartition", "BrokerRegistration", "BrokerHeartbeat",
}

var errorName = regexp.MustCompile(`^[A-Z][A-Z0-9_]+$`)

// checkParams lists what is wrong with the parameters of a fault.
func (f Fault) checkParams(info Info) []Problem {
	var problems []Problem
	add := func(field Param, format string, args ...any) {
		problems = append(problems, Problem{Field: string(field), Text: fmt.Sprintf(format, args...)})
	}
	p := f.Params
	for _, name := range ParamNames() {
		if !info.Takes(name) && p.Text(name) != "" && !(name == PartitionParam && p.Partition <= 0) {
			add(name, "%s", info.Refuse(name))
		}
	}
	for _, param := range info.Params {
		if param.Required && p.Text(param.Name) == "" {
			add("fault", "%s needs %s: %s", f.Kind, param.Name, param.Help)
		}
	}
	if info.Peers && p.Direction != "" && !slices.Contains([]Direction{Both, In, Out}, p.Direction) {
		problems = append(problems, Problem{
			Field: string(DirectionParam), Value: string(p.Direction), Known: []string{string(Both), string(In), string(Out)},
			Text: fmt.Sprintf("unknown direction %q: write both, in or out", string(p.Direction)),
		})
	}
	if p.API != "" && !slices.Contains(apis, p.API) {
		problems = append(problems, Problem{
			Field: string(APIParam), Value: p.API, Known: slices.Clone(apis),
			Text: fmt.Sprintf("unknown api %q: known are %s", p.API, strings.Join(apis, ", ")),
		})
	}
	if p.Error != "" && !errorName.MatchString(p.Error) {
		add(ErrorParam, "error %q: write Kafka's name of it, such as NOT_LEADER_OR_FOLLOWER", p.Error)
	}
	return append(problems, p.checkNumbers()...)
}

// checkNumbers lists numbers out of their range.
func (p Params) checkNumbers() []Problem {
	var problems []Problem
	bad := func(name Param, is bool, must string) {
		if is {
			problems = append(problems, Problem{Field: string(name), Text: fmt.Sprintf("%s is %s: it must %s", name, p.Text(name), must)})
		}
	}
	bad(DelayParam, p.Delay < 0, "not be negative")
	bad(JitterParam, p.Jitter < 0, "not be negative")
	bad(JitterParam, p.Jitter > p.Delay && p.Delay > 0, fmt.Sprintf("not be more than the delay of %v", p.Delay))
	bad(RateParam, p.Rate < 0, "be above 0")
	bad(PartitionParam, p.Partition < EveryPartition, "not be negative")
	bad(CountParam, p.Count < 0, "not be negative")
	bad(CountParam, p.Count > maxCount, fmt.Sprintf("be at most %d", maxCount))
	bad(SpaceParam, p.Space < 0, "not be negative")
	return problems
}

// maxCount keeps a mistyped number from taking the machine down.
const maxCount = 100_000

// Refuse is the error of a parameter that the kind does not take.
func (i Info) Refuse(name Param) string {
	if len(i.Params) == 0 {
		return fmt.Sprintf("%s takes no parameters: remove %s", i.Kind, name)
	}
	takes := make([]string, len(i.Params))
	for k, p := range i.Params {
		takes[k] = string(p.Name)
	}
	return fmt.Sprintf("%s does not take %s: it takes %s", i.Kind, name, strings.Join(takes, ", "))
}

// unknownTopic is the problem of a topic that the run does not have.
func unknownTopic(field, topic string, topics []Topic) Problem {
	known := make([]string, len(topics))
	for i, t := range topics {
		known[i] = t.Name
	}
	return Problem{
		Field: field, Value: topic, Known: known, Text: fmt.Sprintf("there is no topic %q, the topics are %s", topic, strings.Join(known, ", ")),
	}
}

// checkTopic reports a condition on a topic that does not exist.
func (c Condition) checkTopic(topics []Topic) (Problem, bool) {
	if c.InSync == "" || slices.ContainsFunc(topics, func(t Topic) bool { return t.Name == c.InSync }) {
		return Problem{}, false
	}
	return unknownTopic("until.in-sync", c.InSync, topics), true
}

// checkTopic reports a parameter that names a topic or a partition which does not exist.
func (f Fault) checkTopic(topics []Topic) (Problem, bool) {
	p := f.Params
	if p.Topic == "" {
		return Problem{}, false
	}
	at := slices.IndexFunc(topics, func(t Topic) bool { return t.Name == p.Topic })
	switch {
	case at < 0:
		return unknownTopic(string(TopicParam), p.Topic, topics), true
	case p.Partition >= topics[at].Partitions:
		return Problem{
			Field: string(PartitionParam), Text: fmt.Sprintf("topic %s has the partitions 0 to %d", p.Topic, topics[at].Partitions-1),
		}, true
	}
	return Problem{}, false
}
