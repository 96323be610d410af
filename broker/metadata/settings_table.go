package metadata

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// CompareNames orders settings.
func CompareNames(a, b string) int { return cmp.Compare(a, b) }

// settings is the table of topic settings, by name: names, types, defaults and bounds of Apache Kafka 4.4.
// What concerns tiered storage is not there: nothing is stored elsewhere.
var settings = [...]Setting{
	{Name: "cleanup.policy", Broker: "log.cleanup.policy", Type: ListSetting, Default: "delete", Values: []string{"compact", "delete"},
		Doc: "What becomes of old records: delete them by age and size, compact them by key, both or neither.", field: func(s *Settings) any { return &s.Cleanup }},
	{Name: "compression.gzip.level", Broker: "compression.gzip.level", Type: IntSetting, Default: "-1", Min: -1, Max: 9, check: notZero,
		Doc: "Level of gzip where compression.type is gzip; -1 is the codec's own.", field: func(s *Settings) any { return &s.GzipLevel }},
	{Name: "compression.lz4.level", Broker: "compression.lz4.level", Type: IntSetting, Default: "9", Min: 1, Max: 17,
		Doc: "Level of lz4 where compression.type is lz4.", field: func(s *Settings) any { return &s.Lz4Level }},
	{Name: "compression.type", Broker: "compression.type", Type: StringSetting, Default: ProducerCompression,
		Values: []string{"uncompressed", "zstd", "lz4", "snappy", "gzip", ProducerCompression},
		Doc:    "Codec of stored batches; producer keeps what the producer chose.", field: func(s *Settings) any { return &s.Compression }},
	{Name: "compression.zstd.level", Broker: "compression.zstd.level", Type: IntSetting, Default: "3", Min: -131072, Max: 22,
		Doc: "Level of zstd where compression.type is zstd.", field: func(s *Settings) any { return &s.ZstdLevel }},
	{Name: "delete.retention.ms", Broker: "log.cleaner.delete.retention.ms", Type: LongSetting, Default: "86400000",
		Doc: "How long a compacted log keeps tombstones.", field: func(s *Settings) any { return &s.DeleteRetentionMillis }},
	{Name: "file.delete.delay.ms", Broker: "log.segment.delete.delay.ms", Type: LongSetting, Default: "60000",
		Doc: "Kept and shown; the files of a deleted segment go at once.", field: func(s *Settings) any { return &s.FileDeleteDelayMillis }},
	{Name: "flush.messages", Broker: "log.flush.interval.messages", Type: LongSetting, Default: maxLong, Min: 1,
		Doc: "Kept and shown; the broker's flush policy decides when records are synced."},
	{Name: "flush.ms", Broker: "log.flush.interval.ms", Type: LongSetting, Default: maxLong,
		Doc: "Kept and shown; the broker's flush policy decides when records are synced."},
	{Name: "follower.replication.throttled.replicas", Broker: "follower.replication.throttled.replicas", Type: ListSetting, check: throttled,
		Doc: "Kept and shown, for tools that set it while they move replicas; replication is not throttled here."},
	{Name: "index.interval.bytes", Broker: "log.index.interval.bytes", Type: IntSetting, Default: "4096",
		Doc: "Bytes of log, at least, between two entries of an index.", field: func(s *Settings) any { return &s.IndexIntervalBytes }},
	{Name: "internal.segment.bytes", Broker: "internal.segment.bytes", Type: IntSetting, Default: "0", Internal: true,
		Doc: "segment.bytes below its minimum, for tests; 0 leaves it alone.", field: func(s *Settings) any { return &s.internalSegmentBytes }},
	{Name: "leader.replication.throttled.replicas", Broker: "leader.replication.throttled.replicas", Type: ListSetting, check: throttled,
		Doc: "Kept and shown, for tools that set it while they move replicas; replication is not throttled here."},
	{Name: "max.compaction.lag.ms", Broker: "log.cleaner.max.compaction.lag.ms", Type: LongSetting, Default: maxLong, Min: 1,
		Doc: "How long a record may stay uncompacted.", field: func(s *Settings) any { return &s.MaxCompactionLagMillis }},
	{Name: "max.message.bytes", Broker: "message.max.bytes", Type: IntSetting, Default: "1048588",
		Doc: "Largest record batch that is accepted, compressed.", field: func(s *Settings) any { return &s.MaxMessageBytes }},
	{Name: "message.timestamp.after.max.ms", Broker: "log.message.timestamp.after.max.ms", Type: LongSetting, Default: "3600000",
		Doc: "How far in the future a record's CreateTime may be.", field: func(s *Settings) any { return &s.TimestampAfterMaxMillis }},
	{Name: "message.timestamp.before.max.ms", Broker: "log.message.timestamp.before.max.ms", Type: LongSetting, Default: maxLong,
		Doc: "How old a record's CreateTime may be.", field: func(s *Settings) any { return &s.TimestampBeforeMaxMillis }},
	{Name: "message.timestamp.type", Broker: "log.message.timestamp.type", Type: StringSetting, Default: CreateTime, Values: []string{CreateTime, LogAppendTime},
		Doc: "Whose time records have: the producer's, or that of the append.", field: func(s *Settings) any { return &s.TimestampType }},
	{Name: "min.cleanable.dirty.ratio", Broker: "log.cleaner.min.cleanable.ratio", Type: DoubleSetting, Default: "0.5", Max: 1,
		Doc: "Which part of a log must be dirty before it is compacted.", field: func(s *Settings) any { return &s.MinDirtyRatio }},
	{Name: "min.compaction.lag.ms", Broker: "log.cleaner.min.compaction.lag.ms", Type: LongSetting, Default: "0",
		Doc: "How long a record stays uncompacted at least.", field: func(s *Settings) any { return &s.MinCompactionLagMillis }},
	{Name: MinISRConfig, Broker: MinISRConfig, Type: IntSetting, Default: "1", Min: 1,
		Doc: "In-sync replicas without which no record is committed.", field: func(s *Settings) any { return &s.MinISR }},
	{Name: "preallocate", Broker: "log.preallocate", Type: BoolSetting, Default: "false",
		Doc: "Kept and shown; files grow as they are written."},
	{Name: "retention.bytes", Broker: "log.retention.bytes", Type: LongSetting, Default: "-1", Min: -1,
		Doc: "How large a partition may be before its oldest segments are deleted; -1 for any size.", field: func(s *Settings) any { return &s.RetentionBytes }},
	{Name: "retention.ms", Broker: "log.retention.ms", Type: LongSetting, Default: "604800000", Min: -1,
		Doc: "How long records are kept after their timestamp; -1 for ever.", field: func(s *Settings) any { return &s.RetentionMillis }},
	{Name: "segment.bytes", Broker: "log.segment.bytes", Type: IntSetting, Default: "1073741824", Min: 1 << 20,
		Doc: "Size at which a log begins a new segment.", field: func(s *Settings) any { return &s.SegmentBytes }},
	{Name: "segment.index.bytes", Broker: "log.index.size.max.bytes", Type: IntSetting, Default: "10485760", Min: 4,
		Doc: "Kept and shown; an index has the size of its entries."},
	{Name: "segment.jitter.ms", Broker: "log.roll.jitter.ms", Type: LongSetting, Default: "0",
		Doc: "Most that is taken off segment.ms, another for each segment.", field: func(s *Settings) any { return &s.SegmentJitterMillis }},
	{Name: "segment.ms", Broker: "log.roll.ms", Type: LongSetting, Default: "604800000", Min: 1,
		Doc: "Age at which a log begins a new segment.", field: func(s *Settings) any { return &s.SegmentMillis }},
	{Name: UncleanConfig, Broker: UncleanConfig, Type: BoolSetting, Default: "false",
		Doc: "Whether a leader that may have lost records is better than none.", field: func(s *Settings) any { return &s.Unclean }},
}

// brokerSettings are those that a broker has and topics have not, and that may be changed while it runs.
var brokerSettings = [...]Setting{
	{Broker: "follower.replication.throttled.rate", Type: LongSetting, Default: maxLong, Doc: "Kept and shown, for tools that set it while they move replicas; replication is not throttled here."},
	{Broker: "leader.replication.throttled.rate", Type: LongSetting, Default: maxLong, Doc: "Kept and shown, for tools that set it while they move replicas; replication is not throttled here."},
	{Broker: "replica.alter.log.dirs.io.max.bytes.per.second", Type: LongSetting, Default: maxLong, Doc: "Kept and shown; a broker has one log directory."},
}

var maxLong = strconv.Itoa(math.MaxInt64)

// notZero is gzip's rule: its levels are -1 and 1 to 9.
func notZero(value string) error {
	if value == "0" {
		return fmt.Errorf("-1, or a number from 1 to 9")
	}
	return nil
}

// throttled takes * for all replicas, or a list of partition:broker.
func throttled(value string) error {
	if value == "*" {
		return nil
	}
	for _, item := range Items(value) {
		partition, broker, _ := strings.Cut(item, ":")
		_, err := strconv.ParseUint(partition, 10, 31)
		_, err2 := strconv.ParseUint(broker, 10, 31)
		if err != nil || err2 != nil {
			return fmt.Errorf("*, or a list of partition:broker, as in 0:1,1:2")
		}
	}
	return nil
}
