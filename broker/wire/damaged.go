package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// DamagedReplicaRequest tells the controller that a broker has found part of a replica not to be as it was
// written: it must be in no ISR and no ELR until it has fetched that part again. Apache Kafka's brokers tell
// with their heartbeats that a whole log directory is offline (KIP-858).
type DamagedReplicaRequest struct {
	private
	BrokerID int32
	// BrokerEpoch of the broker's process.
	BrokerEpoch int64
	TopicID     [16]byte
	Partition   int32
}

// DamagedReplicaResponse answers a DamagedReplicaRequest.
type DamagedReplicaResponse struct {
	private
	// ErrorCode is Kafka's; 0 for none: the replica is in neither list, and whatever it said to leaders of
	// terms before LeaderEpoch brings it back into none.
	ErrorCode int16
	// LeaderEpoch is the term from which on it may set the damaged part aside; -1 with an error.
	LeaderEpoch int32
}

// Key implements kmsg.Request.
func (*DamagedReplicaRequest) Key() int16 { return DamagedReplicaKey }

// ResponseKind implements kmsg.Request.
func (*DamagedReplicaRequest) ResponseKind() kmsg.Response {
	return &DamagedReplicaResponse{LeaderEpoch: -1}
}

// AppendTo implements kmsg.Request.
func (r *DamagedReplicaRequest) AppendTo(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.BrokerID))
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.BrokerEpoch))
	dst = append(dst, r.TopicID[:]...)
	return binary.BigEndian.AppendUint32(dst, uint32(r.Partition))
}

// ReadFrom implements kmsg.Request.
func (r *DamagedReplicaRequest) ReadFrom(src []byte) error {
	const size = 4 + 8 + 16 + 4
	if len(src) != size {
		return fmt.Errorf("DamagedReplica request of %d bytes: want %d", len(src), size)
	}
	r.BrokerID, r.BrokerEpoch = int32(binary.BigEndian.Uint32(src)), int64(binary.BigEndian.Uint64(src[4:]))
	r.TopicID, r.Partition = [16]byte(src[12:28]), int32(binary.BigEndian.Uint32(src[28:]))
	return nil
}

// Key implements kmsg.Response.
func (*DamagedReplicaResponse) Key() int16 { return DamagedReplicaKey }

// RequestKind implements kmsg.Response.
func (*DamagedReplicaResponse) RequestKind() kmsg.Request { return &DamagedReplicaRequest{} }

// AppendTo implements kmsg.Response.
func (r *DamagedReplicaResponse) AppendTo(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(r.ErrorCode))
	return binary.BigEndian.AppendUint32(dst, uint32(r.LeaderEpoch))
}

// ReadFrom implements kmsg.Response.
func (r *DamagedReplicaResponse) ReadFrom(src []byte) error {
	if len(src) != 6 {
		return fmt.Errorf("DamagedReplica response of %d bytes: want 6", len(src))
	}
	r.ErrorCode, r.LeaderEpoch = int16(binary.BigEndian.Uint16(src)), int32(binary.BigEndian.Uint32(src[2:]))
	return nil
}

var (
	_ kmsg.Request  = (*DamagedReplicaRequest)(nil)
	_ kmsg.Response = (*DamagedReplicaResponse)(nil)
)
