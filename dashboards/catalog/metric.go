package catalog

import (
	"slices"
	"strings"
)

// Prefix of every metric name.
const Prefix = "logproof_"

// Types of a metric, in Prometheus' words.
const (
	Counter   = "counter"
	Gauge     = "gauge"
	Histogram = "histogram"
)

// Units of a metric. A name ends with its unit where the unit is a base unit (seconds, bytes,
// ratio); records, requests and the like are counted things and name what they count.
const (
	Seconds     = "seconds"
	Bytes       = "bytes"
	Ratio       = "ratio"
	Records     = "records"
	Requests    = "requests"
	Connections = "connections"
	Batches     = "batches"
	Topics      = "topics"
	Faults      = "faults"
	Anomalies   = "anomalies"
	Partitions  = "partitions"
	Replicas    = "replicas"
	Offset      = "offset"
	// Number has no unit: an epoch, a term, how often something happened.
	Number = "number"
	// State is 0 or 1: one series per possible state, of which one is 1.
	State = "state"
	// Info is always 1 and carries its message in labels.
	Info = "info"
)

// Metric is one declaration. It is data: the box that feeds it keeps the handle.
type Metric struct {
	// Name in full, Prefix included, so that a search finds every use of it.
	Name string
	// Type is Counter, Gauge or Histogram.
	Type string
	// Unit is one of the units of this package.
	Unit string
	// Help is one sentence for people, with its full stop.
	Help string
	// Labels in the order in which values are given; nil for none.
	Labels []string
}

// All lists every declared metric, box by box, each box sorted by name. The slice is the caller's own.
func All() []Metric {
	return slices.Concat(Broker(), Replication(), Groups(), Transactions(), Verify())
}

// LatencyBuckets are the upper bounds, in seconds, of every latency histogram: 100 µs doubled 17
// times, up to 13.1 s. The usual bounds of web servers start at 5 ms, where a log on a local disk
// has nothing left to tell. The slice is the caller's own.
func LatencyBuckets() []float64 {
	bounds := make([]float64, 18)
	for i, bound := 0, 100e-6; i < len(bounds); i, bound = i+1, bound*2 {
		bounds[i] = bound
	}
	return bounds
}

// sorted orders declarations by name, so that lists and generated pages do not move.
func sorted(metrics ...Metric) []Metric {
	slices.SortFunc(metrics, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	return metrics
}
