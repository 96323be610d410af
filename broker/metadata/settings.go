package metadata

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Settings of a topic in force: what it says itself, what a broker says for all topics, Kafka's
// defaults, in this order. Times are in milliseconds, sizes in bytes. Two are equal (==) if they say
// the same. Where -1 means "without bound", the comment says so.
type Settings struct {
	// Cleanup says what becomes of old records (cleanup.policy).
	Cleanup Cleanup
	// RetentionMillis is how long records are kept after their timestamp, RetentionBytes how large a
	// partition may be before its oldest segments go; -1: for ever, of any size.
	RetentionMillis, RetentionBytes int64
	// SegmentBytes and SegmentMillis are how large and how old a segment becomes before the next one
	// begins; SegmentJitterMillis is the most that is taken off the latter, so that segments of many
	// partitions do not all end at once.
	SegmentBytes, SegmentMillis, SegmentJitterMillis int64
	// IndexIntervalBytes of log, at least, lie between two entries of an index.
	IndexIntervalBytes int64
	// FileDeleteDelayMillis is how long the files of a deleted segment stay.
	FileDeleteDelayMillis int64
	// MaxMessageBytes is the largest record batch that is accepted, compressed.
	MaxMessageBytes int64
	// Compression is the codec of stored batches; "producer" is the producer's own. The levels count
	// where batches are compressed here.
	Compression                    string
	GzipLevel, Lz4Level, ZstdLevel int64
	// TimestampType is CreateTime or LogAppendTime. Batches with CreateTime must not be older than
	// TimestampBeforeMaxMillis, nor further in the future than TimestampAfterMaxMillis.
	TimestampType                                     string
	TimestampBeforeMaxMillis, TimestampAfterMaxMillis int64
	// MinISR is min.insync.replicas; the partition's number of replicas bounds it (Topic.MinISR).
	MinISR int64
	// Unclean prefers a leader that may have lost records to none.
	Unclean bool
	// What compaction goes by: how long tombstones stay, how much of a log must be dirty, and how young
	// or old a record is at least, or at most, when it is compacted.
	DeleteRetentionMillis                          int64
	MinDirtyRatio                                  float64
	MinCompactionLagMillis, MaxCompactionLagMillis int64

	// internalSegmentBytes takes the place of SegmentBytes if it is not 0.
	internalSegmentBytes int64
}

// Cleanup is what may become of old records: both may be, and neither.
type Cleanup struct{ Delete, Compact bool }

// Types of timestamps, as TimestampType has them.
const (
	CreateTime    = "CreateTime"
	LogAppendTime = "LogAppendTime"
)

// ProducerCompression leaves batches as their producer compressed them.
const ProducerCompression = "producer"

// defaultSettings are those of a topic and a broker that say nothing.
var defaultSettings = func() (s Settings) {
	for i := range settings {
		settings[i].put(&s, settings[i].Default)
	}
	return s.complete()
}()

// complete lets the internal settings take the places of those that they stand for.
func (s Settings) complete() Settings {
	if s.internalSegmentBytes > 0 {
		s.SegmentBytes = s.internalSegmentBytes
	}
	return s
}

// AllSettings is the table of topic settings by name, the internal ones too. It must not be changed.
func AllSettings() []Setting { return settings[:] }

// FindSetting gives the row of a topic setting; nil if there is none of that name.
func FindSetting(name string) *Setting {
	i, ok := slices.BinarySearchFunc(settings[:], name, func(s Setting, name string) int { return CompareNames(s.Name, name) })
	if !ok {
		return nil
	}
	return &settings[i]
}

// FindBrokerSetting gives the row of a setting by the name that brokers have for it, also one that topics do
// not have; nil if there is none.
func FindBrokerSetting(name string) *Setting {
	i, ok := slices.BinarySearchFunc(brokerRows, name, func(s *Setting, name string) int { return CompareNames(s.Broker, name) })
	if !ok {
		return nil
	}
	return brokerRows[i]
}

// brokerRows are the settings that brokers have, by their names for them.
var brokerRows = func() (rows []*Setting) {
	for i := range settings {
		if !settings[i].Internal {
			rows = append(rows, &settings[i])
		}
	}
	for i := range brokerSettings {
		rows = append(rows, &brokerSettings[i])
	}
	slices.SortFunc(rows, func(a, b *Setting) int { return CompareNames(a.Broker, b.Broker) })
	return rows
}()

// Defaults are the settings of topics that say nothing, on a broker that says what static has, by the
// names of topic settings. Its values must have been checked (CheckSettings).
func Defaults(static map[string]string) Settings { return defaultSettings.with(static) }

// Settings of the topic in force on a broker with the given defaults. A value that cannot be read, as one
// that an older version of this program let through, counts as not given.
func (t *Topic) Settings(defaults Settings) Settings { return defaults.with(t.Configs) }

// with gives the settings with some of them replaced: each has a field of its own, so the order of the
// map does not matter.
func (s Settings) with(values map[string]string) Settings {
	if len(values) == 0 {
		return s
	}
	for name, value := range values {
		if row := FindSetting(name); row != nil {
			if value, err := row.Parse(value); err == nil {
				row.put(&s, value)
			}
		}
	}
	return s.complete()
}

// CheckSettings gives settings of a topic in their canonical form, or an error that says which of them is
// wrong, and what is allowed.
func CheckSettings(given map[string]string) (map[string]string, error) {
	checked, err := check(given, FindSetting)
	if err != nil {
		return nil, err
	}
	return checked, checkLags(defaultSettings.with(checked))
}

// CheckBrokerSettings is CheckSettings for those of a broker, by its names for them.
func CheckBrokerSettings(given map[string]string) (map[string]string, error) {
	checked, err := check(given, FindBrokerSetting)
	if err != nil {
		return nil, err
	}
	return checked, checkLags(defaultSettings.with(byTopicName(checked)))
}

func check(given map[string]string, find func(string) *Setting) (map[string]string, error) {
	if len(given) == 0 {
		return nil, nil
	}
	checked := make(map[string]string, len(given))
	for _, name := range slices.Sorted(maps.Keys(given)) {
		row := find(name)
		if row == nil {
			return nil, fmt.Errorf("there is no setting %q", name)
		}
		value, err := row.Parse(given[name])
		if err != nil {
			return nil, fmt.Errorf("%s is %q: want %w", name, strings.TrimSpace(given[name]), err)
		}
		checked[name] = value
	}
	return checked, nil
}

func checkLags(s Settings) error {
	if s.MinCompactionLagMillis > s.MaxCompactionLagMillis {
		return fmt.Errorf("min.compaction.lag.ms is %d: want at most max.compaction.lag.ms, which is %d", s.MinCompactionLagMillis, s.MaxCompactionLagMillis)
	}
	return nil
}
