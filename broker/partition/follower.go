package partition

// Follower is one term of a partition on a node that follows: where it reads on, what it must cut,
// and how far it knows the log to be committed.
type Follower struct {
	// Leader is the broker to fetch from, -1 if the partition has none.
	Leader int32
	Epoch  int32
	cfg    Config
	broker int64
	// Invariant: log.HighWatermark and log.Synced <= log.End.
	log Log
}

// Truncation is what a follower must cut from its log before anything else.
type Truncation struct {
	// To is the end that stays. Below the log's start nothing stays, and the log begins again there.
	To int64
	// Unclean is set when committed records go: the leader was elected without having them.
	Unclean bool
}

// NewFollower begins to follow in a term.
func NewFollower(cfg Config, state State, log Log) *Follower {
	log.check()
	return &Follower{
		Leader: state.Leader, Epoch: state.LeaderEpoch, cfg: cfg,
		broker: state.broker(cfg.Self).Epoch, log: log,
	}
}

// MetadataChanged takes what the metadata log says within the term: this broker may have registered anew,
// and its leader takes fetches of its present epoch only (KIP-903).
func (f *Follower) MetadataChanged(s State) { f.broker = s.broker(f.cfg.Self).Epoch }

// Begin says what to cut before the first fetch: nothing. The log is compared with the leader's by
// epochs, in the first fetch: the high watermark that this replica knows may be too old, and what lies
// above it committed (KIP-101).
func (f *Follower) Begin() (Truncation, bool) {
	if f.cfg.Bugs.HWTruncate && f.log.HighWatermark < f.log.End {
		return Truncation{To: f.log.HighWatermark}, true
	}
	return Truncation{}, false
}

// HighWatermark is the offset below which this replica knows the records to be committed.
func (f *Follower) HighWatermark() int64 { return f.log.HighWatermark }

// LogEnd is the offset of the next record.
func (f *Follower) LogEnd() int64 { return f.log.End }

// Log is where the log stands, for the machine of the next term.
func (f *Follower) Log() Log { return f.log }

// Fetch says where to read on. It reports false if there is no leader, or what was read is not synced
// yet: the leader counts everything below the offset as safe here, and with flush: commit only synced
// records are.
//
// The epoch it says is that of its last record, which is not always the latest that the log has seen:
// a leader whose term left no record would name an epoch that no other log has, for ever.
func (f *Follower) Fetch(records RecordEpochs) (Fetch, bool) {
	offset := f.log.safe(f.cfg.Flush)
	if f.cfg.Bugs.UnsyncedFollower {
		offset = f.log.End
	}
	return Fetch{
		Replica: f.cfg.Self, BrokerEpoch: f.broker, LeaderEpoch: f.Epoch, LastEpoch: records.EpochForOffset(offset - 1),
		Offset: offset, HighWatermark: f.log.HighWatermark,
	}, f.Leader >= 0 && offset == f.log.End
}

// Appended moves the log end to where the leader's records end.
func (f *Follower) Appended(end int64) { f.log.appended(end) }

// Synced moves the synced end.
func (f *Follower) Synced(end int64) { f.log.synced(end) }

// LeaderSaid takes the leader's high watermark, which counts as far as this log goes. It reports
// whether that moved this replica's. A new leader may know less than the one before: what was
// committed stays committed.
func (f *Follower) LeaderSaid(highWatermark int64) bool {
	known := min(highWatermark, f.log.End)
	if known <= f.log.HighWatermark {
		return false
	}
	f.log.HighWatermark = known
	return true
}

// Diverged says what to cut when the leader's log is another: the common epoch may be older than the
// leader's answer, so it is repeated by the next fetch until both logs agree (KIP-279).
func (f *Follower) Diverged(d DivergingEpoch, cache Epochs) Truncation {
	_, end := endOf(cache, d.Epoch)
	to := min(end, d.End)
	if f.cfg.Bugs.HWTruncate {
		to = min(to, f.log.HighWatermark)
	}
	return Truncation{To: to, Unclean: to < f.log.HighWatermark}
}

// Restarted takes the place where the log begins again, empty and durable: the leader's log start, below which all
// that was committed is deleted.
func (f *Follower) Restarted(start int64) {
	f.log = Log{End: start, Synced: start, HighWatermark: start}
}

// Truncated takes the end of the log after a cut. Batches go whole, so it may be lower than asked.
func (f *Follower) Truncated(end int64) {
	f.log.End = end
	f.log.Synced = min(f.log.Synced, end)
	f.log.HighWatermark = min(f.log.HighWatermark, end)
	f.log.check()
}
