package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Keys of the requests that only nodes of one cluster send each other, on their peer listeners. Apache
// Kafka speaks KIP-595 there; the metadata quorum here is etcd raft. They lie far above Kafka's keys.
const (
	QuorumMessageKey  int16 = 30000
	MetadataTailKey   int16 = 30001
	DamagedReplicaKey int16 = 30002
)

// privateNames of the private keys, for errors and metrics.
var privateNames = map[int16]string{QuorumMessageKey: "QuorumMessage", MetadataTailKey: "MetadataTail", DamagedReplicaKey: "DamagedReplica"}

// Name of an API key, private ones too.
func Name(key int16) string {
	if name, ok := privateNames[key]; ok {
		return name
	}
	return kmsg.NameForKey(key)
}

// newRequest makes an empty request of a key that is served.
func newRequest(key int16) kmsg.Request {
	switch key {
	case QuorumMessageKey:
		return &QuorumMessageRequest{}
	case MetadataTailKey:
		return &MetadataTailRequest{}
	case DamagedReplicaKey:
		return &DamagedReplicaRequest{}
	}
	return kmsg.RequestForKey(key)
}

// private is what the private requests and responses have in common: one version, without tags.
type private struct{}

func (private) MaxVersion() int16 { return 0 }
func (private) SetVersion(int16)  {}
func (private) GetVersion() int16 { return 0 }
func (private) IsFlexible() bool  { return false }

// QuorumMessageRequest carries a message of the metadata quorum from one voter to another. Its answer
// says only that it arrived.
type QuorumMessageRequest struct {
	private
	// Message is quorum.Message.Bytes.
	Message []byte
}

// QuorumMessageResponse answers a QuorumMessageRequest.
type QuorumMessageResponse struct{ private }

// Key implements kmsg.Request.
func (*QuorumMessageRequest) Key() int16 { return QuorumMessageKey }

// ResponseKind implements kmsg.Request.
func (*QuorumMessageRequest) ResponseKind() kmsg.Response { return &QuorumMessageResponse{} }

// AppendTo implements kmsg.Request.
func (r *QuorumMessageRequest) AppendTo(dst []byte) []byte { return append(dst, r.Message...) }

// ReadFrom implements kmsg.Request; Message aliases src.
func (r *QuorumMessageRequest) ReadFrom(src []byte) error {
	r.Message = src
	return nil
}

// Key implements kmsg.Response.
func (*QuorumMessageResponse) Key() int16 { return QuorumMessageKey }

// RequestKind implements kmsg.Response.
func (*QuorumMessageResponse) RequestKind() kmsg.Request { return &QuorumMessageRequest{} }

// AppendTo implements kmsg.Response.
func (*QuorumMessageResponse) AppendTo(dst []byte) []byte { return dst }

// ReadFrom implements kmsg.Response.
func (*QuorumMessageResponse) ReadFrom([]byte) error { return nil }

// MetadataTailRequest asks a voter for what is committed in the metadata log from an offset on, as an
// observer of KRaft does with Fetch. It is answered when there is something, when the voter knows of
// another leader than the one named, or after MaxWaitMillis.
type MetadataTailRequest struct {
	private
	Offset        int64
	MaxWaitMillis int32
	// Leader and Term are the quorum's as the asker knows them, -1 for none.
	Leader, Term int32
}

// MetadataTailResponse answers a MetadataTailRequest.
type MetadataTailResponse struct {
	private
	// ErrorCode is Kafka's; 0 for none.
	ErrorCode int16
	// Leader of the quorum in Term, as this voter knows; -1 for nobody.
	Leader, Term int32
	// Image replaces everything below SnapshotEnd, where the offset asked for is no longer in the log;
	// empty if not.
	Image       []byte
	SnapshotEnd int64
	// Batches are committed record batches that begin at the offset asked for.
	Batches []byte
}

// Key implements kmsg.Request.
func (*MetadataTailRequest) Key() int16 { return MetadataTailKey }

// ResponseKind implements kmsg.Request.
func (*MetadataTailRequest) ResponseKind() kmsg.Response { return &MetadataTailResponse{} }

// AppendTo implements kmsg.Request.
func (r *MetadataTailRequest) AppendTo(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.Offset))
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.MaxWaitMillis))
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.Leader))
	return binary.BigEndian.AppendUint32(dst, uint32(r.Term))
}

// ReadFrom implements kmsg.Request.
func (r *MetadataTailRequest) ReadFrom(src []byte) error {
	if len(src) != 20 {
		return fmt.Errorf("MetadataTail request of %d bytes: want 20", len(src))
	}
	r.Offset = int64(binary.BigEndian.Uint64(src))
	r.MaxWaitMillis = int32(binary.BigEndian.Uint32(src[8:]))
	r.Leader, r.Term = int32(binary.BigEndian.Uint32(src[12:])), int32(binary.BigEndian.Uint32(src[16:]))
	return nil
}

// Key implements kmsg.Response.
func (*MetadataTailResponse) Key() int16 { return MetadataTailKey }

// RequestKind implements kmsg.Response.
func (*MetadataTailResponse) RequestKind() kmsg.Request { return &MetadataTailRequest{} }

// AppendTo implements kmsg.Response.
func (r *MetadataTailResponse) AppendTo(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(r.ErrorCode))
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.Leader))
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.Term))
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.SnapshotEnd))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(r.Image)))
	dst = append(dst, r.Image...)
	return append(dst, r.Batches...)
}

// ReadFrom implements kmsg.Response; Image and Batches alias src.
func (r *MetadataTailResponse) ReadFrom(src []byte) error {
	const fixed = 22
	if len(src) < fixed {
		return fmt.Errorf("MetadataTail response of %d bytes: want at least %d", len(src), fixed)
	}
	r.ErrorCode = int16(binary.BigEndian.Uint16(src))
	r.Leader, r.Term = int32(binary.BigEndian.Uint32(src[2:])), int32(binary.BigEndian.Uint32(src[6:]))
	r.SnapshotEnd = int64(binary.BigEndian.Uint64(src[10:]))
	n := uint64(binary.BigEndian.Uint32(src[18:]))
	if n > uint64(len(src)-fixed) {
		return fmt.Errorf("MetadataTail response of %d bytes: its image has %d", len(src), n)
	}
	r.Image, r.Batches = src[fixed:fixed+n], src[fixed+n:]
	return nil
}

var (
	_ kmsg.Request  = (*QuorumMessageRequest)(nil)
	_ kmsg.Response = (*QuorumMessageResponse)(nil)
	_ kmsg.Request  = (*MetadataTailRequest)(nil)
	_ kmsg.Response = (*MetadataTailResponse)(nil)
)
