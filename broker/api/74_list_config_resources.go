package api

import (
	"slices"
	"strconv"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ListConfigResources (key 74, KIP-1142): what has settings.
//
// Behaviour
//   - topics, brokers and their loggers are listed by name and id; there are no groups with settings of their
//     own, and no client metrics
//   - no types are all of them; a type that does not exist is UNSUPPORTED_VERSION
//
// Versions
//   - 0 flexible, of client metrics only (KIP-1000); 1 types
type listConfigResources struct{}

var configResources = []kmsg.ConfigResourceType{
	kmsg.ConfigResourceTypeTopic, kmsg.ConfigResourceTypeBroker, kmsg.ConfigResourceTypeBrokerLogger,
	kmsg.ConfigResourceTypeClientMetrics, kmsg.ConfigResourceTypeGroupConfig,
}

func (h *listConfigResources) start(s *Session, c *call, _ time.Time, _ *actor.Effects) {
	req := c.request.Body.(*kmsg.ListConfigResourcesRequest)
	resp := req.ResponseKind().(*kmsg.ListConfigResourcesResponse)
	var types []kmsg.ConfigResourceType
	for _, t := range req.ResourceTypes {
		if !slices.Contains(configResources, kmsg.ConfigResourceType(t)) {
			resp.ErrorCode = kerr.UnsupportedVersion.Code
			c.finish(resp)
			return
		}
		types = append(types, kmsg.ConfigResourceType(t))
	}
	switch {
	case c.request.Version == 0:
		types = nil // it lists client metrics
	case len(types) == 0:
		types = configResources
	}
	for _, t := range configResources {
		if slices.Contains(types, t) {
			for _, name := range s.withSettings(t) {
				resp.ConfigResources = append(resp.ConfigResources, kmsg.ListConfigResourcesResponseConfigResource{Name: name, Type: int8(t)})
			}
		}
	}
	c.finish(resp)
}

// withSettings are the names of the resources of a type.
func (s *Session) withSettings(t kmsg.ConfigResourceType) (names []string) {
	switch t {
	case kmsg.ConfigResourceTypeTopic:
		return s.image.Names()
	case kmsg.ConfigResourceTypeBroker, kmsg.ConfigResourceTypeBrokerLogger:
		for _, b := range s.image.Brokers {
			names = append(names, strconv.Itoa(int(b.ID)))
		}
	}
	return names
}
