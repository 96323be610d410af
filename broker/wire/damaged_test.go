package wire

import "testing"

func TestDamagedReplica(t *testing.T) {
	want := DamagedReplicaRequest{BrokerID: 3, BrokerEpoch: 1 << 40, TopicID: [16]byte{1, 2, 3}, Partition: 7}
	bytes := want.AppendTo(nil)
	var got DamagedReplicaRequest
	if err := got.ReadFrom(bytes); err != nil || got != want {
		t.Errorf("read %+v, %v; wrote %+v", got, err, want)
	}
	for n := range len(bytes) {
		if got.ReadFrom(bytes[:n]) == nil {
			t.Errorf("%d of %d bytes of a request were read", n, len(bytes))
		}
	}
	answer := DamagedReplicaResponse{ErrorCode: 83, LeaderEpoch: -1}
	bytes = answer.AppendTo(nil)
	var back DamagedReplicaResponse
	if err := back.ReadFrom(bytes); err != nil || back != answer {
		t.Errorf("read %+v, %v; wrote %+v", back, err, answer)
	}
	for n := range len(bytes) {
		if back.ReadFrom(bytes[:n]) == nil {
			t.Errorf("%d of %d bytes of a response were read", n, len(bytes))
		}
	}
}
