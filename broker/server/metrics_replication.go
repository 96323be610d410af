package server

import (
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/node"
	"github.com/logproof/logproof/dashboards/catalog"
	"github.com/prometheus/client_golang/prometheus"
)

// replicationMetrics are counted from the events of the node.
type replicationMetrics struct {
	isrChanges, elections *prometheus.CounterVec
	truncated             prometheus.Counter
	active, term          prometheus.Gauge
}

func newReplicationMetrics(counter func(catalog.Metric) *prometheus.CounterVec, gauge func(catalog.Metric) *prometheus.GaugeVec) replicationMetrics {
	r := replicationMetrics{
		isrChanges: counter(catalog.BrokerISRChanges), elections: counter(catalog.BrokerLeaderElections),
		truncated: counter(catalog.BrokerLogTruncations).WithLabelValues(),
		active:    gauge(catalog.BrokerControllerActive).WithLabelValues(), term: gauge(catalog.BrokerRaftTerm).WithLabelValues(),
	}
	// A series that is not there cannot be told from one that stands at zero.
	for _, change := range []string{"shrink", "expand"} {
		r.isrChanges.WithLabelValues(change)
	}
	for _, kind := range []string{"clean", "unclean"} {
		r.elections.WithLabelValues(kind)
	}
	return r
}

// count takes an event of a node.
func (r *replicationMetrics) count(self int32, e event.Event) {
	switch e := e.(type) {
	case event.QuorumLeader:
		r.term.Set(float64(e.Term))
		if e.Leader != self {
			r.active.Set(0)
		}
	case event.ControllerActive:
		r.active.Set(1)
	case event.ISRChanged:
		change := "expand"
		if len(e.ISR) < len(e.Before) {
			change = "shrink"
		}
		r.isrChanges.WithLabelValues(change).Inc()
	case event.LeaderElected:
		kind := "clean"
		if e.Unclean {
			kind = "unclean"
		}
		if e.Leader >= 0 {
			r.elections.WithLabelValues(kind).Inc()
		}
	case event.LogTruncated:
		r.truncated.Add(float64(e.From - e.To))
	}
}

// replication collects what the replicas here are, at each scrape.
type replication struct {
	epoch, isr, leads, behind, short *prometheus.Desc
}

func newReplication(desc func(catalog.Metric) *prometheus.Desc) replication {
	return replication{
		epoch: desc(catalog.BrokerPartitionLeaderEpoch), isr: desc(catalog.BrokerPartitionISRSize),
		leads: desc(catalog.BrokerLeaderPartitions), behind: desc(catalog.BrokerUnderReplicated), short: desc(catalog.BrokerUnderMinISR),
	}
}

func (r *replication) all() []*prometheus.Desc {
	return []*prometheus.Desc{r.epoch, r.isr, r.leads, r.behind, r.short}
}

// totals are counted over all replicas of a scrape.
type totals struct{ leads, behind, short int }

// one collects a replica; gauge gives a figure of it.
func (r *replication) one(w node.Replica, t *totals, gauge func(*prometheus.Desc, int64)) {
	if w.Role != node.Idle {
		gauge(r.epoch, int64(w.LeaderEpoch))
	}
	if w.Role != node.Leading {
		return
	}
	t.leads++
	gauge(r.isr, int64(len(w.ISR)))
	if len(w.ISR) < w.Replicas {
		t.behind++
	}
	if len(w.ISR) < w.MinISR {
		t.short++
	}
}

func (r *replication) sums(t totals, out chan<- prometheus.Metric) {
	for desc, n := range map[*prometheus.Desc]int{r.leads: t.leads, r.behind: t.behind, r.short: t.short} {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n))
	}
}
