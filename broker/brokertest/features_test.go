package brokertest_test

import (
	"testing"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/brokertest"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// transactionVersion is the level that a broker says the cluster has finalised.
func transactionVersion(t *testing.T, client *kgo.Client, id int32) int16 {
	t.Helper()
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "test", "1"
	for _, f := range askAt[*kmsg.ApiVersionsResponse](t, client, id, req).FinalizedFeatures {
		if f.Name == "transaction.version" {
			return f.MaxVersionLevel
		}
	}
	return 0
}

// A cluster begins at the level that it was given; whoever is asked changes it for all, and it outlives a restart.
func TestFeaturesOfACluster(t *testing.T) {
	c, client, _ := administered(t, 1, 1, brokertest.Configure(func(cfg *broker.Config) {
		cfg.Features = map[string]int16{"transaction.version": 1}
	}))
	for id := range int32(3) {
		if got := transactionVersion(t, client, id); got != 1 {
			t.Errorf("broker %d begins with %d", id, got)
		}
	}
	level := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
	level.Feature, level.MaxVersionLevel, level.UpgradeType = "transaction.version", 2, 1
	req := kmsg.NewPtrUpdateFeaturesRequest()
	req.FeatureUpdates = append(req.FeatureUpdates, level)
	for id := range int32(3) {
		if resp := askAt[*kmsg.UpdateFeaturesResponse](t, client, id, req); resp.ErrorCode != 0 {
			t.Fatalf("raised at broker %d: %+v", id, resp)
		}
		if got := transactionVersion(t, client, id); got != 2 { // who was asked has applied it
			t.Errorf("broker %d is at %d", id, got)
		}
	}
	req.FeatureUpdates[0].MaxVersionLevel = 0
	if resp := askAt[*kmsg.UpdateFeaturesResponse](t, client, 1, req); resp.ErrorCode != kerr.InvalidUpdateVersion.Code {
		t.Errorf("lowered by accident: %+v", resp)
	}
	req.FeatureUpdates[0].UpgradeType = 2
	if resp := askAt[*kmsg.UpdateFeaturesResponse](t, client, 1, req); resp.ErrorCode != 0 {
		t.Fatalf("lowered: %+v", resp)
	}
	c.Kill(0)
	c.Restart(0)
	if got := transactionVersion(t, client, 0); got != 0 {
		t.Errorf("after a restart it is at %d", got)
	}
}
