package api

import (
	"regexp"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// softwareName is what the name and version of a client's software must match (KIP-511).
var softwareName = regexp.MustCompile(`^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$`)

// ApiVersions (key 18): the API keys and versions that this listener serves.
//
// Behaviour
//   - a version above those served is answered in the format of version 0 with
//     UNSUPPORTED_VERSION and the served range of this key alone, so that the client can ask again
//   - from version 3 the name and version of the client's software must be well formed
//   - features are those of broker/metadata: those that are supported, and those that the cluster has finalised above
//     level 0, as of the image with the epoch. Below version 4 a feature that may be done without is not
//     shown as supported: those clients refuse a minimum of 0 (KAFKA-17011)
//   - peers are told no features: they go by the image
//
// Versions
//   - 3 flexible (the response header stays without tags), client software; 4 features with a
//     minimum of 0; 5 cluster and node id checked by the client
type apiVersions struct{}

func (h *apiVersions) start(s *Session, c *call, _ time.Time, _ *actor.Effects) {
	if c.request.Body == nil {
		resp := kmsg.NewPtrApiVersionsResponse()
		resp.ErrorCode = kerr.UnsupportedVersion.Code
		resp.ApiKeys = servedKeys(s.listener, []int16{kmsg.ApiVersions.Int16()})
		c.finish(resp)
		resp.SetVersion(0)
		return
	}
	req := c.request.Body.(*kmsg.ApiVersionsRequest)
	resp := req.ResponseKind().(*kmsg.ApiVersionsResponse)
	if c.request.Version >= 3 && !(softwareName.MatchString(req.ClientSoftwareName) && softwareName.MatchString(req.ClientSoftwareVersion)) {
		resp.ErrorCode = kerr.InvalidRequest.Code
	} else {
		resp.ApiKeys = servedKeys(s.listener, wire.Keys(s.listener))
		s.tellFeatures(resp, c.request.Version)
	}
	c.finish(resp)
}

// tellFeatures lists what the cluster does alike on all brokers (KIP-584).
func (s *Session) tellFeatures(resp *kmsg.ApiVersionsResponse, version int16) {
	if s.image == nil {
		return
	}
	resp.FinalizedFeaturesEpoch = s.image.Offset
	for _, f := range metadata.Features() {
		if f.Min > 0 || version >= 4 {
			supported := kmsg.NewApiVersionsResponseSupportedFeature()
			supported.Name, supported.MinVersion, supported.MaxVersion = f.Name, f.Min, f.Max
			resp.SupportedFeatures = append(resp.SupportedFeatures, supported)
		}
		if level := s.image.FeatureLevel(f.Name); level > 0 {
			finalized := kmsg.NewApiVersionsResponseFinalizedFeature()
			finalized.Name, finalized.MinVersionLevel, finalized.MaxVersionLevel = f.Name, level, level
			resp.FinalizedFeatures = append(resp.FinalizedFeatures, finalized)
		}
	}
}

func servedKeys(l wire.Listener, keys []int16) (out []kmsg.ApiVersionsResponseApiKey) {
	for _, key := range keys {
		versions, _ := wire.Served(l, key)
		k := kmsg.NewApiVersionsResponseApiKey()
		k.ApiKey, k.MinVersion, k.MaxVersion = key, versions.Min, versions.Max
		out = append(out, k)
	}
	return out
}
