package quorum

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	pb "go.etcd.io/raft/v3/raftpb"
)

// A message is a version, a type, flags, numbers as uvarints, and parts with their lengths before
// them:
//
//	version type flags from to term log-term index commit reject-hint context
//	[snapshot: index term data]   if flagged
//	entries: count, then term and data of each; the first has index+1

const (
	codecVersion = 1

	rejectFlag   = 1
	snapshotFlag = 2
)

// spoken are the messages that voters send one another.
var spoken = []pb.MessageType{
	pb.MsgApp, pb.MsgAppResp, pb.MsgVote, pb.MsgVoteResp, pb.MsgSnap, pb.MsgHeartbeat,
	pb.MsgHeartbeatResp, pb.MsgTimeoutNow, pb.MsgPreVote, pb.MsgPreVoteResp,
}

func encode(m *pb.Message) []byte {
	flags := byte(0)
	if m.GetReject() {
		flags |= rejectFlag
	}
	if m.GetSnapshot() != nil {
		flags |= snapshotFlag
	}
	b := []byte{codecVersion, byte(m.GetType()), flags}
	for _, n := range []uint64{
		m.GetFrom(), m.GetTo(), m.GetTerm(), m.GetLogTerm(), m.GetIndex(), m.GetCommit(), m.GetRejectHint(),
	} {
		b = binary.AppendUvarint(b, n)
	}
	b = appendPart(b, m.GetContext())
	if s := m.GetSnapshot(); s != nil {
		b = binary.AppendUvarint(b, s.GetMetadata().GetIndex())
		b = binary.AppendUvarint(b, s.GetMetadata().GetTerm())
		b = appendPart(b, s.GetData())
	}
	b = binary.AppendUvarint(b, uint64(len(m.GetEntries())))
	for i, e := range m.GetEntries() {
		if e.GetIndex() != m.GetIndex()+1+uint64(i) || e.GetType() != pb.EntryNormal {
			panic(fmt.Sprintf("quorum: entry %d of type %s is number %d after %d", e.GetIndex(), e.GetType(), i, m.GetIndex()))
		}
		b = binary.AppendUvarint(b, e.GetTerm())
		b = appendPart(b, e.GetData())
	}
	return b
}

func appendPart(b, part []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

// decode reads what encode wrote, into memory of its own. It lets nothing pass that raft or the log
// would have to trust: entries follow one another, and each is a sound batch.
func decode(b []byte) (*pb.Message, error) {
	if len(b) < 3 || len(b) > MaxMessageBytes {
		return nil, fmt.Errorf("%w: %d bytes", ErrMessage, len(b))
	}
	kind, flags := pb.MessageType(b[1]), b[2]
	switch {
	case b[0] != codecVersion:
		return nil, fmt.Errorf("%w: version %d, want %d", ErrMessage, b[0], codecVersion)
	case !slices.Contains(spoken, kind):
		return nil, fmt.Errorf("%w: type %d", ErrMessage, b[1])
	case flags > rejectFlag|snapshotFlag, (flags&snapshotFlag != 0) != (kind == pb.MsgSnap):
		return nil, fmt.Errorf("%w: flags %x of a %s", ErrMessage, flags, kind)
	}
	p := &parts{rest: b[3:]}
	m := &pb.Message{
		Type: &kind, From: new(p.number(math.MaxInt32 + 1)), To: new(p.number(math.MaxInt32 + 1)),
		Term: new(p.number(math.MaxInt32)), LogTerm: new(p.number(math.MaxInt32)),
		Index: new(p.number(math.MaxInt64)), Commit: new(p.number(math.MaxInt64)),
		Reject: new(flags&rejectFlag != 0), RejectHint: new(p.number(math.MaxInt64)), Context: p.part(),
	}
	if flags&snapshotFlag != 0 {
		m.Snapshot = &pb.Snapshot{Metadata: &pb.SnapshotMetadata{
			Index: new(p.number(math.MaxInt64)), Term: new(p.number(math.MaxInt32)),
		}}
		m.Snapshot.Data = p.part()
	}
	if err := p.entries(m); err != nil {
		return nil, err
	}
	if p.bad || len(p.rest) > 0 {
		return nil, fmt.Errorf("%w: a %s of %d bytes does not end where it should", ErrMessage, kind, len(b))
	}
	if m.Snapshot != nil {
		if _, err := fromSnapshot(m.Snapshot); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// parts takes fields from the front of rest; once bad, it stays bad.
type parts struct {
	rest []byte
	bad  bool
}

func (p *parts) number(most uint64) uint64 {
	n, size := binary.Uvarint(p.rest)
	if p.bad || size <= 0 || n > most {
		p.bad = true
		return 0
	}
	p.rest = p.rest[size:]
	return n
}

// part copies a part; an empty one is nil.
func (p *parts) part() []byte {
	n := p.number(MaxMessageBytes)
	if p.bad || n > uint64(len(p.rest)) {
		p.bad = true
		return nil
	}
	taken := append([]byte(nil), p.rest[:n]...)
	p.rest = p.rest[n:]
	return taken
}

func (p *parts) entries(m *pb.Message) error {
	count := p.number(uint64(len(p.rest)) / 2) // an entry has at least two bytes
	if count > 0 && m.GetType() != pb.MsgApp {
		return fmt.Errorf("%w: a %s with entries", ErrMessage, m.GetType())
	}
	term := m.GetLogTerm()
	for i := range count {
		e := &pb.Entry{
			Term: new(p.number(math.MaxInt32)), Index: new(m.GetIndex() + 1 + i),
			Type: pb.EntryNormal.Enum(), Data: p.part(),
		}
		if p.bad {
			return nil
		}
		if e.GetTerm() < term || e.GetTerm() > m.GetTerm() {
			return fmt.Errorf("%w: entry %d of term %d after term %d, from a leader of term %d",
				ErrMessage, e.GetIndex(), e.GetTerm(), term, m.GetTerm())
		}
		if err := checkData(e.GetData()); err != nil {
			return fmt.Errorf("%w: entry %d: %w", ErrMessage, e.GetIndex(), err)
		}
		term = e.GetTerm()
		m.Entries = append(m.Entries, e)
	}
	return nil
}
