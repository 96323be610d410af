package metadata

import (
	"maps"
	"slices"
)

// Source of a value, by Kafka's number for it in DescribeConfigs.
type Source int8

// Sources, the one that wins first.
const (
	FromTopic         Source = 1 // the topic says so
	FromBroker        Source = 2 // said of one broker, while it runs
	FromDefaultBroker Source = 3 // said of all brokers, while they run
	FromStart         Source = 4 // the broker was started with it
	FromTable         Source = 5 // nobody says anything
)

// AllBrokers stands for the broker in what is said of all of them.
const AllBrokers int32 = -1

// Said is a value and who says it, by the name that it has there.
type Said struct {
	Name, Value string
	Source      Source
}

// Value is what is in force for a setting.
type Value struct {
	Setting *Setting
	Said
	// Synonyms are all who say something, the one that wins first.
	Synonyms []Said
	// ReadOnly values cannot be changed while the broker runs.
	ReadOnly bool
}

// BrokerConfigs are the settings that were given to a broker while it runs, or to AllBrokers, by the names
// that brokers have for them. The map must not be changed.
func (im *Image) BrokerConfigs(broker int32) map[string]string { return im.configs[broker] }

// Defaults are the settings of topics that say nothing on a broker that was started with base: what was said of
// all brokers comes before that, and what was said of this one before both.
func (im *Image) Defaults(base Settings, broker int32) Settings {
	for _, id := range []int32{AllBrokers, broker} {
		if len(im.configs[id]) > 0 {
			base = base.with(byTopicName(im.configs[id]))
		}
	}
	return base
}

// byTopicName gives settings of a broker by the names that topics have for them; a broker's own are left out.
func byTopicName(configs map[string]string) map[string]string {
	named := map[string]string{}
	for name, value := range configs {
		if row := FindBrokerSetting(name); row != nil {
			named[row.Name] = value
		}
	}
	return named
}

// TopicValues are all settings of a topic that are in force on a broker, by name. Static is what that broker was
// started with, by the names of topic settings.
func (im *Image) TopicValues(topic map[string]string, static map[string]string, broker int32) []Value {
	var values []Value
	for i := range settings {
		row := &settings[i]
		own, given := topic[row.Name]
		if row.Internal && !given {
			continue
		}
		v := Value{Setting: row, Synonyms: im.said(row, static, broker)}
		if given {
			v.Synonyms = slices.Insert(v.Synonyms, 0, Said{row.Name, own, FromTopic})
		}
		v.Said = Said{row.Name, v.Synonyms[0].Value, v.Synonyms[0].Source}
		values = append(values, v)
	}
	return values
}

// BrokerValues are the settings of a broker that are in force and may be changed while it runs, by name.
func (im *Image) BrokerValues(static map[string]string, broker int32) []Value {
	var values []Value
	for _, row := range brokerRows {
		v := Value{Setting: row, Synonyms: im.said(row, static, broker)}
		v.Said = v.Synonyms[0]
		values = append(values, v)
	}
	return values
}

// ToldToAll are the settings that all brokers were told while they run, by name.
func (im *Image) ToldToAll() []Value {
	var values []Value
	for _, row := range brokerRows {
		if value, ok := im.configs[AllBrokers][row.Broker]; ok {
			said := Said{row.Broker, value, FromDefaultBroker}
			values = append(values, Value{Setting: row, Said: said, Synonyms: []Said{said}})
		}
	}
	return values
}

// FixedValue is a setting that a broker was started with, and that no topic has.
func FixedValue(name string, kind SettingType, value, doc string) Value {
	said := Said{name, value, FromStart}
	return Value{Setting: &Setting{Broker: name, Type: kind, Doc: doc}, Said: said, Synonyms: []Said{said}, ReadOnly: true}
}

// said is what brokers say of a setting.
func (im *Image) said(row *Setting, static map[string]string, broker int32) (said []Said) {
	if value, ok := im.configs[broker][row.Broker]; ok {
		said = append(said, Said{row.Broker, value, FromBroker})
	}
	if value, ok := im.configs[AllBrokers][row.Broker]; ok {
		said = append(said, Said{row.Broker, value, FromDefaultBroker})
	}
	if value, ok := static[row.Name]; ok {
		said = append(said, Said{row.Broker, value, FromStart})
	}
	return append(said, Said{row.Broker, row.Default, FromTable})
}

// applyBrokerConfig changes what is said of a broker, or of all.
func (im *Image) applyBrokerConfig(r *BrokerConfigRecord) {
	all := maps.Clone(im.configs) // an older image has it too
	if all == nil {
		all = map[int32]map[string]string{}
	}
	all[r.Broker] = changed(all[r.Broker], r.Set, r.Unset)
	if all[r.Broker] == nil {
		delete(all, r.Broker)
	}
	im.configs = all
}

// changed gives settings after a change of some of them, in a map of their own; nil for none.
func changed(configs, set map[string]string, unset []string) map[string]string {
	next := maps.Clone(configs)
	if next == nil {
		next = map[string]string{}
	}
	for _, name := range unset {
		delete(next, name)
	}
	maps.Copy(next, set)
	if len(next) == 0 {
		return nil // so that equal images look equal
	}
	return next
}
