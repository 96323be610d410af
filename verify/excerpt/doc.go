// Package excerpt cuts out of a history what somebody must see to understand one anomaly.
//
//	history ──> Collector.Observe ──> per anomaly: its evidence, whatever else touches its records, the barrier of its
//	                                  partition, and the neighbours in time of all of these: at most OperationsMax
//
// Everything is cut down to the anomaly's partition. It judges nothing, and reads the history once, after it was
// judged: memory is bounded by the number of anomalies, not by the length of the history.
package excerpt
