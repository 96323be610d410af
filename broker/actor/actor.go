package actor

import (
	"time"

	"github.com/logproof/logproof/broker/event"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Role is the kind of an actor.
type Role uint8

const (
	// Controller decides about topics and producer ids, and owns the metadata log.
	Controller Role = iota + 1
	// Metadata applies committed metadata records and publishes the image.
	Metadata
	// Shard owns some of the node's partitions: their logs, high watermarks and waiters.
	Shard
	// Session answers the requests of one connection, in order.
	Session
	// Uplink keeps the node's broker registered and carries requests to the active controller.
	Uplink
	// Coordinator keeps the consumer groups of the partitions of __consumer_offsets that the node leads.
	Coordinator
	// Transactions keeps the transactions of the partitions of __transaction_state that the node leads.
	Transactions
	// Participant has part in transactions for the partitions that the node leads: it asks coordinators about them, and
	// writes their ends.
	Participant
)

// Address names an actor within its node.
type Address struct {
	Role Role
	ID   int64
}

// Actor is a machine that decides. Calls of one actor never overlap.
type Actor interface {
	// Step takes one message at the given time and adds to fx what is to be done about it.
	Step(now time.Time, message any, fx *Effects)
}

// Drained is delivered after the last message of a batch of an inbox: the moment to begin work
// that serves all of them at once, as one sync for many appends.
type Drained struct{}

// Syncer makes something durable. It is run away from the actor.
type Syncer interface{ Run() error }

// SyncDone is the completion of a Sync effect.
type SyncDone struct {
	Token any
	Err   error
}

// Send is a message for another actor of the same node.
type Send struct {
	To      Address
	Message any
}

// Timer is a message for the actor itself, later.
type Timer struct {
	After   time.Duration
	Message any
}

// Sync asks for Syncer.Run; SyncDone with the token follows.
type Sync struct {
	Syncer Syncer
	Token  any
}

// Call is a request for another node, answered by CallDone with the token. The calls of one actor to one
// node go over one connection of their own: they are answered in order, and a call that fails takes
// those after it with it. Whether a failed call was carried out is not known.
type Call struct {
	// Node is the id of the other node, Host and Port are where its peer listener is.
	Node    int32
	Host    string
	Port    int32
	Request kmsg.Request
	// Timeout is how long the answer may take, with connecting; more than 0.
	Timeout time.Duration
	Token   any
}

// CallDone is the completion of a Call: exactly one of Response and Err is set.
type CallDone struct {
	Token    any
	Response kmsg.Response
	Err      error
}

// Source is a range of a log that can be read without its owner: what lies below the log end
// does not change.
type Source interface {
	// AppendTo reads the range and appends it to buf.
	AppendTo(buf []byte) ([]byte, error)
	// Release gives the range up; it must be called once.
	Release()
}

// Read fills one partition of a fetch response from a log before it is encoded, away from the actor.
type Read struct {
	Source Source
	// Bytes is the most that Source holds.
	Bytes int
	// Into takes the bytes, or the error of Failed.
	Into *kmsg.FetchResponseTopicPartition
	// Owner of the log gets a ReadFailed with the token if the range cannot be read.
	Owner Address
	Token any
}

// ReadFailed tells the owner of a log that a range of it could not be read.
type ReadFailed struct {
	Token any
	Err   error
}

// Fill reads the range into memory of its own. What it gives is to be sent, if ok is false: the range could
// not be read.
func (r Read) Fill() (failed Send, ok bool) {
	b, err := r.Source.AppendTo(nil)
	if err != nil {
		return r.Failed(err), false
	}
	r.Into.RecordBatches = b
	return failed, true
}

// Failed says that the range could not be read: whoever asked gets none of it, and the owner is to be told.
func (r Read) Failed(err error) Send {
	r.Into.ErrorCode, r.Into.RecordBatches = kerr.KafkaStorageError.Code, []byte{}
	return Send{r.Owner, ReadFailed{r.Token, err}}
}

// Load reads a range of a log for the actor itself, away from it; Loaded follows. The range is released.
type Load struct {
	Source Source
	Token  any
}

// Loaded is the completion of a Load. Data is memory of its own.
type Loaded struct {
	Token any
	Data  []byte
	Err   error
}

// Run reads the range and gives it up; it is called once.
func (l Load) Run() Loaded {
	data, err := l.Source.AppendTo(nil)
	l.Source.Release()
	return Loaded{l.Token, data, err}
}

// Scrub looks whether a part of a log is still as it was written, away from the actor; Scrubbed follows.
type Scrub struct {
	// Run is called once. It gives where to go on.
	Run   func() (next int64, err error)
	Token any
}

// Scrubbed is the completion of a Scrub.
type Scrubbed struct {
	Token any
	Next  int64
	Err   error
}

// Work does something that takes a while, away from the actor; Worked follows.
type Work struct {
	// Run is called once.
	Run   func() error
	Token any
}

// Worked is the completion of a Work.
type Worked struct {
	Token any
	Err   error
}

// Response answers one request of the session's connection.
type Response struct {
	// Body is the response, or nil when none is sent (acks=0) but the request is finished.
	Body  ResponseBody
	Reads []Read
	// Correlation of the request.
	Correlation int32
	// Request is handed back so that its buffer can be used again.
	Request any
	// Arrived is when the last byte of the request was read.
	Arrived time.Time
}

// ResponseBody is the part of kmsg.Response that encoding needs.
type ResponseBody interface {
	Key() int16
	AppendTo([]byte) []byte
	IsFlexible() bool
}

// Effects is what steps ask for, in order.
type Effects struct {
	Sends     []Send
	Timers    []Timer
	Syncs     []Sync
	Calls     []Call
	Responses []Response
	Scrubs    []Scrub
	Loads     []Load
	Works     []Work
	Events    []event.Event
	// Hangup closes the session's connection after its responses; it says why.
	Hangup string
	// Fatal stops the node: it can no longer keep its promises, as after a failed sync.
	Fatal error
}

// Send adds a message for another actor.
func (fx *Effects) Send(to Address, message any) {
	fx.Sends = append(fx.Sends, Send{to, message})
}

// After adds a message for the actor itself, to be delivered after d.
func (fx *Effects) After(d time.Duration, message any) {
	fx.Timers = append(fx.Timers, Timer{d, message})
}

// Sync adds a sync; SyncDone{token} follows.
func (fx *Effects) Sync(s Syncer, token any) {
	fx.Syncs = append(fx.Syncs, Sync{s, token})
}

// Call adds a request for another node; CallDone{token} follows.
func (fx *Effects) Call(c Call) { fx.Calls = append(fx.Calls, c) }

// Emit adds an event: something happened that is worth telling.
func (fx *Effects) Emit(e event.Event) { fx.Events = append(fx.Events, e) }

// Respond adds a response.
func (fx *Effects) Respond(r Response) { fx.Responses = append(fx.Responses, r) }

// Scrub adds a look at a log; Scrubbed{token} follows.
func (fx *Effects) Scrub(run func() (next int64, err error), token any) {
	fx.Scrubs = append(fx.Scrubs, Scrub{run, token})
}

// Work adds something that takes a while; Worked{token} follows.
func (fx *Effects) Work(run func() error, token any) { fx.Works = append(fx.Works, Work{run, token}) }

// Load adds a range to be read; Loaded{token} follows.
func (fx *Effects) Load(s Source, token any) { fx.Loads = append(fx.Loads, Load{s, token}) }

// Reset empties the effects and keeps their memory.
func (fx *Effects) Reset() {
	clear(fx.Sends)
	clear(fx.Timers)
	clear(fx.Syncs)
	clear(fx.Calls)
	clear(fx.Responses)
	clear(fx.Scrubs)
	clear(fx.Loads)
	clear(fx.Works)
	clear(fx.Events)
	*fx = Effects{
		Sends: fx.Sends[:0], Timers: fx.Timers[:0], Syncs: fx.Syncs[:0],
		Calls: fx.Calls[:0], Responses: fx.Responses[:0], Scrubs: fx.Scrubs[:0], Loads: fx.Loads[:0], Works: fx.Works[:0], Events: fx.Events[:0],
	}
}
