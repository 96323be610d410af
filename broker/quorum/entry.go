package quorum

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/logproof/logproof/broker/batch"
	"github.com/twmb/franz-go/pkg/kmsg"
	pb "go.etcd.io/raft/v3/raftpb"
)

// The data of a raft entry is its batch as a client would send it: base offset 0, leader epoch -1.
// The log's own copy gets its offset and the term.

// leaderChangeType is the type of the control record that begins a term (KIP-595).
const leaderChangeType = 2

// controlAttribute marks a batch of the broker's own records (KIP-98).
const controlAttribute = 0x20

// newBatch makes the data of an entry.
func newBatch(timestamp int64, values [][]byte) []byte {
	var b batch.Builder
	for _, v := range values {
		b.Add(nil, v, timestamp)
	}
	return b.Build()
}

// leaderChange is the batch of an empty entry. It is the same for every term and voter, as the entry
// is; the term stands in the batch's leader epoch, and who leads it does not.
func leaderChange() batch.View {
	var b batch.Builder
	key := binary.BigEndian.AppendUint16([]byte{0, 0}, leaderChangeType)
	message := kmsg.LeaderChangeMessage{LeaderID: -1}
	b.Add(key, message.AppendTo(nil), -1)
	v := b.Build()
	binary.BigEndian.PutUint16(v[batch.Checked:], controlAttribute)
	v.Stamp()
	return v
}

// toBatch gives the batch of an entry, which the log may write into.
func toBatch(e *pb.Entry) batch.View {
	if len(e.GetData()) == 0 {
		return leaderChange()
	}
	return bytes.Clone(e.GetData())
}

// fromBatch gives the entry of a batch in the log, whose memory it takes over. A batch that is not
// as it was written is an error.
func fromBatch(index uint64, v batch.View) (*pb.Entry, error) {
	if err := v.Validate(); err != nil {
		return nil, fmt.Errorf("entry %d at offset %d: %w", index, v.BaseOffset(), err)
	}
	term := uint64(v.LeaderEpoch())
	var data []byte
	if !v.IsControl() {
		v.Assign(0, -1)
		data = v
	}
	return &pb.Entry{Term: new(term), Index: new(index), Type: pb.EntryNormal.Enum(), Data: data}, nil
}

// checkData refuses data of another voter that cannot be appended.
func checkData(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if len(data) > MaxEntryBytes {
		return fmt.Errorf("%w: an entry of %d bytes", ErrTooLarge, len(data))
	}
	v := batch.View(data)
	if _, err := v.ValidateClient(new(batch.Codecs)); err != nil {
		return err
	}
	_, err := batch.Records(v)
	return err
}

// recordCount is how many offsets an entry takes.
func recordCount(e *pb.Entry) int64 {
	if len(e.GetData()) == 0 {
		return 1
	}
	return int64(batch.View(e.GetData()).Count())
}

// committed gives the entry that ends at an offset to the owner.
func committed(e *pb.Entry, end int64) (Entry, error) {
	c := Entry{Index: e.GetIndex(), Term: epoch(e.GetTerm()), Offset: end - recordCount(e), End: end}
	if len(e.GetData()) == 0 {
		return c, nil
	}
	records, err := batch.Records(batch.View(e.GetData()))
	if err != nil {
		return c, fmt.Errorf("entry %d: %w", c.Index, err)
	}
	c.Values = make([][]byte, len(records))
	for i, r := range records {
		c.Values[i] = r.Value
	}
	return c, nil
}

// Entries reads committed record batches that begin at an offset of the metadata log, as Quorum.Read gives
// them: for those who follow the log without a vote, so Index is not known. Values alias batches.
func Entries(batches []byte, offset int64) (entries []Entry, err error) {
	for len(batches) > 0 {
		v, rest, err := batch.Next(batches)
		if err == nil {
			err = v.Validate()
		}
		if err == nil && v.BaseOffset() != offset {
			err = fmt.Errorf("a batch begins at offset %d", v.BaseOffset())
		}
		if err != nil {
			return nil, fmt.Errorf("metadata log at offset %d: %w", offset, err)
		}
		e := Entry{Term: v.LeaderEpoch(), Offset: offset, End: v.LastOffset() + 1}
		if !v.IsControl() {
			records, err := batch.Records(v)
			if err != nil {
				return nil, fmt.Errorf("metadata log at offset %d: %w", offset, err)
			}
			for _, r := range records {
				e.Values = append(e.Values, r.Value)
			}
		}
		entries = append(entries, e)
		batches, offset = rest, e.End
	}
	return entries, nil
}

// epoch is a term as Kafka's leader epoch, which has 31 bits.
func epoch(term uint64) int32 {
	if term > math.MaxInt32 {
		panic(fmt.Sprintf("quorum: term %d does not fit a leader epoch", term))
	}
	return int32(term)
}
