// Package wire is the Kafka protocol's outer layer: frames, request and response headers, served versions.
//
//	bytes ── ReadFrame ──> frame ── ParseRequest ──> Request (kmsg body, aliases the frame)
//	bytes <── AppendResponse ── kmsg response
//
// and for a node that asks another: AppendRequest, ReadResponse, ParseResponse.
//
// It knows no topics and keeps no state; every connection has its own order and buffers above it.
package wire
