package api

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeCluster (key 60, KIP-700): the cluster's id and its brokers.
//
// Behaviour
//   - the controller that is named is this broker, as in Metadata
//   - fenced brokers are listed if the client asks for them (v2, KIP-1073)
//   - this is an endpoint of brokers: who asks for controllers has MISMATCHED_ENDPOINT_TYPE, who asks for what
//     does not exist UNSUPPORTED_ENDPOINT_TYPE (v1, KIP-919)
//
// Versions
//   - 0 flexible, 1 endpoint type, 2 fenced brokers
type describeCluster struct{}

// Types of endpoints, as DescribeCluster numbers them.
const (
	brokerEndpoint     = 1
	controllerEndpoint = 2
)

func (h *describeCluster) start(s *Session, c *call, _ time.Time, _ *actor.Effects) {
	req := c.request.Body.(*kmsg.DescribeClusterRequest)
	resp := req.ResponseKind().(*kmsg.DescribeClusterResponse)
	endpoint := req.EndpointType
	if c.request.Version < 1 {
		endpoint = brokerEndpoint
	}
	resp.EndpointType = endpoint
	switch endpoint {
	case brokerEndpoint:
	case controllerEndpoint:
		resp.ErrorCode, resp.ErrorMessage = kerr.MismatchedEndpointType.Code, kmsg.StringPtr("clients reach brokers here, not controllers")
	default:
		resp.ErrorCode, resp.ErrorMessage = kerr.UnsupportedEndpointType.Code, kmsg.StringPtr(fmt.Sprintf("there is no endpoint type %d", endpoint))
	}
	if resp.ErrorCode != 0 {
		c.finish(resp)
		return
	}
	resp.ClusterID, resp.ControllerID = s.image.ClusterID, s.cfg.NodeID
	for _, b := range s.image.Registered() {
		if b.Fenced && !req.IncludeFencedBrokers {
			continue
		}
		broker := kmsg.NewDescribeClusterResponseBroker()
		broker.NodeID, broker.Host, broker.Port, broker.IsFenced = b.ID, b.Host, b.Port, b.Fenced
		if b.Rack != "" {
			broker.Rack = kmsg.StringPtr(b.Rack)
		}
		resp.Brokers = append(resp.Brokers, broker)
	}
	if req.IncludeClusterAuthorizedOperations {
		resp.ClusterAuthorizedOperations = clusterOperations
	}
	c.finish(resp)
}
