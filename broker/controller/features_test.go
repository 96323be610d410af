package controller

import (
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// levels is a request for levels written as name=level:kind.
func levels(all ...kmsg.UpdateFeaturesRequestFeatureUpdate) *kmsg.UpdateFeaturesRequest {
	req := kmsg.NewPtrUpdateFeaturesRequest()
	req.SetVersion(2)
	req.FeatureUpdates = all
	return req
}

func level(name string, level int16, kind int8) kmsg.UpdateFeaturesRequestFeatureUpdate {
	f := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
	f.Feature, f.MaxVersionLevel, f.UpgradeType = name, level, kind
	return f
}

// Levels go up and down as it is said, all of a request or nothing of it.
func TestUpdateFeatures(t *testing.T) {
	m := newMachine(1, 1)
	const tv = metadata.TransactionVersion
	for _, c := range []struct {
		name string
		req  *kmsg.UpdateFeaturesRequest
		want *kerr.Error
		says string
		// level of transactions after it.
		level int16
	}{
		{"nothing", levels(), nil, "", 2},
		{"what it is", levels(level(tv, 2, 1)), nil, "", 2},
		{"down, and nobody said so", levels(level(tv, 1, 1)), kerr.InvalidUpdateVersion, "without setting the upgrade type", 2},
		{"down, safely", levels(level(tv, 1, 2)), nil, "", 1},
		{"up, as a downgrade", levels(level(tv, 2, 2)), kerr.InvalidUpdateVersion, "Can't downgrade to a newer version", 1},
		{"down at any price", levels(level(tv, 0, 3)), nil, "", 0},
		{"up", levels(level(tv, 1, 1)), nil, "", 1},
		{"a level that is not served", levels(level(tv, 3, 1)), kerr.InvalidUpdateVersion, "want 0 to 2", 1},
		{"a level below 0", levels(level(tv, -1, 2)), kerr.InvalidUpdateVersion, "cannot be less than 0", 1},
		{"no kind of change", levels(level(tv, 2, 0)), kerr.InvalidUpdateVersion, "upgrade type", 1},
		{"another kind of change", levels(level(tv, 2, 4)), kerr.InvalidUpdateVersion, "upgrade type", 1},
		{"a feature of later", levels(level("share.version", 1, 1)), kerr.InvalidUpdateVersion, "there is no feature", 1},
		{"what there is no choice of", levels(level(metadata.ELRVersion, 0, 2)), kerr.InvalidUpdateVersion, "want 1 to 1", 1},
		{"one good and one bad", levels(level(tv, 2, 1), level(metadata.GroupVersion, 1, 1)), kerr.InvalidUpdateVersion, "group.version 1: want 0 to 0", 1},
		{"one twice", levels(level(tv, 2, 1), level(tv, 2, 1)), kerr.InvalidRequest, "more than once", 1},
		{"two that are good", levels(level(tv, 2, 1), level(metadata.MetadataVersion, 33, 1)), nil, "", 2},
	} {
		records, resp := m.UpdateFeatures(c.req)
		m.Replay(records)
		if kerr.TypedErrorForCode(resp.ErrorCode) != c.want || (resp.ErrorMessage != nil) != (c.want != nil) {
			t.Errorf("%s: %v, want %v", c.name, kerr.ErrorForCode(resp.ErrorCode), c.want)
		}
		if c.want != nil && !strings.Contains(*resp.ErrorMessage, c.says) {
			t.Errorf("%s: %q", c.name, *resp.ErrorMessage)
		}
		if got := m.Image().FeatureLevel(tv); got != c.level {
			t.Errorf("%s: then transactions are at %d, want %d", c.name, got, c.level)
		}
	}
	only := levels(level(tv, 1, 2))
	only.ValidateOnly = true
	if records, resp := m.UpdateFeatures(only); len(records) > 0 || resp.ErrorCode != 0 {
		t.Errorf("only to see whether it could be: %d records, %+v", len(records), resp)
	}
	if _, resp := m.Decide(time.Unix(0, 0), only); resp.Key() != only.Key() {
		t.Errorf("decided: %+v", resp)
	}
	if refused := Refusal(only, kerr.NotController, "it is another"); !NotController(refused) {
		t.Errorf("%+v is not seen to be refused", refused)
	}
}

// A new cluster begins with the levels that it was given, and only a new one.
func TestLevelsOfANewCluster(t *testing.T) {
	cfg := Config{Levels: map[string]int16{metadata.TransactionVersion: 1, metadata.GroupVersion: 0}}
	m := New(cfg, metadata.NewImage("c", nil))
	records := m.Begin()
	if len(records) != 1 || *records[0].FeatureLevel != (metadata.FeatureLevelRecord{Name: metadata.TransactionVersion, Level: 1}) {
		t.Fatalf("%+v", records)
	}
	m.Replay(records)
	if again := m.Begin(); len(again) > 0 || m.Image().FeatureLevel(metadata.TransactionVersion) != 1 {
		t.Errorf("then: %+v", again)
	}
	if plain := New(Config{}, metadata.NewImage("c", nil)).Begin(); len(plain) > 0 {
		t.Errorf("with nothing given: %+v", plain)
	}
}
