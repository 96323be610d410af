// Package replication is a follower's side of fetching from a leader: what to ask, and the session that spares asking it again.
//
//	positions of all followed partitions ──> Session.Request ──> Fetch, with what changed
//	                                         Session.Answered <── response
//
// Both sides of a fetch session (KIP-227) count its requests; when they disagree, or the connection
// breaks, the follower begins anew. It is pure. Who owns the logs and sends the request is broker/node;
// the leader's side is in broker/api.
package replication
