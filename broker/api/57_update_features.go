package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// UpdateFeatures (key 57, KIP-584): at which level the cluster does what all its brokers must do alike.
//
// Behaviour
//   - the controller decides (broker/controller): all of it or, with the error of the first that cannot be, nothing
//   - a feature that is not known here, a level that is not served, a lower level of somebody who did not say that it
//     may be lower, a higher one of somebody who did: INVALID_UPDATE_VERSION
//   - it counts at once, in the whole cluster; clients hear of it with their next ApiVersions
//   - validate-only decides and records nothing
//
// Versions
//   - 1 kinds of changes and validate-only (KIP-778), 2 no results of single features
type updateFeatures struct{}

func (h *updateFeatures) start(s *Session, c *call, _ time.Time, fx *actor.Effects) {
	fx.Send(Uplink, ControllerRequest{From: s.self, Call: c.id, Body: c.request.Body})
}

func (h *updateFeatures) replied(_ *Session, c *call, m ControllerReply, _ *actor.Effects) {
	resp := m.Body.(*kmsg.UpdateFeaturesResponse)
	if c.request.Version < 2 && resp.ErrorCode == 0 {
		for _, f := range c.request.Body.(*kmsg.UpdateFeaturesRequest).FeatureUpdates {
			result := kmsg.NewUpdateFeaturesResponseResult()
			result.Feature = f.Feature
			resp.Results = append(resp.Results, result)
		}
	}
	c.finish(resp)
}
