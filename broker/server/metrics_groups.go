package server

import (
	"time"

	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/coordinator"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/group"
	"github.com/logproof/logproof/dashboards/catalog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// groupMetrics are counted from the events of the node, and commits from the answers to clients. loadTransactions is
// that of the other coordinator.
type groupMetrics struct {
	rebalances, expired               prometheus.Counter
	rebalance, load, loadTransactions prometheus.Observer
	commits                           *prometheus.CounterVec
}

func newGroupMetrics(counter func(catalog.Metric) *prometheus.CounterVec, histogram func(catalog.Metric) *prometheus.HistogramVec) groupMetrics {
	g := groupMetrics{
		rebalances: counter(catalog.BrokerGroupRebalances).WithLabelValues(), expired: counter(catalog.BrokerGroupMembersExpired).WithLabelValues(),
		rebalance: histogram(catalog.BrokerGroupRebalanceDuration).WithLabelValues(), load: histogram(catalog.BrokerCoordinatorLoadDuration).WithLabelValues(),
		commits: counter(catalog.BrokerOffsetCommits), loadTransactions: histogram(catalog.BrokerTransactionsLoadDuration).WithLabelValues(),
	}
	g.commits.WithLabelValues(noError) // a series that is not there cannot be told from one that stands at zero
	return g
}

// count takes an event of a node.
func (g *groupMetrics) count(e event.Event) {
	seconds := func(millis int64) float64 { return (time.Duration(millis) * time.Millisecond).Seconds() }
	switch e := e.(type) {
	case event.GroupRebalanced:
		g.rebalances.Inc()
		g.rebalance.Observe(seconds(e.Milliseconds))
	case event.GroupMemberExpired:
		g.expired.Inc()
	case event.CoordinatorLoaded:
		g.load.Observe(seconds(e.Milliseconds))
	case event.TransactionsLoaded:
		g.loadTransactions.Observe(seconds(e.Milliseconds))
	}
}

// committed counts offsets, and gives the first error.
func (g *groupMetrics) committed(resp *kmsg.OffsetCommitResponse) (code int16) {
	for i := range resp.Topics {
		for j := range resp.Topics[i].Partitions {
			e := resp.Topics[i].Partitions[j].ErrorCode
			g.commits.WithLabelValues(errorName(e)).Inc()
			if code == 0 {
				code = e
			}
		}
	}
	return code
}

// noError is the label of a success.
const noError = "none"

// errorName is Kafka's name of an error, as labels have it.
func errorName(code int16) string {
	if err := kerr.TypedErrorForCode(code); err != nil {
		return err.Message
	}
	return noError
}

// groups collects how many groups are coordinated here, at each scrape.
type groups struct {
	ask  func() map[group.State]int
	desc *prometheus.Desc
}

func newGroups(ask func() map[group.State]int) *groups {
	c := catalog.BrokerGroups
	return &groups{ask, prometheus.NewDesc(c.Name, c.Help, c.Labels, nil)}
}

// Describe implements prometheus.Collector.
func (g *groups) Describe(out chan<- *prometheus.Desc) { out <- g.desc }

// Collect implements prometheus.Collector.
func (g *groups) Collect(out chan<- prometheus.Metric) {
	counts := g.ask()
	for _, state := range []group.State{group.Empty, group.Preparing, group.Completing, group.Stable} {
		out <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, float64(counts[state]), string(state))
	}
}

// groupStates asks the coordinator, and gives up on a node that stops meanwhile.
func (s *Server) groupStates() map[group.State]int {
	answer := make(chan map[group.State]int, 1)
	s.runtime.send(api.Coordinator, coordinator.Report{Done: func(counts map[group.State]int) { answer <- counts }})
	select {
	case counts := <-answer:
		return counts
	case <-time.After(time.Second):
		return nil
	}
}
