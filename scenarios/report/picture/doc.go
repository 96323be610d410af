// Package picture draws the four pictures of a report: data in, SVG out, nothing else.
//
//	Course      throughput and latency over time, under the faults, the outages and who led: one axis for all
//	Spectrum    latencies by percentile, each further nine as long as the one before
//	Splits      what each outage was spent on, as bars
//	Operations  the operations around an anomaly: a lane per client, a bar from call to answer
//
// Each is drawn for a width: a report holds a wide and a narrow one and shows what fits the window.
package picture
