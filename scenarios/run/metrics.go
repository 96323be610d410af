package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/logproof/logproof/dashboards/catalog"
	"github.com/logproof/logproof/verify"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// collector gives Prometheus what the judge has found so far: verify itself knows nothing of Prometheus.
type collector struct {
	online *online
	// most is the highest count of each finding: a rule may give an anomaly back to another one, a counter may not.
	most map[found]int64
}

// found is a finding without its numbers.
type found struct {
	rule    verify.Rule
	class   verify.Class
	allowed bool
}

// desc is a declaration of the catalog as Prometheus takes it.
func desc(m catalog.Metric) *prometheus.Desc {
	return prometheus.NewDesc(m.Name, m.Help, m.Labels, nil)
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range catalog.Verify() {
		out <- desc(m)
	}
}

// Collect implements prometheus.Collector. The registry calls it for one scrape at a time: see serveMetrics.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := c.online.state()
	send := func(m catalog.Metric, value float64, labels ...string) {
		kind := prometheus.GaugeValue
		if m.Type == catalog.Counter {
			kind = prometheus.CounterValue
		}
		out <- prometheus.MustNewConstMetric(desc(m), kind, value, labels...)
	}
	n := s.counters
	send(catalog.VerifyOperations, float64(n.Operations))
	send(catalog.VerifyBehind, float64(s.behind))
	for _, r := range []struct {
		kind  string
		count int64
	}{
		{"acked", n.RecordsAcked}, {"unknown", n.RecordsUnknown}, {"failed", n.RecordsFailed},
		{"read", n.RecordsRead}, {"scanned", n.RecordsScanned}, {"corrupt", n.RecordsCorrupt},
	} {
		send(catalog.VerifyRecords, float64(r.count), r.kind)
	}
	for _, rule := range s.rules {
		if !rule.Asked {
			continue
		}
		for _, v := range []verify.Verdict{verify.Pass, verify.Fail, verify.Inconclusive} {
			is := 0.0
			if rule.Verdict == v {
				is = 1
			}
			send(catalog.VerifyStatus, is, string(rule.Rule), v.String())
		}
	}
	for _, f := range s.findings {
		key := found{f.Rule, f.Class, f.Allowed}
		c.most[key] = max(c.most[key], f.Total)
	}
	for key, total := range c.most {
		m := catalog.VerifyAnomalies
		if key.allowed {
			m = catalog.VerifyAllowed
		}
		send(m, float64(total), string(key.rule), string(key.class))
	}
}

// serveMetrics serves /metrics on an address, host:port, until the returned function is called.
func serveMetrics(address string, o *online) (at string, end func() error, err error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", nil, fmt.Errorf("serve metrics: %w", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(&collector{o, map[found]int64{}})
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 1}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	return listener.Addr().String(), func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err := server.Shutdown(ctx)
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}
