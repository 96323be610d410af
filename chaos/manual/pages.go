package manual

import "github.com/logproof/logproof/chaos/timeline"

// Page explains one kind.
type Page struct {
	// Does is what is done, Effect how it is proved that it had one, Healed how that it is over.
	Does, Effect, Healed string
	// See is what one should see in a run.
	See string
	// Example is an entry of a timeline, as YAML.
	Example string
}

// Find is the page of a kind.
func Find(k timeline.Kind) (Page, bool) {
	p, ok := pages[k]
	if !ok {
		p, ok = nodePages[k]
	}
	return p, ok
}

// What the faults of links have in common.
const (
	overLinks  = "A request over every link that is struck, sent by who dials it: clients' by the harness, a node's by the node itself. "
	pastLinks  = " The same request past the links is answered."
	linkHealed = "A request over every link is answered as before."
)

// What the faults of responses have in common: proofs put a request that changes nothing.
const twoWays = "The same request, which changes nothing, is put to the node past the links and over them: "

// pages of the kinds of processes, links and responses; see nodes.go for the others.
var pages = map[timeline.Kind]Page{
	timeline.Kill: {
		Does:    "SIGKILL to the node's process group, by the engine to its container; what it had written stays in the page cache of the machine.",
		Effect:  "/proc shows the process gone, and its port refuses connections.",
		Healed:  "Another process listens on the node's port and answers.",
		See:     "An outage of the partitions that it led: a session timeout until the controller notices, then an election.",
		Example: `{fault: kill, target: "leader(orders,0)", after: 1s, hold: 2s}`,
	},
	timeline.Pause: {
		Does:    "SIGSTOP to the node's process group, the freezer for its container: the kernel goes on accepting for it.",
		Effect:  "/proc shows every thread stopped, or its control group frozen, and a request is taken and not answered.",
		Healed:  "The same process goes on and answers.",
		See:     "As after a kill, and a leader that wakes up and believes it still leads: it must not acknowledge anything.",
		Example: `{fault: pause, target: "leader(orders,0)", after: 1s, hold: 2s}`,
	},
	timeline.Restart: {
		Does:    "SIGTERM: the node hands over what it leads, syncs and ends.",
		Effect:  "The process is gone, and the last that it noted is that it stopped cleanly.",
		Healed:  "Another process answers, and its replicas are in the ISR.",
		See:     "Next to no outage: leaders move before the node ends.",
		Example: `{fault: restart, target: any, after: 1s, hold: 500ms}`,
	},
	timeline.Cut: {
		Does:    "Bytes on the links are taken and thrown away; connections stay open. With direction in or out it is one-way.",
		Effect:  overLinks + "It is taken and not answered." + pastLinks,
		Healed:  linkHealed + " Connections that lost something are reset.",
		See:     "A leader that is cut from nodes is fenced, another leads, and what the old one took is acknowledged by nobody. Two brokers that do not reach each other leave the ISR, and nobody is fenced.",
		Example: `{fault: cut, target: "leader(orders,0)", peers: nodes, after: 1s, hold: 2s}`,
	},
	timeline.Refuse: {
		Does:    "Connections are ended, and new ones before a byte flows.",
		Effect:  overLinks + "The connection is ended at once." + pastLinks,
		Healed:  linkHealed,
		See:     "As a cut, and noticed at once: clients go elsewhere without a timeout.",
		Example: `{fault: refuse, target: node(1), after: 1s, hold: 2s}`,
	},
	timeline.Reset: {
		Does:    "Connections are reset once, and new ones with their first byte.",
		Effect:  overLinks + "The connection is reset." + pastLinks,
		Healed:  linkHealed,
		See:     "Clients that try again and again; no record twice.",
		Example: `{fault: reset, target: node(1), peers: clients, after: 1s, hold: 2s}`,
	},
	timeline.Stall: {
		Does:    "Nothing more is taken from the links: buffers fill, and flow on when it is over.",
		Effect:  overLinks + "It is not answered, and where a client's requests are stalled no more is taken than fits into buffers." + pastLinks,
		Healed:  linkHealed,
		See:     "What was written arrives late, and once.",
		Example: `{fault: stall, target: "leader(orders,0)", peers: clients, after: 1s, hold: 1s}`,
	},
	timeline.Delay: {
		Does:    "Every chunk of bytes comes later by the delay, give or take the jitter; their order stays.",
		Effect:  overLinks + "Several answers in a row take as long as the delays of their ways, and less past the links.",
		Healed:  "Answers take less again.",
		See:     "Latency up by the delay for each way of a write: to the leader, to the followers, and back.",
		Example: `{fault: delay, target: "leader(orders,0)", peers: nodes, delay: 50ms, jitter: 10ms, after: 1s, hold: 2s}`,
	},
	timeline.Bandwidth: {
		Does:    "All connections of a link together get so many bytes a second.",
		Effect:  "Bytes for a quarter of a second at the rate take at least half of that over a client's link, and less past it. Nobody sees links between nodes alone.",
		Healed:  "They take less over the link too.",
		See:     "Throughput at the rate; records wait at their producers.",
		Example: `{fault: bandwidth, target: "leader(orders,0)", rate: 64KiB/s, direction: in, after: 1s, hold: 2s}`,
	},
	timeline.SlowClose: {
		Does:    "The end of a connection, and its reset, reach the other end later by the delay.",
		Effect:  "A connection that the node ends does so for a client after the delay, and sooner past the links.",
		Healed:  "It ends sooner.",
		See:     "Clients that wait on connections which are dead already.",
		Example: `{fault: slow-close, target: node(1), delay: 1s, after: 1s, hold: 2s}`,
	},
	timeline.DropResponse: {
		Does:    "Answers are thrown away after the broker did what was asked, and their connections end.",
		Effect:  twoWays + "one is answered, the connection of the other ends.",
		Healed:  "Both are answered alike.",
		See:     "Clients send again what is in the log already: with idempotence every record is there once, without it twice.",
		Example: `{fault: drop-response, target: "leader(orders,0)", api: Produce, topic: orders, partition: 0, after: 1s, hold: 1s}`,
	},
	timeline.DelayResponse: {
		Does:    "Answers, and those behind them on their connections, are held for the delay.",
		Effect:  twoWays + "one is answered sooner than the delay, the other is not.",
		Healed:  "Both are answered sooner.",
		See:     "Requests that time out at the client although they were done.",
		Example: `{fault: delay-response, target: "leader(orders,0)", api: Produce, delay: 1500ms, after: 1s, hold: 1s}`,
	},
	timeline.RewriteError: {
		Does:    "An error stands in the place of what answers say of a partition; what was asked is done.",
		Effect:  twoWays + "one has the error, the other has not.",
		Healed:  "Both have the same.",
		See:     "Clients that try again, or look for another leader.",
		Example: `{fault: rewrite-error, target: "leader(orders,0)", api: Produce, topic: orders, partition: 0, error: NOT_LEADER_OR_FOLLOWER, after: 1s, hold: 1s}`,
	},
	timeline.StaleMetadata: {
		Does:    "Questions for metadata are answered with what the node said when the fault began.",
		Effect:  "A topic that is made meanwhile is named past the links and not over them; it is deleted afterwards.",
		Healed:  "It is named over the links too.",
		See:     "Clients that ask the leader of before, and are told by it to look again.",
		Example: `{fault: stale-metadata, target: clients, peers: nodes, after: 1s, hold: 2s}`,
	},
	timeline.DuplicateResponse: {
		Does:    "Answers are sent twice.",
		Effect:  twoWays + "one has one answer, the other two.",
		Healed:  "Both have one.",
		See:     "Clients that end a connection whose answers they did not ask for.",
		Example: `{fault: duplicate-response, target: "leader(orders,0)", api: Fetch, after: 1s, hold: 1s}`,
	},
}
