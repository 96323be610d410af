package node

import (
	"testing"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A node that is alone begins at the level that it was given, changes it when it is asked, and goes by it when it
// answers.
func TestFeatureOfANode(t *testing.T) {
	files, cfg := mem.New(), testConfig()
	cfg.Controller.Levels = map[string]int16{metadata.TransactionVersion: 1}
	s := startNode(t, files, cfg)
	level := func() int16 { return s.node.metadata.image.FeatureLevel(metadata.TransactionVersion) }
	if level() != 1 {
		t.Fatalf("it begins with %d", level())
	}
	for _, version := range []int16{1, 2} {
		for _, to := range []int16{2, 1} {
			req := kmsg.NewPtrUpdateFeaturesRequest()
			req.SetVersion(version)
			f := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
			f.Feature, f.MaxVersionLevel, f.UpgradeType, f.AllowDowngrade = metadata.TransactionVersion, to, int8(3-to), to == 1
			req.FeatureUpdates = append(req.FeatureUpdates, f)
			if resp := ask[*kmsg.UpdateFeaturesResponse](s, req); resp.ErrorCode != 0 || level() != to {
				t.Errorf("version %d, to %d: it is at %d; %+v", version, to, level(), resp)
			}
		}
	}
	if err := s.node.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.Controller.Levels = nil
	if s = startNode(t, files, cfg); level() != 1 {
		t.Errorf("after a restart it is at %d", level())
	}
}

// The active controller says that a level has changed, and from where.
func TestFeatureEvent(t *testing.T) {
	before := metadata.NewImage("c", nil)
	records := []metadata.Record{{FeatureLevel: &metadata.FeatureLevelRecord{Name: metadata.TransactionVersion, Level: 1}}}
	var fx actor.Effects
	announce(before, before.Apply(records), records, &fx)
	if len(fx.Events) != 1 || fx.Events[0] != (event.FeatureChanged{Feature: metadata.TransactionVersion, Before: 2, Level: 1}) {
		t.Fatalf("%+v", fx.Events)
	}
	if got := fx.Events[0].String(); got != "transaction.version is at level 1, it was at 2" || fx.Events[0].Name() != "feature-changed" {
		t.Error(got)
	}
}

// Version 0 says in another way that a level may be lowered.
func TestUpdateFeaturesOfVersion0(t *testing.T) {
	for lower, want := range map[bool]int8{false: 1, true: 2} {
		req := kmsg.NewPtrUpdateFeaturesRequest()
		f := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
		f.AllowDowngrade = lower
		req.FeatureUpdates = append(req.FeatureUpdates, f)
		if sent := newerUpdate(req); sent.Version != 2 || sent.FeatureUpdates[0].UpgradeType != want || req.FeatureUpdates[0].UpgradeType != 0 {
			t.Errorf("lower %v: %+v, and the client's is %+v", lower, sent, req)
		}
	}
}
