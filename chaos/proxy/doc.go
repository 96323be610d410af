// Package proxy is the link proxy: every directed link between two nodes, and between clients and nodes, can be broken on its own.
//
//	            advertised address, held open for the whole run        the node's own address, may change
//	dialler ──────────────────> door ──> connection ──────────────────────────────> node
//	   │                                  │ requests   pipe ──>  link dialler -> node
//	   │ whose socket is it?              │ responses  pipe <──  link node -> dialler
//	   └─ inet_diag ─> inode ─> /proc/<pid>/fd ─> node, or a client
//	      or the client id of the first Kafka request
//
// All nodes advertise addresses of the proxy, so what node 0 sends to node 1 passes through a pipe of
// its own, and the proxy knows that it is node 0 that dialled. SetLinks replaces all rules at once: it
// stores a new shape in every pipe, and returns when none of them is still writing under the old one.
//
// # What a pipe does
//
//	read ──> frames ──> queue ──> write          small chunks, and everything under a rule
//	         │ knows where Kafka's frames begin, answers of interest are held and changed
//	         └──> splice                         what is left of a large frame without a rule
//
// A pipe that waits for bytes holds no buffer. Because frames are counted all the time, a rule about
// requests can begin on a connection that is open. Bytes that are no frames are passed on as they are.
//
// # What breaks how
//
// The proxy ends TCP on both sides, so what it does is not what a lost packet does:
//
//	one-way loss of packets            cut of the link A -> B here
//	A's connect to B times out         A's connect succeeds, nothing that A says arrives
//	A's bytes stay in A's buffer and   A's bytes are taken: A sees success until it waits for an answer,
//	are sent again for minutes         its buffers never fill (stall fills them)
//	B's answers stop too, A does not   B's answers flow on: acknowledgements are the proxy's
//	acknowledge them
//	after the heal TCP sends the rest  after the heal the connection is reset if a byte was lost: nobody
//	                                   is given a stream with a hole; stall is the one that flows on
//
// A dead node is seen as a connection that is reset at once, not as a refused connect; so is refuse.
// A connect under a cut is not passed on before the cut goes: the node never hears of it. Answers of
// more than 16 MiB, and those that are not what they say, are passed on unchanged where a rule would have
// to look into them or repeat them. A rule does not concern answers to requests that were sent before it,
// nor, where a topic is given by its id, topics that came after it.
//
// Who dialled and closed again before it was looked for is taken for a client, unless its client id says
// otherwise. TLS hides client ids and requests: rules about requests do not find any.
package proxy
