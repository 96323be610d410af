package timeline

import (
	"fmt"
	"slices"
)

// Info is what is known of a kind of fault before it is used.
type Info struct {
	Kind Kind
	// Help says in one line what the fault does and what its heal does.
	Help string
	// Capability of the cluster that it needs, as chaos/cluster names it.
	Capability string
	// Placements that can do it.
	Placements []Placement
	// On says what its target may be.
	On Subject
	// Peers is true for the faults of links: they have another end.
	Peers bool
	// Down is true if a node that it strikes serves nobody meanwhile: guards count those.
	Down bool
	// Params that it takes, in the order in which they are printed.
	Params []ParamInfo
}

// Subject is what a kind of fault can strike.
type Subject string

const (
	// OnNodes strikes nodes, OnLinks the links of nodes or of clients, OnClients clients of the load,
	// and OnLeader the leader of a partition by its role.
	OnNodes   Subject = "nodes"
	OnLinks   Subject = "links"
	OnClients Subject = "clients"
	OnLeader  Subject = "leader"
)

// Parameters that several kinds share.
var (
	direction = ParamInfo{Name: DirectionParam, Default: string(Both), Help: "both, or in or out as the target sees it"}
	api       = ParamInfo{Name: APIParam, Default: "Produce", Help: "Kafka's name of the request whose responses are struck"}
	topic     = ParamInfo{Name: TopicParam, Help: "topic that such a request must name; without it, any"}
	partition = ParamInfo{Name: PartitionParam, Help: "partition of the topic; without it, all of them"}
	count     = ParamInfo{Name: CountParam, Help: "how many responses at most; without it, all while the fault is in force"}
)

func required(name Param, help string) ParamInfo {
	return ParamInfo{Name: name, Required: true, Help: help}
}

func optional(name Param, value, help string) ParamInfo {
	return ParamInfo{Name: name, Default: value, Help: help}
}

// link is a kind that strikes links.
func link(kind Kind, down bool, help string, params ...ParamInfo) Info {
	return Info{Kind: kind, Help: help, Capability: "Linker", Placements: []Placement{Container, Process}, On: OnLinks, Peers: true, Down: down, Params: params}
}

// protocol is a kind that strikes responses on links.
func protocol(kind Kind, help string, params ...ParamInfo) Info {
	return link(kind, false, help, params...).also(Sim)
}

// node is a kind that strikes processes, disks or clocks of nodes.
func node(kind Kind, capability string, down bool, help string, params ...ParamInfo) Info {
	return Info{Kind: kind, Help: help, Capability: capability, Placements: []Placement{Container, Process}, On: OnNodes, Down: down, Params: params}
}

// only says which placements can do a kind, where it is not all of the machine's own.
func (i Info) only(placements ...Placement) Info {
	i.Placements = placements
	return i
}

// also adds placements to a kind.
func (i Info) also(placements ...Placement) Info {
	i.Placements = append(slices.Clone(i.Placements), placements...)
	return i
}

// on says what the target of a kind may be.
func (i Info) on(s Subject) Info {
	i.On = s
	return i
}

// kinds is the table of all faults, sorted by name. It is read-only.
var kinds = []Info{
	link(Bandwidth, false, "let no more than so many bytes a second pass over the links; heal: lift the limit",
		required(RateParam, "bytes a second, such as 64KiB/s"), direction),
	node(BitRot, "DiskController", false, "flip one byte in a sealed segment of a partition that the node has; heal: the node finds it and gets the segment anew from the leader",
		required(TopicParam, "topic whose segment is struck"), optional(PartitionParam, "0", "partition of the topic")),
	node(Clock, "ClockSetter", false, "set the node's clock off; heal: set it right",
		required(OffsetParam, "how far ahead, or behind with a minus: -3s")).also(Sim),
	node(ConnectionStorm, "Cluster", false, "open connections to the node that ask nothing, as many as it lets in; heal: close them",
		optional(CountParam, "500", "connections")),
	node(CrashClient, "ClientCrasher", false, "end clients of the load where they stand; heal: start them again").on(OnClients).also(Sim),
	link(Cut, true, "let nothing pass over the links, connections stay and say nothing; heal: let everything pass", direction).also(Sim),
	link(Delay, false, "hold everything on the links for a while, in order; heal: pass it at once",
		required(DelayParam, "time added to each direction, such as 100ms"), optional(JitterParam, "0s", "at most how much more or less"), direction).also(Sim),
	protocol(DelayResponse, "hold responses for a while after the node has done what was asked; heal: pass them at once",
		api, topic, partition, required(DelayParam, "time that each is held"), count),
	node(Disconnect, "Disconnecter", true, "take the node's network away, its process runs on; heal: give it back, its replicas catch up").only(Container),
	node(DiskFull, "DiskController", true, "leave the node's disk no room for what it writes; heal: give the room back",
		optional(SpaceParam, "0", "bytes that are left, such as 64KiB")),
	node(DiskLoss, "Wiper", true, "end the node's process with SIGKILL and delete its files; heal: start it empty, its replicas come back").also(Sim),
	node(DoubleClient, "ClientDoubler", false, "start a second process under the transactional id of a client of the load, while the first goes on; heal: the first, which was fenced, has ended").on(OnClients),
	protocol(DropResponse, "drop responses after the node has done what was asked, and end their connections; heal: pass them",
		api, topic, partition, count),
	protocol(DuplicateResponse, "send responses twice; heal: send them once", api, topic, partition, count),
	node(Kill, "Killer", true, "end the node's process with SIGKILL; heal: start it again on the same files and address").also(Sim),
	node(Pause, "Pauser", true, "stop the node's process with SIGSTOP, connections stay; heal: let it go on with SIGCONT").also(Sim),
	node(Poison, "Cluster", false, "send the leader batches that no client would: broken checksums, lengths and compression; heal: nothing is left of them",
		required(TopicParam, "topic that they are sent to"), optional(PartitionParam, "0", "partition of the topic"), optional(CountParam, "20", "batches")),
	node(PowerLoss, "DiskController", true, "end the node's process, and lose or tear what it had not synced; heal: start it again on what is left").also(Sim),
	node(Reassign, "Reassigner", false, "give the leader's replica of the partition to another broker, or do without it where all have one; heal: give it back").on(OnLeader).also(Sim),
	link(Refuse, true, "end connections and accept no new ones; heal: accept them").also(Sim),
	link(Reset, true, "reset connections as soon as something passes over them; heal: let them be").also(Sim),
	node(Restart, "Terminator", true, "stop the node's process cleanly with SIGTERM; heal: start it again, its replicas catch up").also(Sim),
	protocol(RewriteError, "put an error in the place of what responses say; heal: let them say what they say",
		api, topic, partition, required(ErrorParam, "Kafka's name of it, such as NOT_LEADER_OR_FOLLOWER"), count),
	link(SlowClose, false, "keep connections open for a while after one end has closed them; heal: close them at once",
		optional(DelayParam, "1s", "how long they are kept")),
	node(SlowDisk, "DiskController", false, "let every sync of the node's disk take longer; heal: let it take its own time",
		required(DelayParam, "time added to each sync"), optional(JitterParam, "0s", "at most how much more or less")).also(Sim),
	protocol(StaleMetadata, "answer questions for metadata with an answer of before the fault; heal: with the true one", count),
	link(Stall, true, "accept connections and read nothing from them, so that their buffers fill; heal: read on", direction).also(Sim),
	node(SyncError, "DiskController", true, "let syncs of the node's disk fail, so that it stops rather than lie; heal: start it again on a sound disk"),
	node(TransferLeader, "Transferrer", false, "give the leadership of the partition to another replica in sync; heal: give it back").on(OnLeader).also(Sim),
}

// Kinds lists every kind of fault, sorted by name. The slice is the caller's.
func Kinds() []Info { return slices.Clone(kinds) }

// Lookup finds a kind by its name.
func Lookup(k Kind) (Info, bool) {
	i := slices.IndexFunc(kinds, func(info Info) bool { return info.Kind == k })
	if i < 0 {
		return Info{}, false
	}
	return kinds[i], true
}

// Placements lists every placement, sorted.
func Placements() []Placement { return []Placement{Container, Process, Sim} }

// Problem is one reason why a timeline cannot be executed.
type Problem struct {
	// Fault is the index of the entry, from 0.
	Fault int
	// Field of the entry as YAML calls it: "fault", "target", "after", "hold", "overlap", "peers" or
	// the name of a parameter.
	Field string
	// Text says what is wrong and what to do.
	Text string
	// Value that was found and the Known ones, where the field is a choice: for a suggestion.
	Value string
	Known []string
}

// Error is the problem with the place in the timeline, counted from 1 as people do.
func (p Problem) Error() string {
	return fmt.Sprintf("fault %d of the timeline, %s: %s", p.Fault+1, p.Field, p.Text)
}
