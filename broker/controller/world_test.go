package controller

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// world is a controller with brokers that speak to it, and the log of what it decided. Every record
// goes through its bytes before it is replayed, as in a cluster.
type world struct {
	t       *testing.T
	cfg     Config
	m       *Machine
	now     time.Time
	log     []metadata.Record
	brokers map[int32]*process
	// elected is told of every record that changes a partition.
	elected func(topic *metadata.Topic, was, is *metadata.Partition)
	// uptimes counts processes, for their incarnations.
	uptimes byte
	out     strings.Builder
}

// process is what a broker knows of itself.
type process struct {
	incarnation metadata.Incarnation
	epoch       int64
	silent      bool
}

func newWorld(t *testing.T, cfg Config) *world {
	cfg.Seed, cfg.DefaultPartitions, cfg.DefaultReplication, cfg.MaxPartitions = 1, 1, 1, 100
	cfg.SessionTimeout = 9 * time.Second
	cfg.PreferredEvery, cfg.PreferredImbalance = 5*time.Minute, 10
	cfg.LastKnownLeader = !cfg.Bugs.LastReplica && !cfg.Bugs.Unclean
	return &world{
		t: t, cfg: cfg, m: New(cfg, metadata.NewImage("test", nil)),
		now: time.Unix(1_700_000_000, 0), brokers: map[int32]*process{},
	}
}

func (w *world) say(format string, args ...any) { fmt.Fprintf(&w.out, "  "+format+"\n", args...) }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// commit replays records and says what they did.
func (w *world) commit(records []metadata.Record) {
	for _, r := range records {
		encoded, err := metadata.Encode(r)
		w.must(err)
		r, err = metadata.Decode(encoded)
		w.must(err)
		before := w.m.Image()
		w.m.Replay([]metadata.Record{r})
		w.log = append(w.log, r)
		im := w.m.Image()
		switch {
		case r.RegisterBroker != nil:
			w.say("broker %d registered, epoch %d", r.RegisterBroker.ID, im.Broker(r.RegisterBroker.ID).Epoch)
		case r.FenceBroker != nil:
			w.say("broker %d fenced", r.FenceBroker.ID)
		case r.UnfenceBroker != nil:
			w.say("broker %d unfenced", r.UnfenceBroker.ID)
		case r.ShutdownBroker != nil:
			w.say("broker %d shutting down", r.ShutdownBroker.ID)
		case r.Partition != nil:
			w.say("%s", describe(im.Partition(r.Partition.TopicID, r.Partition.Index)))
		case r.PartitionChange != nil:
			_, was := before.Partition(r.PartitionChange.TopicID, r.PartitionChange.Index)
			topic, p := im.Partition(r.PartitionChange.TopicID, r.PartitionChange.Index)
			if p.PartitionEpoch != was.PartitionEpoch+1 {
				w.t.Fatalf("partition epoch %d after %d", p.PartitionEpoch, was.PartitionEpoch)
			}
			if w.elected != nil {
				w.elected(topic, was, p)
			}
			w.say("%s%s", describe(topic, p), replicas(r.PartitionChange, p))
		}
	}
}

// replicas says what a change did to a reassignment.
func replicas(r *metadata.PartitionChangeRecord, p *metadata.Partition) string {
	if r.Replicas == nil && r.Adding == nil && r.Removing == nil {
		return ""
	}
	return fmt.Sprintf(" replicas %v%s%s", p.Replicas, mark(len(p.Adding) > 0, fmt.Sprintf(" adding %v", p.Adding)),
		mark(len(p.Removing) > 0, fmt.Sprintf(" removing %v", p.Removing)))
}

// describe writes a partition in one line; its epoch is leader epoch / partition epoch.
func describe(topic *metadata.Topic, p *metadata.Partition) string {
	leader := "no leader"
	if p.Leader != metadata.NoLeader {
		leader = fmt.Sprintf("leader %d", p.Leader)
	}
	return fmt.Sprintf("%s-%d: %s epoch %d/%d isr %v%s%s%s", topic.Name, p.Index, leader, p.LeaderEpoch, p.PartitionEpoch, p.ISR,
		mark(len(p.ELR) > 0, fmt.Sprintf(" elr %v", p.ELR)), mark(len(p.LastKnownELR) > 0, fmt.Sprintf(" last known %v", p.LastKnownELR)),
		mark(p.Recovering, " recovering"))
}

func mark(on bool, text string) string {
	if on {
		return text
	}
	return ""
}

// register starts a process, or repeats the request of one; it reports whether the broker has an epoch.
func (w *world) register(id int32, kind, rack string, lost bool) bool {
	b := w.brokers[id]
	req := kmsg.NewPtrBrokerRegistrationRequest()
	req.SetVersion(3)
	req.BrokerID, req.ClusterID, req.PreviousBrokerEpoch = id, "test", -1
	if b != nil && !lost {
		req.PreviousBrokerEpoch = b.epoch
	}
	if kind == "again" {
		req.IncarnationID = b.incarnation
	} else {
		w.uptimes++
		req.IncarnationID = [16]byte{w.uptimes}
	}
	if rack != "" {
		req.Rack = &rack
	}
	l := kmsg.NewBrokerRegistrationRequestListener()
	l.Name, l.Host, l.Port = ClientListener, "host", uint16(9000+id)
	req.Listeners = append(req.Listeners, l)
	records, resp := w.m.RegisterBroker(w.now, req)
	w.commit(records)
	if resp.ErrorCode != 0 {
		w.say("%s", kerr.TypedErrorForCode(resp.ErrorCode).Message)
		return false
	}
	if got := w.m.Image().Broker(id).Epoch; got != resp.BrokerEpoch {
		w.t.Fatalf("broker %d was told epoch %d, registered with %d", id, resp.BrokerEpoch, got)
	}
	if len(records) == 0 {
		w.say("broker %d has epoch %d", id, resp.BrokerEpoch)
	}
	w.brokers[id] = &process{incarnation: req.IncarnationID, epoch: resp.BrokerEpoch}
	return true
}

// beat sends one heartbeat and says what the answer adds to its records.
func (w *world) beat(id int32, offset int64, fence, stop bool) *kmsg.BrokerHeartbeatResponse {
	req := kmsg.NewPtrBrokerHeartbeatRequest()
	req.SetVersion(1)
	req.BrokerID, req.BrokerEpoch, req.CurrentMetadataOffset = id, w.brokers[id].epoch, offset
	req.WantFence, req.WantShutdown = fence, stop
	records, resp := w.m.Heartbeat(w.now, req)
	w.commit(records)
	switch {
	case resp.ErrorCode != 0:
		w.say("%s", kerr.TypedErrorForCode(resp.ErrorCode).Message)
	case resp.ShouldShutdown:
		w.say("broker %d may stop", id)
	case stop:
		w.say("broker %d waits", id)
	case resp.IsFenced:
		w.say("broker %d stays fenced", id)
	}
	return resp
}

// tick lets every broker that is not silent be heard of, then moves the clock.
func (w *world) tick(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(min(2*time.Second, end.Sub(w.now)))
		for _, b := range slices.Clone(w.m.Image().Registered()) {
			if p := w.brokers[b.ID]; !p.silent && !b.Fenced {
				w.beat(b.ID, w.m.Image().Offset, false, false)
			}
		}
		w.commit(w.m.Tick(w.now))
	}
}

func (w *world) partition(name string) (*metadata.Topic, *metadata.Partition) {
	topic, index, _ := strings.Cut(name, "-")
	t := w.m.Image().Topic(topic)
	return t, &t.Partitions[numbers(index)[0]]
}

// proposal is what a leader that knows the partition and the brokers as they are would send.
func (w *world) proposal(topic *metadata.Topic, p *metadata.Partition, from int32, isr []int32) *kmsg.AlterPartitionRequest {
	req := kmsg.NewPtrAlterPartitionRequest()
	req.SetVersion(3)
	req.BrokerID, req.BrokerEpoch = from, w.m.Image().Broker(from).Epoch
	one := kmsg.NewAlterPartitionRequestTopicPartition()
	one.Partition, one.LeaderEpoch, one.PartitionEpoch = p.Index, p.LeaderEpoch, p.PartitionEpoch
	for _, id := range isr {
		member := kmsg.NewAlterPartitionRequestTopicPartitionNewEpochISR()
		member.BrokerID, member.BrokerEpoch = id, -1
		if b := w.m.Image().Broker(id); b != nil {
			member.BrokerEpoch = b.Epoch
		}
		one.NewEpochISR = append(one.NewEpochISR, member)
	}
	asked := kmsg.NewAlterPartitionRequestTopic()
	asked.TopicID, asked.Partitions = topic.ID, append(asked.Partitions, one)
	req.Topics = append(req.Topics, asked)
	return req
}

// alter delivers a proposal and gives the error of its partition.
func (w *world) alter(req *kmsg.AlterPartitionRequest) int16 {
	records, resp := w.m.AlterPartition(req)
	w.commit(records)
	code := resp.ErrorCode
	if code == 0 {
		code = resp.Topics[0].Partitions[0].ErrorCode
	}
	if code != 0 {
		w.say("%s", kerr.TypedErrorForCode(code).Message)
	} else if len(records) == 0 {
		w.say("nothing changes")
	}
	return code
}

// takeover replays the log in a new machine and lets that decide from now on.
func (w *world) takeover() {
	cfg := w.cfg
	cfg.Seed += uint64(len(w.log))
	m := New(cfg, metadata.NewImage("test", nil))
	m.Replay(w.log)
	m.Activate(w.now)
	w.m = m
}

// checkReplay compares the image with that of a machine that only replayed, and with its own snapshot.
func (w *world) checkReplay() {
	w.t.Helper()
	have := w.m.Image().Snapshot()
	other := New(w.cfg, metadata.NewImage("test", nil))
	other.Replay(w.log)
	if got := other.Image().Snapshot(); !bytes.Equal(got, have) {
		w.t.Errorf("replayed\n%s\ndecided\n%s", got, have)
	}
	again, err := metadata.FromSnapshot(have)
	w.must(err)
	if got := again.Snapshot(); !bytes.Equal(got, have) {
		w.t.Errorf("from its snapshot\n%s\nwas\n%s", got, have)
	}
}
