package catalog

// Declarations of the broker: requests, connections, bytes, partitions, disk, recovery.
// The label error is Kafka's error name, "none" on success; to is "consumer" or "follower".
var (
	BrokerRequests = Metric{
		Name: "logproof_broker_requests_total", Type: Counter, Unit: Requests, Labels: []string{"api", "error"},
		Help: "Requests answered, by API and by the error of the answer.",
	}
	BrokerRequestDuration = Metric{
		Name: "logproof_broker_request_duration_seconds", Type: Histogram, Unit: Seconds, Labels: []string{"api"},
		Help: "Time from the last byte of a request read to the last byte of its response handed to the socket.",
	}
	BrokerRequestBytes = Metric{
		Name: "logproof_broker_request_bytes_total", Type: Counter, Unit: Bytes, Labels: []string{"api"},
		Help: "Bytes of requests read, with their four-byte length.",
	}
	BrokerResponseBytes = Metric{
		Name: "logproof_broker_response_bytes_total", Type: Counter, Unit: Bytes, Labels: []string{"api"},
		Help: "Bytes of responses written, with their four-byte length.",
	}
	BrokerConnections = Metric{
		Name: "logproof_broker_connections", Type: Gauge, Unit: Connections, Labels: []string{"listener"},
		Help: "Connections open now, of clients and of other nodes.",
	}
	BrokerConnectionsOpened = Metric{
		Name: "logproof_broker_connections_opened_total", Type: Counter, Unit: Connections, Labels: []string{"listener"},
		Help: "Connections accepted since the start, of clients and of other nodes.",
	}
	BrokerConnectionsClosed = Metric{
		Name: "logproof_broker_connections_closed_total", Type: Counter, Unit: Connections, Labels: []string{"listener", "reason"},
		Help: "Connections that ended, by reason: peer (the other side closed), server, idle, slow (a request began and did not go on), invalid (no request that is served), limit (refused, there are as many as there may be).",
	}
	BrokerPeerRequests = Metric{
		Name: "logproof_broker_peer_requests_total", Type: Counter, Unit: Requests, Labels: []string{"api", "outcome"},
		Help: "Requests to other nodes that ended, by API; ok if there was an answer, failed if none came in time or the connection broke.",
	}
	BrokerPeerRequestDuration = Metric{
		Name: "logproof_broker_peer_request_duration_seconds", Type: Histogram, Unit: Seconds, Labels: []string{"api"},
		Help: "Time from a request to another node until its answer is decoded, with connecting, and with the wait of a long poll.",
	}
	BrokerRecordsIn = Metric{
		Name: "logproof_broker_records_in_total", Type: Counter, Unit: Records, Labels: []string{"topic"},
		Help: "Records appended by producers.",
	}
	BrokerBytesIn = Metric{
		Name: "logproof_broker_bytes_in_total", Type: Counter, Unit: Bytes, Labels: []string{"topic"},
		Help: "Bytes of record batches appended by producers.",
	}
	BrokerBytesOut = Metric{
		Name: "logproof_broker_bytes_out_total", Type: Counter, Unit: Bytes, Labels: []string{"topic", "to"},
		Help: "Bytes of record batches sent in fetch responses.",
	}
	BrokerPartitionLogStart = Metric{
		Name: "logproof_broker_partition_log_start_offset", Type: Gauge, Unit: Offset, Labels: []string{"topic", "partition"},
		Help: "First offset that the partition still holds.",
	}
	BrokerPartitionHighWatermark = Metric{
		Name: "logproof_broker_partition_high_watermark_offset", Type: Gauge, Unit: Offset, Labels: []string{"topic", "partition"},
		Help: "Offset below which records are committed and may be read by consumers.",
	}
	BrokerPartitionLastStable = Metric{
		Name: "logproof_broker_partition_last_stable_offset", Type: Gauge, Unit: Offset, Labels: []string{"topic", "partition"},
		Help: "Offset below which no transaction is open, and to which consumers of committed records read; it stands still while one hangs.",
	}
	BrokerPartitionLogEnd = Metric{
		Name: "logproof_broker_partition_log_end_offset", Type: Gauge, Unit: Offset, Labels: []string{"topic", "partition"},
		Help: "Offset that the next appended record will get.",
	}
	BrokerPartitionSize = Metric{
		Name: "logproof_broker_partition_size_bytes", Type: Gauge, Unit: Bytes, Labels: []string{"topic", "partition"},
		Help: "Bytes of the partition's log segments on this broker.",
	}
	BrokerTopics = Metric{
		Name: "logproof_broker_topics", Type: Gauge, Unit: Topics,
		Help: "Topics that this broker knows.",
	}
	BrokerFsyncDuration = Metric{
		Name: "logproof_broker_fsync_duration_seconds", Type: Histogram, Unit: Seconds,
		Help: "Time of one sync of a partition's log to stable storage.",
	}
	BrokerRecoveryDuration = Metric{
		Name: "logproof_broker_recovery_duration_seconds", Type: Gauge, Unit: Seconds,
		Help: "Time that opening and checking all logs took at the last start.",
	}
	BrokerRecoveryTruncated = Metric{
		Name: "logproof_broker_recovery_truncated_bytes_total", Type: Counter, Unit: Bytes, Labels: []string{"reason"},
		Help: "Bytes that recovery cut from the end of a log, by reason.",
	}
	BrokerCorruptBatches = Metric{
		Name: "logproof_broker_corrupt_batches_total", Type: Counter, Unit: Batches,
		Help: "Record batches refused because their length or checksum was wrong.",
	}
	BrokerDiskFailures = Metric{
		Name: "logproof_broker_disk_failures_total", Type: Counter, Unit: Number, Labels: []string{"kind", "error"},
		Help: "Calls to the disk that failed and stopped the node, by kind of call and errno.",
	}
	BrokerDamagedSegments = Metric{
		Name: "logproof_broker_damaged_segments_total", Type: Counter, Unit: Number,
		Help: "Log segments that were found not to be as they were written.",
	}
	BrokerDeletedSegments = Metric{
		Name: "logproof_broker_deleted_segments_total", Type: Counter, Unit: Number, Labels: []string{"reason"},
		Help: "Log segments that were deleted, by reason: time and size are the topic's retention, log-start a deletion of records.",
	}
	BrokerCleanedBytes = Metric{
		Name: "logproof_broker_cleaned_bytes_total", Type: Counter, Unit: Bytes, Labels: []string{"kind"},
		Help: "Bytes of logs that passes of compaction went through, by kind: read of what was there, written of what is left.",
	}
	BrokerCleanedRecords = Metric{
		Name: "logproof_broker_cleaned_records_total", Type: Counter, Unit: Records, Labels: []string{"kind"},
		Help: "Records of logs that passes of compaction went through, by kind: read of what was there, written of what is left.",
	}
	BrokerCleanings = Metric{
		Name: "logproof_broker_cleanings_total", Type: Counter, Unit: Number, Labels: []string{"outcome"},
		Help: "Passes of compaction over a log, by outcome: done, failed.",
	}
	BrokerStartTime = Metric{
		Name: "logproof_broker_start_time_seconds", Type: Gauge, Unit: Seconds,
		Help: "When the broker started, in seconds since 1970 UTC.",
	}
)

// Broker lists the metrics of the broker, sorted by name.
func Broker() []Metric {
	return sorted(
		BrokerRequests, BrokerRequestDuration, BrokerRequestBytes, BrokerResponseBytes,
		BrokerConnections, BrokerConnectionsOpened, BrokerConnectionsClosed, BrokerPeerRequests, BrokerPeerRequestDuration, BrokerRecordsIn, BrokerBytesIn, BrokerBytesOut,
		BrokerPartitionLogStart, BrokerPartitionHighWatermark, BrokerPartitionLastStable, BrokerPartitionLogEnd, BrokerPartitionSize,
		BrokerTopics, BrokerFsyncDuration, BrokerRecoveryDuration, BrokerRecoveryTruncated,
		BrokerCorruptBatches, BrokerDiskFailures, BrokerDamagedSegments, BrokerDeletedSegments,
		BrokerCleanedBytes, BrokerCleanedRecords, BrokerCleanings, BrokerStartTime,
	)
}
