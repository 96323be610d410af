package ci

// difference is one thing that the reference broker does on purpose in another way than Apache Kafka 4.
type difference struct {
	// area is a heading of the page.
	area string
	// here and kafka are what each does.
	here, kafka string
	// test shows what is done here, as package and name.
	test string
}

// Areas of the page, in its order.
const (
	areaCluster      = "Cluster and metadata"
	areaRecords      = "Records and logs"
	areaRetention    = "Retention and deletion"
	areaSettings     = "Settings"
	areaGroups       = "Consumer groups"
	areaTransactions = "Transactions"
	areaProtocol     = "Protocol and limits"
)

// differences is the one list of them: docs/differences.md is made from it. An entry without a test does not go in.
var differences = []difference{
	{areaCluster, "The metadata quorum is etcd's raft, with requests of its own between controllers", "KRaft, with Fetch and Vote (KIP-595)", "broker/quorum TestSafety"},
	{areaCluster, "Brokers follow the metadata by a request of their own (MetadataTail) on a peer listener of their own", "Fetch of __cluster_metadata", "broker TestControllerAndBroker"},
	{areaCluster, "A replica that a reassignment adds does not count for min.insync.replicas before it is in sync", "It counts as soon as it is assigned", "broker/partition TestReplicasBeingAdded"},
	{areaCluster, "The cancel of a reassignment is refused with INVALID_REPLICA_ASSIGNMENT while too few of the former replicas are in sync to keep what is committed", "It is always taken", "broker/controller TestModel"},
	{areaCluster, "A leader whose AlterPartition was refused with INVALID_REQUEST asks again: that says that the controller did not take it, and not that there is anything newer", "It waits for the next metadata", "broker/partition TestTranscripts"},
	{areaCluster, "A change of min.insync.replicas gives its partitions a new partition epoch, so that a leader that has not heard of it is refused", "The epoch stays", "broker/controller TestMinISRChangesUnderALeader"},
	{areaCluster, "DescribeQuorum on a peer listener is answered by every voter with what it knows; observers are not listed", "Only the leader answers, with observers", "broker/controller TestDescribeQuorumOfAFollower"},
	{areaCluster, "A broker that is not fenced cannot be unregistered: INVALID_REQUEST", "It is forgotten, and registers again", "broker/controller TestUnregisterBroker"},
	{areaCluster, "The levels of features that nobody has changed are not in the metadata log: they are those of the program", "The log of a new cluster begins with all of them", "broker/controller TestLevelsOfANewCluster"},
	{areaCluster, "Eligible leader replicas are always kept, and what the controllers write has one form: the levels of both features are fixed, and there is no group.version 1", "They can be raised, and some lowered", "broker/controller TestUpdateFeatures"},

	{areaRecords, "Records are synced before they are acknowledged (--flush commit), and none that is not synced on all of the ISR is shown to readers; --flush interval and none are weaker", "The page cache and replication are enough", "broker/node TestFlushPolicies"},
	{areaRecords, "The high watermark is the least synced end of the ISR", "The least end, synced or not", "broker/partition TestCommitWaitsForSync"},
	{areaRecords, "A disk that is full or fails stops the broker", "The log directory goes offline, the broker goes on with others", "broker TestDiskFails"},
	{areaRecords, "A sealed segment whose bits rot is set aside and fetched again from the leader", "It is found by whoever reads it", "broker/node TestSegmentRots"},
	{areaRecords, "A fetch whose last epoch is above all that the leader knows is told where the logs part", "OFFSET_OUT_OF_RANGE", "ci/twins TestTwins"},
	{areaRecords, "A batch that expands to more than 100 MiB is refused with MESSAGE_TOO_LARGE, a zstd window above 8 MiB with INVALID_RECORD", "No limit, and 128 MiB", "broker/batch TestBombs"},
	{areaRecords, "A producer that a log does not know begins with sequence 0, unless it may have been forgotten: a second batch must not go before the first, which was refused for a moment's reason", "It may begin with any sequence (KAFKA-14359)", "broker/log TestUnknownProducerGoesOn"},
	{areaRecords, "Producers' sequences are found again in the batches that are left after a crash or a truncation", "In producer state snapshots", "broker/log TestProducersSurvive"},
	{areaRecords, "Of the transactions that have ended, and whose markers are not known to be committed, a log remembers the last 4096: before them nothing is stable, as after a restart until the high watermark is known", "All of them, and the high watermark is checkpointed", "broker/log TestEndedTransactionsAreBounded"},

	{areaRetention, "A segment whose records have no timestamp is never too old", "The time of its file counts", "broker/log TestExpired"},
	{areaRetention, "A segment that goes is deleted at once; file.delete.delay.ms has no effect", "It is renamed and deleted a minute later", "broker/log TestRetainByTimeTakesTheActiveSegment"},
	{areaRetention, "The start of a log is durable before anybody is told of it", "It is checkpointed every minute", "broker/node TestLogStartThroughFailures"},
	{areaRetention, "DeleteRecords wakes the followers, whose next fetch would come later", "It waits for their next fetch", "broker/brokertest TestDeleteRecordsWaitsForReplicas"},
	{areaRetention, "Where compaction has taken out whole batches, a batch without records covers their offsets", "There is a hole", "broker/log TestClean"},
	{areaRetention, "Compaction keeps every batch by which the log remembers an idempotent producer, emptied: its last five", "The last one", "broker/log TestClean"},
	{areaRetention, "Compaction tells keys apart by 128 bits of SHA-256", "By MD5, of which anybody can make two that are the same", "broker/log/clean TestOffsets"},
	{areaRetention, "Compaction takes whole segments below the last stable offset", "It may take the part of a segment that lies below", "broker/log TestCleanBound"},

	{areaSettings, "Settings of tiered storage are unknown: INVALID_CONFIG", "They are taken, and without effect where there is no tiered storage", "broker/metadata TestSettingsValues"},
	{areaSettings, "CreateTopics tells the settings in force on the active controller, which knows none of single brokers", "Those of the broker that was asked", "broker/metadata TestSettingsInForce"},
	{areaSettings, "Groups, client metrics and broker loggers have no settings", "They have", "broker/api TestDescribeConfigs"},
	{areaSettings, "min.insync.replicas and unclean.leader.election.enable are given to all brokers or to topics, not to one broker", "To one broker, too", "broker/controller TestIncrementalAlterConfigs"},
	{areaSettings, "ListConfigResources has topics and brokers", "Groups and client metrics, too", "broker/api TestListConfigResources"},
	{areaSettings, "DescribeConfigs of a broker has those settings that exist here", "Some 300", "broker/api TestDescribeConfigs"},
	{areaSettings, "flush.messages, flush.ms, preallocate, segment.index.bytes and the throttles of replication are kept and shown", "They act", "broker/metadata TestSettingsTable"},
	{areaSettings, "A broker has one log directory", "Several, between which replicas move", "broker/api TestDescribeLogDirs"},

	{areaGroups, "FindCoordinator of share groups is INVALID_REQUEST", "Their topic is made", "broker/brokertest TestInternalTopic"},
	{areaGroups, "__consumer_offsets gets as many replicas as there are brokers, if that is less than it should have", "It is not made until there are enough", "broker/brokertest TestInternalTopic"},
	{areaGroups, "SyncGroup of a generation that a former coordinator began and did not store is REBALANCE_IN_PROGRESS: all join again", "ILLEGAL_GENERATION, or UNKNOWN_MEMBER_ID to new members", "broker/group TestTheCoordinatorGoesBetweenJoinAndSync"},
	{areaGroups, "Who leaves a group is gone once it is answered, also for the next coordinator", "Only with the next assignment: another coordinator waits a whole session for it", "broker/group TestWhoLeavesIsRemembered"},
	{areaGroups, "A second JoinGroup or SyncGroup of a member answers the first with REBALANCE_IN_PROGRESS", "The first is never answered", "broker/group TestJoinAgain"},
	{areaGroups, "A coordinator that the controllers have not answered for a session tells members COORDINATOR_NOT_AVAILABLE: another may have been elected", "It goes on, and two may", "broker/coordinator TestLease"},
	{areaGroups, "Without a leader of their partition of __consumer_offsets, groups are told COORDINATOR_NOT_AVAILABLE", "NOT_COORDINATOR", "broker/coordinator TestWhoServes"},
	{areaGroups, "OffsetDelete keeps the offsets of a topic if the subscription of a member cannot be read", "It deletes them", "broker/group TestDeleteOffsets"},

	{areaTransactions, "An end of a transaction that comes while the one before is still ending is CONCURRENT_TRANSACTIONS", "PRODUCER_FENCED, from version 5 of EndTxn on: a client that ends an empty transaction at once is fenced", "broker/txn TestEndAgain"},
	{areaTransactions, "A produce request of transaction version 2 waits up to 1 s for the producer's former transaction to end", "100 ms", "broker/node TestEnlistAgain"},
	{areaTransactions, "A record of __transaction_state that may be in the log and is not known to be committed is written again until it is: a decision that was made is never another one", "It is as if it had not been written, and the producer or a timeout may decide anew", "broker/txn TestWriteInDoubt"},
	{areaTransactions, "A transaction is aborted when its time is up", "It is looked for every 10 s (transaction.abort.timed.out.transaction.cleanup.interval.ms)", "broker/txn TestTimesOut"},
	{areaTransactions, "InitProducerId that names a former epoch while another producer has a transaction open is PRODUCER_FENCED", "It aborts that transaction, and is PRODUCER_FENCED when it asks again", "broker/txn TestResumeWhileOpen"},
	{areaTransactions, "A marker that a partition refuses with INVALID_PRODUCER_EPOCH, since it knows a later epoch, is not needed there", "No marker of the transaction is sent any more, until the coordinator is another", "broker/txn TestMarkersThatAreNotNeeded"},
	{areaTransactions, "A coordinator that the controllers have not answered for a session tells producers COORDINATOR_NOT_AVAILABLE", "It goes on, and two may", "broker/coordinator TestLeaseOfTransactions"},
	{areaTransactions, "Without a leader of their partition of __transaction_state, producers are told COORDINATOR_NOT_AVAILABLE", "NOT_COORDINATOR", "broker/coordinator TestWhoServesTransactions"},
	{areaTransactions, "__transaction_state gets as many replicas as there are brokers, and no more of them need be in sync, if that is less than it should have", "It is not made until there are enough", "broker/brokertest TestTransactionsOfOneBroker"},

	{areaProtocol, "A request that names a leader epoch ahead of the broker's metadata waits up to 250 ms for it", "UNKNOWN_LEADER_EPOCH at once", "broker/api TestAClientThatIsAheadOfItsBroker"},
	{areaProtocol, "A request may have 262,144 elements in all its lists: one that has more is closed", "As many as its bytes hold", "broker/wire TestLyingRequests"},
	{areaProtocol, "There may be 12,000 connections of clients, or three quarters of the descriptors: one more is closed", "No limit by default", "broker/server TestConnectionStorm"},
	{areaProtocol, "A request that began and does not go on for 30 s is closed", "It may take as long as it likes", "broker/server TestSlowClients"},
}
