package server

import (
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/node"
	"github.com/logproof/logproof/broker/wire"
	"github.com/logproof/logproof/dashboards/catalog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// metrics holds the handles of what dashboards/catalog declares for the broker.
type metrics struct {
	registry      *prometheus.Registry
	requests      *prometheus.CounterVec
	requestBytes  map[int16]prometheus.Counter
	responseBytes map[int16]prometheus.Counter
	duration      map[int16]prometheus.Observer
	connections   map[wire.Listener]prometheus.Gauge
	opened        map[wire.Listener]prometheus.Counter
	ended         *prometheus.CounterVec
	calls         *prometheus.CounterVec
	callDuration  *prometheus.HistogramVec
	recordsIn     *prometheus.CounterVec
	bytesIn       *prometheus.CounterVec
	bytesOut      *prometheus.CounterVec
	fsync         prometheus.Observer
	recovery      prometheus.Gauge
	truncated     *prometheus.CounterVec
	corrupt       prometheus.Counter
	diskFailures  *prometheus.CounterVec
	damaged       prometheus.Counter
	deleted       *prometheus.CounterVec
	// cleaned bytes and records, cleanings by outcome.
	cleanedBytes, cleanedRecords, cleanings *prometheus.CounterVec
	replication                             replicationMetrics
	groups                                  groupMetrics
}

// listenerNames are the labels of the listeners.
var listenerNames = map[wire.Listener]string{wire.Clients: "client", wire.Peers: "peer"}

func newMetrics() *metrics {
	m := &metrics{
		registry:     prometheus.NewRegistry(),
		requestBytes: map[int16]prometheus.Counter{}, responseBytes: map[int16]prometheus.Counter{},
		duration: map[int16]prometheus.Observer{}, connections: map[wire.Listener]prometheus.Gauge{},
		opened: map[wire.Listener]prometheus.Counter{},
	}
	counter := func(c catalog.Metric) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: c.Name, Help: c.Help}, c.Labels)
		m.registry.MustRegister(v)
		return v
	}
	gauge := func(c catalog.Metric) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: c.Name, Help: c.Help}, c.Labels)
		m.registry.MustRegister(v)
		return v
	}
	histogram := func(c catalog.Metric) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: c.Name, Help: c.Help,
			Buckets: catalog.LatencyBuckets(), NativeHistogramBucketFactor: 1.1,
			NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
		}, c.Labels)
		m.registry.MustRegister(v)
		return v
	}
	m.requests = counter(catalog.BrokerRequests)
	in, out, duration := counter(catalog.BrokerRequestBytes), counter(catalog.BrokerResponseBytes), histogram(catalog.BrokerRequestDuration)
	for _, key := range wire.AllKeys() {
		name := wire.Name(key)
		m.requestBytes[key], m.responseBytes[key] = in.WithLabelValues(name), out.WithLabelValues(name)
		m.duration[key] = duration.WithLabelValues(name)
	}
	connections, opened := gauge(catalog.BrokerConnections), counter(catalog.BrokerConnectionsOpened)
	for l, name := range listenerNames {
		m.connections[l], m.opened[l] = connections.WithLabelValues(name), opened.WithLabelValues(name)
	}
	m.ended = counter(catalog.BrokerConnectionsClosed)
	m.calls, m.callDuration = counter(catalog.BrokerPeerRequests), histogram(catalog.BrokerPeerRequestDuration)
	m.recordsIn, m.bytesIn, m.bytesOut = counter(catalog.BrokerRecordsIn), counter(catalog.BrokerBytesIn), counter(catalog.BrokerBytesOut)
	m.fsync = histogram(catalog.BrokerFsyncDuration).WithLabelValues()
	m.recovery = gauge(catalog.BrokerRecoveryDuration).WithLabelValues()
	m.truncated = counter(catalog.BrokerRecoveryTruncated)
	m.corrupt = counter(catalog.BrokerCorruptBatches).WithLabelValues()
	m.diskFailures = counter(catalog.BrokerDiskFailures)
	m.damaged = counter(catalog.BrokerDamagedSegments).WithLabelValues()
	m.deleted = counter(catalog.BrokerDeletedSegments)
	m.cleanedBytes, m.cleanedRecords, m.cleanings = counter(catalog.BrokerCleanedBytes), counter(catalog.BrokerCleanedRecords), counter(catalog.BrokerCleanings)
	m.replication = newReplicationMetrics(counter, gauge)
	m.groups = newGroupMetrics(counter, histogram)
	gauge(catalog.BrokerStartTime).WithLabelValues().SetToCurrentTime()
	return m
}

// closed counts a connection that has ended, or was refused.
func (m *metrics) closed(l wire.Listener, reason string) {
	m.ended.WithLabelValues(listenerNames[l], reason).Inc()
}

func (m *metrics) synced(d time.Duration) { m.fsync.Observe(d.Seconds()) }

// called counts a request to another node once it has ended.
func (m *metrics) called(key int16, err error, took time.Duration) {
	outcome := "ok"
	if err != nil {
		outcome = "failed"
	} else {
		m.callDuration.WithLabelValues(wire.Name(key)).Observe(took.Seconds())
	}
	m.calls.WithLabelValues(wire.Name(key), outcome).Inc()
}

func (m *metrics) requested(r *wire.Request) { m.requestBytes[r.Key].Add(float64(r.Size())) }

func (m *metrics) wrote(key int16, n int) { m.responseBytes[key].Add(float64(n)) }

// responded counts an answered request; body is nil for acks=0.
func (m *metrics) responded(r *wire.Request, body actor.ResponseBody, took time.Duration) {
	m.duration[r.Key].Observe(took.Seconds())
	code := int16(0)
	switch resp := body.(type) {
	case *kmsg.ProduceResponse:
		code = m.produced(r, resp)
	case *kmsg.FetchResponse:
		code = m.fetched(r, resp)
	case *kmsg.OffsetCommitResponse:
		code = m.groups.committed(resp)
	}
	m.requests.WithLabelValues(wire.Name(r.Key), errorName(code)).Inc()
}

// produced counts what was appended, and gives the first error of a partition.
func (m *metrics) produced(r *wire.Request, resp *kmsg.ProduceResponse) (code int16) {
	req := r.Body.(*kmsg.ProduceRequest)
	for i := range resp.Topics {
		records, bytes := 0, 0
		for j := range resp.Topics[i].Partitions {
			p := &resp.Topics[i].Partitions[j]
			if p.ErrorCode == 0 {
				v := batch.View(req.Topics[i].Partitions[j].Records)
				records += int(v.Count())
				bytes += len(v)
				continue
			}
			if p.ErrorCode == kerr.CorruptMessage.Code {
				m.corrupt.Inc()
			}
			if code == 0 {
				code = p.ErrorCode
			}
		}
		if records > 0 {
			m.recordsIn.WithLabelValues(resp.Topics[i].Topic).Add(float64(records))
			m.bytesIn.WithLabelValues(resp.Topics[i].Topic).Add(float64(bytes))
		}
	}
	return code
}

// fetched counts what was read, and gives the first error of a partition.
func (m *metrics) fetched(r *wire.Request, resp *kmsg.FetchResponse) (code int16) {
	code = resp.ErrorCode
	to := "consumer"
	if r.Body.(*kmsg.FetchRequest).ReplicaState.ID >= 0 {
		to = "follower"
	}
	for i := range resp.Topics {
		bytes := 0
		for j := range resp.Topics[i].Partitions {
			p := &resp.Topics[i].Partitions[j]
			bytes += len(p.RecordBatches)
			if code == 0 {
				code = p.ErrorCode
			}
		}
		if bytes > 0 {
			m.bytesOut.WithLabelValues(resp.Topics[i].Topic, to).Add(float64(bytes))
		}
	}
	return code
}

// partitions collects the watermarks of all shards at each scrape.
type partitions struct {
	ask                            func() []node.Replica
	start, high, stable, end, size *prometheus.Desc
	topics                         *prometheus.Desc
	replication                    replication
}

func newPartitions(ask func() []node.Replica) *partitions {
	desc := func(c catalog.Metric) *prometheus.Desc { return prometheus.NewDesc(c.Name, c.Help, c.Labels, nil) }
	return &partitions{
		ask:   ask,
		start: desc(catalog.BrokerPartitionLogStart), high: desc(catalog.BrokerPartitionHighWatermark),
		stable: desc(catalog.BrokerPartitionLastStable), end: desc(catalog.BrokerPartitionLogEnd), size: desc(catalog.BrokerPartitionSize),
		topics: desc(catalog.BrokerTopics), replication: newReplication(desc),
	}
}

// Describe implements prometheus.Collector.
func (p *partitions) Describe(out chan<- *prometheus.Desc) {
	for _, d := range append(p.replication.all(), p.start, p.high, p.stable, p.end, p.size, p.topics) {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (p *partitions) Collect(out chan<- prometheus.Metric) {
	topics := map[string]bool{}
	var sums totals
	for _, w := range p.ask() {
		topics[w.Topic] = true
		gauge := func(d *prometheus.Desc, v int64) {
			out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), w.Topic, strconv.Itoa(int(w.Partition)))
		}
		gauge(p.start, w.LogStart)
		gauge(p.high, w.HighWatermark)
		gauge(p.stable, w.LastStable)
		gauge(p.end, w.LogEnd)
		gauge(p.size, w.Bytes)
		p.replication.one(w, &sums, gauge)
	}
	p.replication.sums(sums, out)
	out <- prometheus.MustNewConstMetric(p.topics, prometheus.GaugeValue, float64(len(topics)))
}

// serve answers /metrics on the listener until it is closed. Its Date is what the node's clock shows, so that
// a clock that is off can be seen from outside.
func (m *metrics) serve(l net.Listener, clock *Clock) *http.Server {
	mux := http.NewServeMux()
	metrics := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", clock.Now().UTC().Format(http.TimeFormat))
		metrics.ServeHTTP(w, r)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go server.Serve(l) //nolint:errcheck // it ends with ErrServerClosed when the server stops
	return server
}
