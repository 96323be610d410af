package sim

import (
	"fmt"
	"slices"

	nodeevent "github.com/logproof/logproof/broker/event"
)

// failing is the part of a story about a leader that dies.
type failing struct {
	// host that died, and the partition that it led.
	host  *host
	index int
	// served is set once a producer was answered, whole
	// once the host is in the ISR again.
	served, whole bool
	// repeated counts the batches that were sent again.
	repeated int
}

// crashing is told of a process that ends; the first one that leads begins the failover.
func (t *story) crashing(h *host, how string) {
	if !t.on(recordDone, recordDone) {
		return
	}
	for i := range t.sim.terrain.load.Partitions {
		w := &t.sim.checker.replicas[h.slot][i]
		if w.life != h.life || !w.leads {
			continue
		}
		t.chapter, t.host, t.index = failover, h, i
		t.line(h.String(), "what was written stays if only the process goes; what was not synced may go with the power", "%s, and it led %s in epoch %d", how, place(i), w.epoch)
		t.line(h.String(), "what lies between is not promised to anybody yet", "its log end was %d, its high watermark %d, acknowledged was up to %d", w.end, w.highWatermark, t.sim.checker.parts[i].acked)
		return
	}
}

// booting is told of a process that is about to start.
func (t *story) booting(h *host) {
	if t.on(failover, failover) && h == t.host {
		t.line(h.String(), "it recovers its logs before it says anything", "is started again")
	}
}

// lost is told of a connection that a client has no more; one that was never accepted asked for nothing.
func (t *story) lost(conn *connection, reason string, waiting int) {
	if t.on(failover, failover) && !t.served && waiting > 0 && conn.life != 0 && conn.host == t.host {
		t.line(conn.name, "each of these requests may have been carried out or not", "%s: %d requests have no answer", reason, waiting)
	}
}

// retried is told of a batch that is sent again; the first few tell it all.
func (t *story) retried(p *producer, l *lane, b *sending, r *request) {
	if t.served || l.index != t.index || t.repeated >= 3 {
		return
	}
	t.repeated++
	t.line(p.name, "no answer came, so it cannot know whether the batch was appended: the same sequence again is safe",
		"sends the batch with sequence %d of %s again, to %v, try %d", b.base, place(l.index), r.conn.host, b.tries)
}

// recovered is told of a batch that is acknowledged.
func (t *story) recovered(l *lane, b *sending, offset int64) {
	p := t.sim.checker.partition(t.index)
	if t.served || l.index != t.index || p == nil || t.sim.hosts[max(p.Leader, 0)] == t.host && !t.host.up {
		return
	}
	t.served = true
	t.line(l.producer.name, "for this client the outage is over", "is told that its batch with sequence %d of %s has offset %d", b.base, place(l.index), offset)
	t.end()
}

// duplicate is told of a batch that a leader has already.
func (t *story) duplicate(h *host, index int32, offset int64) {
	if t.on(failover, failover) && !t.served && int(index) == t.index {
		t.line(h.String(), "the batch is in the log already: it is answered with the offset it has, not appended twice",
			"recognises a batch of %s that stands at offset %d", place(int(index)), offset)
	}
}

// happened is told of every event of a node. The texts are the events' own.
func (t *story) happened(h *host, e nodeevent.Event) {
	t.regrouping(h, e)
	if !t.on(failover, failover) {
		return
	}
	why := t.meaning(h, e)
	if why == "" {
		return
	}
	t.line(h.String(), why, "%v", e)
	if changed, ok := e.(nodeevent.ISRChanged); ok && slices.Contains(changed.ISR, t.host.id) && t.host.up {
		t.whole = true
		t.end()
	}
}

// meaning of an event for the failover; "" if it has none.
func (t *story) meaning(h *host, e nodeevent.Event) string {
	ours := func(topic string, index int32) bool { return topic == Topic && int(index) == t.index }
	switch e := e.(type) {
	case nodeevent.BrokerFenced:
		if e.Broker == t.host.id {
			return "the controller has not heard of the broker for a whole session: it takes it out of service, in one decision with what follows"
		}
	case nodeevent.LeaderElected:
		if ours(e.Topic, e.Partition) {
			return fmt.Sprintf("only members of the ISR have every committed record for sure, and of the ELR %v (KIP-966); a new epoch begins", e.ELR)
		}
	case nodeevent.BecameLeader:
		if ours(e.Topic, e.Partition) {
			return "the broker has read of it in the metadata log; all that was committed lies below the log end with which it begins"
		}
	case nodeevent.BecameFollower:
		if ours(e.Topic, e.Partition) {
			return "who follows compares its log with the leader's by epochs before it reads on (KIP-101)"
		}
	case nodeevent.LogTruncated:
		if ours(e.Topic, e.Partition) {
			return "what the new leader does not have was never committed, and goes"
		}
	case nodeevent.LogRecovered:
		if ours(e.Topic, e.Partition) && h == t.host {
			return "the first batch that is not whole ends the log; the producers' last sequences are read from the batches"
		}
	case nodeevent.BrokerRegistered:
		if e.Broker == t.host.id {
			return "the new process has an epoch of its own: what the former one had does not count for it (KIP-903)"
		}
	case nodeevent.BrokerUnfenced:
		if e.Broker == t.host.id {
			return "it has applied its registration, and may lead and be in sync again"
		}
	case nodeevent.ISRChanged:
		if ours(e.Topic, e.Partition) {
			return "the leader proposes who is in sync, the controller decides: members are waited for before anything is committed"
		}
	}
	return ""
}

// end ends the story once clients are served and the node is in sync again.
func (t *story) end() {
	if t.served && (t.whole || t.sim.terrain.cluster.Replication == 1) {
		t.chapter = told
		t.line(t.host.String(), "as many failures as before can be survived again", "is in sync: the failover is over")
	}
}
