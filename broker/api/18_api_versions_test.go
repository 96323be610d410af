package api

import (
	"fmt"
	"testing"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Features of level 0 are not finalised, and those that may be done without are hidden from clients that do not know
// of that.
func TestFeatures(t *testing.T) {
	im := metadata.NewImage("c", nil).Apply([]metadata.Record{{FeatureLevel: &metadata.FeatureLevelRecord{Name: metadata.TransactionVersion, Level: 1}}})
	off := im.Apply([]metadata.Record{{FeatureLevel: &metadata.FeatureLevelRecord{Name: metadata.TransactionVersion, Level: 0}}})
	for _, c := range []struct {
		version             int16
		im                  *metadata.Image
		supported, finished string
	}{
		{4, im, "[eligible.leader.replicas.version 1-1 group.version 0-0 metadata.version 33-33 transaction.version 0-2]", "1 [eligible.leader.replicas.version 1 metadata.version 33 transaction.version 1]"},
		{3, im, "[eligible.leader.replicas.version 1-1 metadata.version 33-33]", "1 [eligible.leader.replicas.version 1 metadata.version 33 transaction.version 1]"},
		{5, off, "[eligible.leader.replicas.version 1-1 group.version 0-0 metadata.version 33-33 transaction.version 0-2]", "2 [eligible.leader.replicas.version 1 metadata.version 33]"},
		{5, nil, "[]", "-1 []"},
	} {
		s := NewSession(Config{}, actor.Address{}, wire.Clients)
		s.image = c.im
		resp := kmsg.NewPtrApiVersionsResponse()
		s.tellFeatures(resp, c.version)
		var supported, finished []string
		for _, f := range resp.SupportedFeatures {
			supported = append(supported, fmt.Sprintf("%s %d-%d", f.Name, f.MinVersion, f.MaxVersion))
		}
		for _, f := range resp.FinalizedFeatures {
			if f.MinVersionLevel != f.MaxVersionLevel {
				t.Errorf("%+v", f)
			}
			finished = append(finished, fmt.Sprintf("%s %d", f.Name, f.MaxVersionLevel))
		}
		if got := fmt.Sprint(supported); got != c.supported {
			t.Errorf("version %d: supported %s, want %s", c.version, got, c.supported)
		}
		if got := fmt.Sprint(resp.FinalizedFeaturesEpoch, finished); got != c.finished {
			t.Errorf("version %d: finalised %s, want %s", c.version, got, c.finished)
		}
	}
}

// Below version 2 the answer names the features that were changed.
func TestUpdateFeaturesResults(t *testing.T) {
	for version := range int16(3) {
		req := kmsg.NewPtrUpdateFeaturesRequest()
		f := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
		f.Feature = metadata.TransactionVersion
		req.FeatureUpdates = append(req.FeatureUpdates, f)
		for _, failed := range []bool{false, true} {
			reply := kmsg.NewPtrUpdateFeaturesResponse()
			want := 0
			if failed {
				reply.ErrorCode = 1
			} else if version < 2 {
				want = 1
			}
			c := &call{request: &wire.Request{Version: version, Body: req}}
			new(updateFeatures).replied(nil, c, ControllerReply{Body: reply}, nil)
			if got := c.response.Body.(*kmsg.UpdateFeaturesResponse).Results; len(got) != want {
				t.Errorf("version %d, failed %v: %+v", version, failed, got)
			}
		}
	}
}
