// Package loadgen offers a load that does not wait for the cluster, and accounts for every record of it.
//
//	pace: when is record i due? ─┐
//	                             v            ack           ┌─ response = ack - intended   (the headline)
//	intended ──────────> call ───────> broker ────> promise ┤  service  = ack - call
//	        slip = call - intended       │                  └─ accounting: acked, failed, unknown
//	                                     v
//	                                  readers ──────────────── end to end = received - intended
//
// The schedule is open: it goes on while the cluster is slow or gone. A record keeps the time at
// which it was meant to be sent, so an outage shows in the latency of every record that had to wait,
// not only of the few that a waiting client would have had in flight.
//
// One run goes through these steps, each of which ends by itself or by its context:
//
//	New ─ Setup ─ Start ─ (faults happen) ─ StopLoad ─ Barrier ─ Scan ─ StopReaders ─ StopGroups ─ Result ─ Close
//
// Every record is accounted for: intended = sent + dropped; sent = acked + failed + unknown; for each
// reader received = unique + duplicate; for each group polled = processed + barriers + abandoned. The two sides of an equation are counted in different places,
// and Result.Identity compares them.
package loadgen
