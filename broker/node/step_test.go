package node

import (
	"testing"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/controller"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// stepper runs a whole node on the test's goroutine: messages in order, syncs when told, timers
// when the test moves the clock.
type stepper struct {
	t        *testing.T
	node     *Node
	actors   map[actor.Address]actor.Actor
	now      time.Time
	queue    []actor.Send
	syncs    []pendingSync
	timers   []pendingTimer
	sessions int64
	answers  map[actor.Address][]actor.Response
	hangups  map[actor.Address]string
	fatal    error
	// hold keeps syncs from being done, as if the disk were slow.
	hold bool
}

type pendingSync struct {
	to   actor.Address
	sync actor.Sync
}

type pendingTimer struct {
	to      actor.Address
	at      time.Time
	message any
}

func testConfig() Config {
	return Config{
		Sessions:   api.Config{NodeID: 7, Shards: 2, AutoCreate: true, MaxBatch: 1 << 20, MaxFetch: 8 << 20, MaxWait: time.Minute},
		Controller: controller.Config{Seed: 1, DefaultPartitions: 3, DefaultReplication: 1, MaxPartitions: 100},
		ClusterID:  "test", Roles: Roles{Controller: true, Broker: true}, Voters: []Voter{{ID: 7}},
		Endpoints: Endpoints{Host: "localhost", Port: 9092}, Incarnation: metadata.Incarnation{1},
		Log: log.Config{SegmentBytes: 1 << 20}, Flush: partition.FlushCommit, FlushInterval: time.Second,
	}
}

func startNode(t *testing.T, fs env.FS, cfg Config) *stepper {
	t.Helper()
	n, err := Open(fs, cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &stepper{
		t: t, node: n, actors: n.Actors(), now: time.Unix(1_700_000_000, 0),
		answers: map[actor.Address][]actor.Response{}, hangups: map[actor.Address]string{},
	}
	s.queue = append(s.queue, n.Begin()...)
	s.settle()
	return s
}

// step delivers one message and takes its effects.
func (s *stepper) step(to actor.Address, message any) {
	a := s.actors[to]
	if a == nil {
		return // a session that has ended
	}
	var fx actor.Effects
	a.Step(s.now, message, &fx)
	a.Step(s.now, actor.Drained{}, &fx)
	s.queue = append(s.queue, fx.Sends...)
	for _, sync := range fx.Syncs {
		s.syncs = append(s.syncs, pendingSync{to, sync})
	}
	for _, scrub := range fx.Scrubs {
		next, err := scrub.Run()
		s.queue = append(s.queue, actor.Send{To: to, Message: actor.Scrubbed{Token: scrub.Token, Next: next, Err: err}})
	}
	for _, timer := range fx.Timers {
		s.timers = append(s.timers, pendingTimer{to, s.now.Add(timer.After), timer.Message})
	}
	for _, r := range fx.Responses {
		for _, read := range r.Reads {
			if failed, ok := read.Fill(); !ok {
				s.queue = append(s.queue, failed)
			}
			read.Source.Release()
		}
		s.answers[to] = append(s.answers[to], r)
	}
	if fx.Hangup != "" {
		s.hangups[to] = fx.Hangup
	}
	if fx.Fatal != nil {
		s.fatal = fx.Fatal
	}
}

// settle runs until nothing is left to do at this moment.
func (s *stepper) settle() {
	for len(s.queue) > 0 || len(s.syncs) > 0 && !s.hold {
		if len(s.queue) > 0 {
			next := s.queue[0]
			s.queue = s.queue[1:]
			s.step(next.To, next.Message)
			continue
		}
		next := s.syncs[0]
		s.syncs = s.syncs[1:]
		s.step(next.to, actor.SyncDone{Token: next.sync.Token, Err: next.sync.Syncer.Run()})
	}
}

// completeSyncs ends the syncs that are under way, with an error if failure is not nil.
func (s *stepper) completeSyncs(failure error) {
	held := s.syncs
	s.syncs = nil
	for _, p := range held {
		err := failure
		if err == nil {
			err = p.sync.Syncer.Run()
		}
		s.step(p.to, actor.SyncDone{Token: p.sync.Token, Err: err})
	}
	s.settle()
}

// pass lets time go by and delivers the timers that are due.
func (s *stepper) pass(d time.Duration) {
	s.now = s.now.Add(d)
	due := s.timers
	s.timers = nil
	for _, timer := range due {
		if timer.at.After(s.now) {
			s.timers = append(s.timers, timer)
		} else {
			s.step(timer.to, timer.message)
		}
	}
	s.settle()
}

// connect opens a session.
func (s *stepper) connect() actor.Address {
	s.sessions++
	address, session := s.node.NewSession(s.sessions, wire.Clients)
	s.actors[address] = session
	s.step(address, api.Start{})
	s.settle()
	return address
}

// request sends one request and settles; the answer, if there is one yet, is in answers.
func (s *stepper) request(to actor.Address, body kmsg.Request, correlation int32) {
	s.t.Helper()
	if body.GetVersion() == 0 {
		versions, _ := wire.Served(wire.Clients, body.Key())
		body.SetVersion(versions.Max)
	}
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("test")).AppendRequest(nil, body, correlation)[4:]
	s.step(to, arrived(s.t, frame))
	s.settle()
}

func arrived(t *testing.T, frame []byte) api.Arrived {
	t.Helper()
	r, err := wire.ParseRequest(wire.Clients, frame)
	if err != nil {
		t.Fatal(err)
	}
	return api.Arrived{Request: r}
}

// ask sends a request on a connection of its own and returns its answer.
func ask[R any](s *stepper, body kmsg.Request) R {
	s.t.Helper()
	session := s.connect()
	s.request(session, body, 1)
	if len(s.answers[session]) == 0 {
		s.pass(time.Second) // who is ahead of the broker waits for it
	}
	if len(s.answers[session]) != 1 {
		s.t.Fatalf("%T: %d answers, hangup %q", body, len(s.answers[session]), s.hangups[session])
	}
	resp, ok := s.answers[session][0].Body.(R)
	if !ok {
		s.t.Fatalf("%T: answered with %T", body, s.answers[session][0].Body)
	}
	return resp
}

func createTopic(s *stepper, name string, partitions int32) metadata.TopicID {
	s.t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, 1
	req.Topics = append(req.Topics, topic)
	resp := ask[*kmsg.CreateTopicsResponse](s, req)
	if code := resp.Topics[0].ErrorCode; code != 0 {
		s.t.Fatalf("create %s: %v", name, kerr.ErrorForCode(code))
	}
	return resp.Topics[0].TopicID
}

// records builds an idempotent batch of values.
func records(producer int64, sequence int32, values ...string) []byte {
	var b batch.Builder
	b.Producer(producer, 0, sequence)
	for i, v := range values {
		b.Add(nil, []byte(v), int64(1000+i))
	}
	return b.Build()
}

func produceRequest(topic metadata.TopicID, index int32, acks int16, records []byte) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = acks, 10_000
	t := kmsg.NewProduceRequestTopic()
	t.TopicID = topic
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = index, records
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return req
}

func produceTo(s *stepper, topic metadata.TopicID, index int32, records []byte) kmsg.ProduceResponseTopicPartition {
	s.t.Helper()
	return ask[*kmsg.ProduceResponse](s, produceRequest(topic, index, -1, records)).Topics[0].Partitions[0]
}

func fetchRequest(topic metadata.TopicID, index int32, offset int64, minBytes int32, wait time.Duration) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.MinBytes, req.MaxBytes, req.MaxWaitMillis = minBytes, 1<<20, int32(wait.Milliseconds())
	t := kmsg.NewFetchRequestTopic()
	t.TopicID = topic
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes, p.CurrentLeaderEpoch = index, offset, 1<<20, -1
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return req
}

// values decodes what a fetch returned.
func values(t *testing.T, p kmsg.FetchResponseTopicPartition) (out []string) {
	t.Helper()
	if p.ErrorCode != 0 {
		t.Fatalf("fetch: %v", kerr.ErrorForCode(p.ErrorCode))
	}
	for rest := p.RecordBatches; len(rest) > 0; {
		v, next, err := batch.Next(rest)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := batch.Records(v)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range decoded {
			out = append(out, string(r.Value))
		}
		rest = next
	}
	return out
}

func readAll(s *stepper, topic metadata.TopicID, index int32) []string {
	s.t.Helper()
	resp := ask[*kmsg.FetchResponse](s, fetchRequest(topic, index, 0, 0, 0))
	return values(s.t, resp.Topics[0].Partitions[0])
}

func withBugs(names ...bug.Name) Config {
	cfg := testConfig()
	cfg.Bugs = bug.Set{}
	for _, n := range names {
		cfg.Bugs[n] = true
	}
	cfg.Log.Bugs = cfg.Bugs
	return cfg
}
