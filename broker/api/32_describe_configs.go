package api

import (
	"slices"
	"strconv"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeConfigs (key 32): what is in force for settings of topics and brokers, and who says so.
//
// Behaviour
//   - each resource has its own error; null names are all settings, names that are not known are left out
//   - a topic shows what is in force on this broker: its own value, what this broker or all brokers were told
//     while they run, what this broker was started with, the default; the synonyms, if asked for, are all of
//     these, the one that wins first (KIP-226)
//   - a broker is described by itself: the name is its own id, or empty for what all brokers were told
//   - what cannot be changed while the broker runs is read-only; nothing here is sensitive
//   - a broker has no loggers with levels, a group no settings, and there are no client metrics: these have empty
//     answers; a type that does not exist has INVALID_REQUEST
//
// Versions
//   - 1 sources and synonyms in place of is-default, 3 types and documentation, 4 flexible
type describeConfigs struct{}

func (h *describeConfigs) start(s *Session, c *call, _ time.Time, _ *actor.Effects) {
	req := c.request.Body.(*kmsg.DescribeConfigsRequest)
	resp := req.ResponseKind().(*kmsg.DescribeConfigsResponse)
	for i := range req.Resources {
		asked := &req.Resources[i]
		out := kmsg.NewDescribeConfigsResponseResource()
		out.ResourceType, out.ResourceName = asked.ResourceType, asked.ResourceName
		values, err, message := s.valuesOf(asked)
		if err != nil {
			out.ErrorCode, out.ErrorMessage = err.Code, &message
		}
		for _, v := range values {
			if asked.ConfigNames == nil || slices.Contains(asked.ConfigNames, v.Name) {
				out.Configs = append(out.Configs, describedConfig(v, req.IncludeSynonyms, req.IncludeDocumentation))
			}
		}
		resp.Resources = append(resp.Resources, out)
	}
	c.finish(resp)
}

// valuesOf gives the settings of a resource, or why it has none.
func (s *Session) valuesOf(asked *kmsg.DescribeConfigsRequestResource) ([]metadata.Value, *kerr.Error, string) {
	self := strconv.Itoa(int(s.cfg.NodeID))
	switch asked.ResourceType {
	case kmsg.ConfigResourceTypeTopic:
		topic := s.image.Topic(asked.ResourceName)
		if topic == nil {
			return nil, kerr.UnknownTopicOrPartition, "there is no topic " + strconv.Quote(asked.ResourceName)
		}
		return s.image.TopicValues(topic.Configs, s.cfg.Static, s.cfg.NodeID), nil, ""
	case kmsg.ConfigResourceTypeBroker:
		switch asked.ResourceName {
		case "":
			return s.image.ToldToAll(), nil, ""
		case self:
			values := slices.Concat(s.image.BrokerValues(s.cfg.Static, s.cfg.NodeID), s.cfg.Fixed)
			slices.SortStableFunc(values, func(a, b metadata.Value) int { return metadata.CompareNames(a.Name, b.Name) })
			return values, nil, ""
		}
	case kmsg.ConfigResourceTypeBrokerLogger:
		if asked.ResourceName == self {
			return nil, nil, ""
		}
	case kmsg.ConfigResourceTypeClientMetrics, kmsg.ConfigResourceTypeGroupConfig:
		if asked.ResourceName == "" {
			return nil, kerr.InvalidRequest, "a resource of type " + asked.ResourceType.String() + " needs a name"
		}
		return nil, nil, ""
	default:
		return nil, kerr.InvalidRequest, "there are no resources of type " + strconv.Itoa(int(asked.ResourceType))
	}
	return nil, kerr.InvalidRequest, "this is broker " + self + ": it describes itself, not " + strconv.Quote(asked.ResourceName)
}

func describedConfig(v metadata.Value, synonyms, doc bool) kmsg.DescribeConfigsResponseResourceConfig {
	out := kmsg.NewDescribeConfigsResponseResourceConfig()
	out.Name, out.Value, out.ReadOnly = v.Name, kmsg.StringPtr(v.Value), v.ReadOnly
	out.Source, out.IsDefault = kmsg.ConfigSource(v.Source), v.Source == metadata.FromTable
	out.ConfigType = kmsg.ConfigType(v.Setting.Type)
	if doc {
		out.Documentation = kmsg.StringPtr(v.Setting.Doc)
	}
	if synonyms {
		for _, said := range v.Synonyms {
			one := kmsg.NewDescribeConfigsResponseResourceConfigConfigSynonym()
			one.Name, one.Value, one.Source = said.Name, kmsg.StringPtr(said.Value), kmsg.ConfigSource(said.Source)
			out.ConfigSynonyms = append(out.ConfigSynonyms, one)
		}
	}
	return out
}
