package controller

import (
	"slices"
	"testing"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A broker that is gone is forgotten, and who comes with its id is not taken for it: not even where it was the last
// that had everything.
func TestUnregisterBroker(t *testing.T) {
	w := newWorld(t, Config{DefaultMinISR: 1})
	for id := range int32(3) {
		w.register(id, "", "", false)
		w.beat(id, 1<<40, false, false)
	}
	create(w.m, createRequest("orders", 1, 2))
	topic, p := w.partition("orders-0")
	leader := p.Leader
	unregister := func(id int32) (int, *kmsg.UnregisterBrokerResponse) {
		req := kmsg.NewPtrUnregisterBrokerRequest()
		req.BrokerID = id
		records, resp := w.m.UnregisterBroker(req)
		w.m.Replay(records)
		return len(records), resp
	}
	if n, resp := unregister(leader); n > 0 || resp.ErrorCode != kerr.InvalidRequest.Code || resp.ErrorMessage == nil {
		t.Errorf("one that lives: %d records, %+v", n, resp)
	}
	if n, resp := unregister(9); n > 0 || resp.ErrorCode != kerr.BrokerIDNotRegistered.Code || resp.ErrorMessage == nil {
		t.Errorf("one that is not there: %d records, %+v", n, resp)
	}
	records, _ := w.m.AlterPartition(w.proposal(topic, p, leader, []int32{leader}))
	w.m.Replay(records)
	w.beat(leader, 1<<40, true, false) // it is fenced, alone in the ELR
	if _, p = w.partition("orders-0"); !slices.Equal(p.ELR, []int32{leader}) {
		t.Fatalf("%+v", p)
	}
	if n, resp := unregister(leader); n != 2 || resp.ErrorCode != 0 || w.m.Image().Broker(leader) != nil {
		t.Fatalf("%d records, %+v", n, resp)
	}
	if _, p = w.partition("orders-0"); p.ELR != nil || !slices.Equal(p.LastKnownELR, []int32{leader}) || !slices.Contains(p.Replicas, leader) {
		t.Errorf("it is gone: %+v", p)
	}
	again, err := metadata.FromSnapshot(w.m.Image().Snapshot())
	if err != nil || again.Broker(leader) != nil || len(again.Registered()) != 2 {
		t.Errorf("from a snapshot: %+v, %v", again.Registered(), err)
	}
	w.register(leader, "", "", false)
	if b := w.m.Image().Broker(leader); b == nil || !b.Fenced {
		t.Errorf("it registers again: %+v", b)
	}
}
