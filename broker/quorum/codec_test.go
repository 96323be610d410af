package quorum

import (
	"bytes"
	"errors"
	"testing"

	"github.com/logproof/logproof/broker/env/mem"
	pb "go.etcd.io/raft/v3/raftpb"
)

// sample messages of each shape.
func samples() []*pb.Message {
	append1 := &pb.Message{
		Type: pb.MsgApp.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(5)), LogTerm: new(uint64(3)),
		Index: new(uint64(9)), Commit: new(uint64(8)),
		Entries: []*pb.Entry{
			{Term: new(uint64(4)), Index: new(uint64(10)), Type: pb.EntryNormal.Enum()},
			{Term: new(uint64(5)), Index: new(uint64(11)), Type: pb.EntryNormal.Enum(), Data: newBatch(1, [][]byte{{1}, {2}})},
		},
	}
	snapshot := &pb.Message{
		Type: pb.MsgSnap.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(5)),
		Snapshot: &pb.Snapshot{
			Data:     append([]byte{0, 0, 0, 0, 0, 0, 0, 9}, "image"...),
			Metadata: &pb.SnapshotMetadata{Index: new(uint64(7)), Term: new(uint64(4))},
		},
	}
	vote := &pb.Message{
		Type: pb.MsgVote.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(5)), LogTerm: new(uint64(3)),
		Index: new(uint64(9)), Context: []byte("CampaignTransfer"),
	}
	refusal := &pb.Message{
		Type: pb.MsgAppResp.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(uint64(5)), LogTerm: new(uint64(3)),
		Index: new(uint64(9)), RejectHint: new(uint64(6)), Reject: new(true),
	}
	return []*pb.Message{append1, snapshot, vote, refusal}
}

func TestCodec(t *testing.T) {
	for _, m := range samples() {
		b := encode(m)
		got, err := decode(b)
		if err != nil {
			t.Fatalf("%s: %v", m.GetType(), err)
		}
		if again := encode(got); !bytes.Equal(b, again) {
			t.Errorf("%s: %x is %x after a turn", m.GetType(), b, again)
		}
		if got.GetType() != m.GetType() || got.GetIndex() != m.GetIndex() || got.GetLogTerm() != m.GetLogTerm() ||
			got.GetReject() != m.GetReject() || got.GetRejectHint() != m.GetRejectHint() || !bytes.Equal(got.GetContext(), m.GetContext()) ||
			len(got.GetEntries()) != len(m.GetEntries()) || !bytes.Equal(got.GetSnapshot().GetData(), m.GetSnapshot().GetData()) {
			t.Errorf("%v is %v after a turn", m, got)
		}
		for cut := range b {
			if _, err := decode(b[:cut]); !errors.Is(err, ErrMessage) {
				t.Fatalf("%s: %d of %d bytes: %v", m.GetType(), cut, len(b), err)
			}
		}
		if _, err := decode(append(b, 0)); !errors.Is(err, ErrMessage) {
			t.Errorf("%s with a byte too much: %v", m.GetType(), err)
		}
	}
}

// Nothing that raft or the log would have to trust comes through.
func TestReceiveRefuses(t *testing.T) {
	q, err := Open(mem.New(), memberDir, Config{ID: 1, Voters: []int32{0, 1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	change := map[string]func(m *pb.Message){
		"to another voter":        func(m *pb.Message) { m.To = new(uint64(3)) },
		"from nobody":             func(m *pb.Message) { m.From = new(uint64(0)) },
		"from a stranger":         func(m *pb.Message) { m.From = new(uint64(9)) },
		"from itself":             func(m *pb.Message) { m.From = new(uint64(2)) },
		"a term of 32 bits":       func(m *pb.Message) { m.Term = new(uint64(1 << 31)) },
		"a proposal":              func(m *pb.Message) { m.Type = pb.MsgProp.Enum() },
		"local":                   func(m *pb.Message) { m.Type = pb.MsgStorageAppendResp.Enum() },
		"entries of a heartbeat":  func(m *pb.Message) { m.Type = pb.MsgHeartbeat.Enum() },
		"a snapshot of entries":   func(m *pb.Message) { m.Snapshot = &pb.Snapshot{} },
		"no batch":                func(m *pb.Message) { m.Entries[1].Data = []byte("x") },
		"a damaged batch":         func(m *pb.Message) { m.Entries[1].Data[70] ^= 1 },
		"a batch with an offset":  func(m *pb.Message) { m.Entries[1].Data[7] = 1 },
		"terms that fall":         func(m *pb.Message) { m.Entries[0].Term = new(uint64(2)) },
		"a term after the leader": func(m *pb.Message) { m.Entries[1].Term = new(uint64(6)) },
	}
	for name, change := range change {
		m := samples()[0]
		change(m)
		if fx, err := q.Receive(encode(m)); !errors.Is(err, ErrMessage) || fx.Sends != nil || fx.Sync != nil {
			t.Errorf("%s: %v, %+v", name, err, fx)
		}
	}
	later := encode(samples()[0])
	later[0]++
	if _, err := q.Receive(later); !errors.Is(err, ErrMessage) {
		t.Errorf("another version: %v", err)
	}
	if _, err := q.Receive(encode(samples()[0])); err != nil {
		t.Errorf("the message as it was: %v", err)
	}
}

// Whatever arrives is refused, or means the same when it is sent on.
func FuzzDecode(f *testing.F) {
	for _, m := range samples() {
		f.Add(encode(m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decode(b)
		if err != nil {
			if !errors.Is(err, ErrMessage) {
				t.Fatalf("%x: %v", b, err)
			}
			return
		}
		again, err := decode(encode(m))
		if err != nil || !bytes.Equal(encode(again), encode(m)) {
			t.Fatalf("%x does not survive a turn: %v", b, err)
		}
	})
}
