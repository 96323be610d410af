package controller

import (
	"testing"
	"time"
)

// A machine that decides, then follows, then decides again has forgotten what it heard in its first
// time: meanwhile another controller began the shutdown of a broker, which must wait for the others.
func TestActivateForgetsSessions(t *testing.T) {
	w := newWorld(t, Config{})
	w.m.Activate(w.now)
	for id := int32(1); id <= 2; id++ {
		w.register(id, "", "", false)
		w.beat(id, w.m.Image().Offset, false, false)
	}
	w.topic("orders", "2,1", nil)
	w.beat(1, w.m.Image().Offset, false, false)
	first, replayed := w.m, len(w.log)
	w.takeover()
	w.beat(2, w.m.Image().Offset, false, true)
	if !w.m.Image().Broker(2).ShuttingDown {
		t.Fatal("broker 2 should be shutting down")
	}

	first.Replay(w.log[replayed:])
	w.now = w.now.Add(time.Hour)
	w.m = first
	w.m.Activate(w.now)
	if records := w.m.Tick(w.now.Add(w.cfg.SessionTimeout - 1)); len(records) != 0 {
		t.Errorf("nobody has been silent for a session of this controller: %d records", len(records))
	}
	if w.beat(2, w.m.Image().Offset, false, true).ShouldShutdown {
		t.Error("broker 1 has not said that it knows of its leadership")
	}
	w.beat(1, w.m.Image().Offset, false, false)
	if !w.beat(2, w.m.Image().Offset, false, true).ShouldShutdown {
		t.Error("broker 1 knows of its leadership")
	}
	if records := w.m.Tick(w.now.Add(w.cfg.SessionTimeout)); len(records) == 0 {
		t.Error("broker 1 was silent for a session")
	}
}
