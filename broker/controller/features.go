package controller

import (
	"fmt"
	"maps"
	"slices"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kinds of a change of a feature's level, by Kafka's numbers (KIP-584, KIP-778).
const (
	upgrade         = 1
	unsafeDowngrade = 3 // 2 is a safe one; nothing is lost by either here
)

// Begin gives what the log of a new cluster begins with: the levels of features that it was told to begin with. It
// gives nothing in a cluster that has decided anything.
func (m *Machine) Begin() (records []metadata.Record) {
	if m.image.Offset > 0 {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(m.cfg.Levels)) {
		if level := m.cfg.Levels[name]; level != m.image.FeatureLevel(name) {
			records = append(records, levelRecord(name, level))
		}
	}
	return records
}

func levelRecord(name string, level int16) metadata.Record {
	return metadata.Record{FeatureLevel: &metadata.FeatureLevelRecord{Name: name, Level: level}}
}

// CheckLevel says why a feature cannot be at a level; nil if it can.
func CheckLevel(name string, level int16) error {
	switch f := metadata.FindFeature(name); {
	case f == nil:
		return fmt.Errorf("there is no feature %q", name)
	case level < f.Min || level > f.Max:
		return fmt.Errorf("%s %d: want %d to %d", name, level, f.Min, f.Max)
	}
	return nil
}

// UpdateFeatures changes levels of features in the whole cluster: all that are asked for, or none and the error of the
// first that cannot be (KIP-584). The level of a feature is lowered only by who says that it may be; with validate-only
// nothing is recorded. The request is of version 2.
func (m *Machine) UpdateFeatures(req *kmsg.UpdateFeaturesRequest) ([]metadata.Record, *kmsg.UpdateFeaturesResponse) {
	resp := req.ResponseKind().(*kmsg.UpdateFeaturesResponse)
	var records []metadata.Record
	seen := map[string]bool{}
	for i := range req.FeatureUpdates {
		asked := &req.FeatureUpdates[i]
		err := m.checkUpdate(asked)
		if seen[asked.Feature] {
			err = fail(kerr.InvalidRequest, "%s stands more than once", asked.Feature)
		}
		if err != nil {
			resp.ErrorCode = err.code.Code
			resp.ErrorMessage = kmsg.StringPtr("The update failed for all features since the following feature had an error: " + err.message)
			return nil, resp
		}
		seen[asked.Feature] = true
		if asked.MaxVersionLevel != m.image.FeatureLevel(asked.Feature) {
			records = append(records, levelRecord(asked.Feature, asked.MaxVersionLevel))
		}
	}
	if req.ValidateOnly {
		records = nil
	}
	return records, resp
}

// checkUpdate says why one feature keeps its level.
func (m *Machine) checkUpdate(asked *kmsg.UpdateFeaturesRequestFeatureUpdate) *failure {
	refuse := func(why string) *failure {
		return fail(kerr.InvalidUpdateVersion, "Invalid update version %d for feature %s. %s", asked.MaxVersionLevel, asked.Feature, why)
	}
	kind, current := asked.UpgradeType, m.image.FeatureLevel(asked.Feature)
	switch err := CheckLevel(asked.Feature, asked.MaxVersionLevel); {
	case kind < upgrade || kind > unsafeDowngrade:
		return refuse("The controller does not support the given upgrade type.")
	case asked.MaxVersionLevel < 0:
		return refuse("A feature version cannot be less than 0.")
	case err != nil:
		return refuse(err.Error())
	case asked.MaxVersionLevel < current && kind == upgrade:
		return refuse("Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.")
	case asked.MaxVersionLevel > current && kind != upgrade:
		return refuse("Can't downgrade to a newer version.")
	}
	return nil
}
