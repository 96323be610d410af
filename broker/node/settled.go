package node

import (
	"maps"
	"slices"
	"strconv"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// validates says that a request asks what would be decided, and nothing is.
func validates(asked kmsg.Request) bool {
	switch r := asked.(type) {
	case *kmsg.CreateTopicsRequest:
		return r.ValidateOnly
	case *kmsg.CreatePartitionsRequest:
		return r.ValidateOnly
	case *kmsg.IncrementalAlterConfigsRequest:
		return r.ValidateOnly
	case *kmsg.AlterConfigsRequest:
		return r.ValidateOnly
	case *kmsg.UpdateFeaturesRequest:
		return r.ValidateOnly
	}
	return false
}

// grown reports whether the topics of a request have as many partitions as it gave them.
func (u *uplink) grown(asked *kmsg.CreatePartitionsRequest, resp *kmsg.CreatePartitionsResponse) bool {
	for i := range resp.Topics {
		topic := u.image.Topic(resp.Topics[i].Topic)
		if resp.Topics[i].ErrorCode != 0 || topic == nil {
			continue
		}
		for j := range asked.Topics {
			if t := &asked.Topics[j]; t.Topic == topic.Name && len(topic.Partitions) < int(t.Count) {
				return false
			}
		}
	}
	return true
}

// configsOf are the settings that a resource says itself, and the row of one of them; ok is false if it is gone.
func (u *uplink) configsOf(kind kmsg.ConfigResourceType, name string) (has map[string]string, find func(string) *metadata.Setting, ok bool) {
	if kind == kmsg.ConfigResourceTypeTopic {
		topic := u.image.Topic(name)
		if topic == nil {
			return nil, nil, false
		}
		return topic.Configs, metadata.FindSetting, true
	}
	id := int64(metadata.AllBrokers)
	if name != "" {
		id, _ = strconv.ParseInt(name, 10, 32) // the controller has read it
	}
	return u.image.BrokerConfigs(int32(id)), metadata.FindBrokerSetting, true
}

// operated reports whether the operations of a request show.
func (u *uplink) operated(asked *kmsg.IncrementalAlterConfigsRequest, resp *kmsg.IncrementalAlterConfigsResponse) bool {
	for i := range resp.Resources {
		if resp.Resources[i].ErrorCode != 0 {
			continue
		}
		r := &asked.Resources[i]
		has, find, ok := u.configsOf(r.ResourceType, r.ResourceName)
		for j := range r.Configs {
			if c := &r.Configs[j]; ok && !shows(c, has, find(c.Name)) {
				return false
			}
		}
	}
	return true
}

// shows says that a setting is as an operation has made it.
func shows(c *kmsg.IncrementalAlterConfigsRequestResourceConfig, has map[string]string, row *metadata.Setting) bool {
	value, given := has[c.Name]
	if c.Op == kmsg.IncrementalAlterConfigOpDelete || row == nil {
		return !given
	}
	switch c.Op {
	case kmsg.IncrementalAlterConfigOpAppend:
		return !slices.ContainsFunc(metadata.Items(*c.Value), func(item string) bool { return !slices.Contains(metadata.Items(value), item) })
	case kmsg.IncrementalAlterConfigOpSubtract:
		return given && !slices.ContainsFunc(metadata.Items(*c.Value), func(item string) bool { return slices.Contains(metadata.Items(value), item) })
	}
	want, err := row.Parse(*c.Value)
	return err == nil && given && value == want
}

// replaced reports whether the resources of a request say what it gave them, and nothing else.
func (u *uplink) replaced(asked *kmsg.AlterConfigsRequest, resp *kmsg.AlterConfigsResponse) bool {
	for i := range resp.Resources {
		r := &asked.Resources[i]
		has, find, ok := u.configsOf(r.ResourceType, r.ResourceName)
		if resp.Resources[i].ErrorCode != 0 || !ok {
			continue
		}
		want := map[string]string{}
		for _, c := range r.Configs {
			if row := find(c.Name); row != nil {
				want[c.Name], _ = row.Parse(*c.Value)
			}
		}
		if !maps.Equal(has, want) {
			return false
		}
	}
	return true
}

// levelled reports whether the features of a request are at the levels that it gave them.
func (u *uplink) levelled(asked *kmsg.UpdateFeaturesRequest) bool {
	for i := range asked.FeatureUpdates {
		if f := &asked.FeatureUpdates[i]; u.image.FeatureLevel(f.Feature) != f.MaxVersionLevel {
			return false
		}
	}
	return true
}

// newerUpdate gives a request to update features in the form of version 2: version 0 has another way to say that a
// level may be lowered.
func newerUpdate(r *kmsg.UpdateFeaturesRequest) *kmsg.UpdateFeaturesRequest {
	c := *r
	c.FeatureUpdates = slices.Clone(r.FeatureUpdates)
	for i := range c.FeatureUpdates {
		if f := &c.FeatureUpdates[i]; r.Version == 0 {
			if f.UpgradeType = 1; f.AllowDowngrade {
				f.UpgradeType = 2
			}
		}
	}
	c.SetVersion(2)
	return &c
}
