// Package course tells how a run went over time: a history cut into buckets, with bounded memory.
//
//	history ──> Meter.Observe ──> [100 ms][100 ms][100 ms] ...   records by outcome, at the return of their operation
//	                               │                             latency of produces, at their invocation
//	                               └─ too many? two become one: a run of any length has at most BucketsMax
//
// It judges nothing: it is for charts. Latencies stand where their operation began, so that the first bucket of an
// outage shows how long whoever wrote then had to wait; throughput stands where the answer came.
package course
