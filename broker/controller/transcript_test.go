package controller

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var update = flag.Bool("update", false, "write the transcripts in testdata anew")

// Each file of testdata is a story: a command in a line, what the controller did about it indented
// below. Lines that begin with # are for the reader.
//
//	up 1 2              brokers register and say that they are ready; with rack=a in that rack
//	register 1          one of them registers; lost: it does not know its previous epoch
//	                    twin: another process with its id; again: the same process once more
//	beat 1              one heartbeat, with fence, stop, offset=N, epoch=N
//	silent 1            a broker sends no heartbeats until it is told to send one
//	tick 10s            the others send heartbeats, the clock moves and is looked at
//	topic orders 1,2,3  a topic of one partition; min=2 and unclean are its configuration
//	topic orders 4x3    a topic of 4 partitions with 3 replicas each
//	alter orders-0 1,2  its leader proposes an ISR; from=, leader-epoch=, partition-epoch=,
//	                    broker-epochs=, as= (own epoch) say otherwise, recovering: still
//	elect preferred     for all partitions, or for those named; or elect unclean
//	reassign orders-0 2,3  other replicas; none: an empty list, cancel: back, same-factor: as many
//	reassignments       what is under way; of the topics named, or of all
//	damaged 1 orders-0  a broker has found its replica damaged; epoch= says another than its own
//	takeover            another controller replays the log and takes over
//	show                the cluster
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, Config{})
			var got strings.Builder
			for _, line := range strings.Split(strings.TrimSuffix(string(want), "\n"), "\n") {
				if strings.HasPrefix(line, "  ") {
					continue
				}
				fmt.Fprintln(&got, line)
				if line != "" && !strings.HasPrefix(line, "#") {
					w.out.Reset()
					w.run(strings.Fields(line))
					got.WriteString(w.out.String())
				}
			}
			w.checkReplay()
			if *update {
				err = os.WriteFile(file, []byte(got.String()), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) && !*update {
				t.Errorf("%s: got\n%s\nrun with -update if that is right", file, got.String())
			}
		})
	}
}

// run executes one command of a transcript.
func (w *world) run(words []string) {
	args, opts := words[1:], map[string]string{}
	var plain []string
	for _, a := range args {
		if k, v, ok := strings.Cut(a, "="); ok {
			opts[k] = v
		} else if strings.Contains(" fence stop lost twin again unclean recovering preferred same-factor ", " "+a+" ") {
			opts[a] = a
		} else {
			plain = append(plain, a)
		}
	}
	switch words[0] {
	case "up":
		for _, id := range numbers(plain...) {
			w.register(id, "", opts["rack"], false)
			w.beat(id, w.m.Image().Offset, false, false)
		}
	case "register":
		w.registerCommand(numbers(plain...)[0], opts)
	case "beat":
		w.beatCommand(numbers(plain...)[0], opts)
	case "silent":
		for _, id := range numbers(plain...) {
			w.brokers[id].silent = true
		}
	case "tick":
		d, err := time.ParseDuration(plain[0])
		w.must(err)
		w.tick(d)
	case "topic":
		w.topic(plain[0], plain[1], opts)
	case "alter":
		w.alterCommand(plain[0], numbers(strings.Split(plain[1], ",")...), opts)
	case "elect":
		w.elect(opts["unclean"] != "", plain)
	case "reassign":
		for i := 0; i+1 < len(plain); i += 2 {
			w.reassignCommand(plain[i], plain[i+1], opts["same-factor"] == "")
		}
	case "reassignments":
		w.reassignments(plain)
	case "damaged":
		w.damaged(numbers(plain[0])[0], plain[1], opts)
	case "takeover":
		w.takeover()
	case "show":
		w.show()
	default:
		w.t.Fatalf("unknown command %q", words)
	}
}

func (w *world) registerCommand(id int32, opts map[string]string) {
	kind := opts["twin"] + opts["again"]
	w.register(id, kind, opts["rack"], opts["lost"] != "")
}

func (w *world) beatCommand(id int32, opts map[string]string) {
	if v, ok := opts["epoch"]; ok {
		w.brokers[id].epoch = int64(numbers(v)[0])
	}
	w.brokers[id].silent = false
	offset := w.m.Image().Offset
	if v, ok := opts["offset"]; ok {
		offset = int64(numbers(v)[0])
	}
	w.beat(id, offset, opts["fence"] != "", opts["stop"] != "")
}

func (w *world) topic(name, layout string, opts map[string]string) {
	var req *kmsg.CreateTopicsRequest
	if partitions, replication, ok := strings.Cut(layout, "x"); ok {
		req = createRequest(name, numbers(partitions)[0], int16(numbers(replication)[0]))
	} else {
		req = createRequest(name, -1, -1)
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Replicas = numbers(strings.Split(layout, ",")...)
		req.Topics[0].ReplicaAssignment = append(req.Topics[0].ReplicaAssignment, a)
	}
	config := func(key, value string) {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = key, &value
		req.Topics[0].Configs = append(req.Topics[0].Configs, c)
	}
	if v, ok := opts["min"]; ok {
		config(metadata.MinISRConfig, v)
	}
	if _, ok := opts["unclean"]; ok {
		config(metadata.UncleanConfig, "true")
	}
	records, resp := w.m.CreateTopics(req)
	if code := resp.Topics[0].ErrorCode; code != 0 {
		w.say("%s: %s", kerr.TypedErrorForCode(code).Message, *resp.Topics[0].ErrorMessage)
	}
	w.commit(records)
}

func (w *world) alterCommand(name string, isr []int32, opts map[string]string) {
	topic, p := w.partition(name)
	number := func(key string, byDefault int64) int64 {
		if v, ok := opts[key]; ok {
			return int64(numbers(v)[0])
		}
		return byDefault
	}
	from := int32(number("from", int64(p.Leader)))
	req := w.proposal(topic, p, from, isr)
	req.BrokerEpoch = number("as", req.BrokerEpoch)
	one := &req.Topics[0].Partitions[0]
	one.LeaderEpoch = int32(number("leader-epoch", int64(one.LeaderEpoch)))
	one.PartitionEpoch = int32(number("partition-epoch", int64(one.PartitionEpoch)))
	if v, ok := opts["broker-epochs"]; ok {
		for i, epoch := range numbers(strings.Split(v, ",")...) {
			one.NewEpochISR[i].BrokerEpoch = int64(epoch)
		}
	}
	if opts["recovering"] != "" {
		one.LeaderRecoveryState = recoveringState
	}
	w.alter(req)
}

func (w *world) elect(unclean bool, names []string) {
	req := kmsg.NewPtrElectLeadersRequest()
	req.SetVersion(2)
	if unclean {
		req.ElectionType = electUnclean
	}
	for _, name := range names {
		topic, index, _ := strings.Cut(name, "-")
		one := kmsg.NewElectLeadersRequestTopic()
		one.Topic, one.Partitions = topic, numbers(index)
		req.Topics = append(req.Topics, one)
	}
	records, resp := w.m.ElectLeaders(req)
	for _, topic := range resp.Topics {
		for _, p := range topic.Partitions {
			if p.ErrorCode != 0 {
				w.say("%s-%d: %s: %s", topic.Topic, p.Partition, kerr.TypedErrorForCode(p.ErrorCode).Message, *p.ErrorMessage)
			}
		}
	}
	w.commit(records)
}

// reassignCommand asks for other replicas of a partition, which need not exist.
func (w *world) reassignCommand(name, replicas string, otherFactor bool) {
	p := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
	topic, index, _ := strings.Cut(name, "-")
	p.Partition = numbers(index)[0]
	switch replicas {
	case "cancel":
	case "none":
		p.Replicas = []int32{}
	default:
		p.Replicas = numbers(strings.Split(replicas, ",")...)
	}
	w.reassign(topic, otherFactor, p)
}

// reassign delivers a request and gives the error of its first partition.
func (w *world) reassign(topic string, otherFactor bool, partitions ...kmsg.AlterPartitionAssignmentsRequestTopicPartition) int16 {
	req := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	req.SetVersion(1)
	req.AllowReplicationFactorChange = otherFactor
	asked := kmsg.NewAlterPartitionAssignmentsRequestTopic()
	asked.Topic, asked.Partitions = topic, partitions
	req.Topics = append(req.Topics, asked)
	records, resp := w.m.AlterPartitionReassignments(req)
	for _, p := range resp.Topics[0].Partitions {
		if p.ErrorCode != 0 {
			w.say("%s: %s", kerr.TypedErrorForCode(p.ErrorCode).Message, *p.ErrorMessage)
		}
	}
	w.commit(records)
	if len(records) == 0 && resp.Topics[0].Partitions[0].ErrorCode == 0 {
		w.say("nothing changes")
	}
	return resp.Topics[0].Partitions[0].ErrorCode
}

func (w *world) reassignments(names []string) {
	req := kmsg.NewPtrListPartitionReassignmentsRequest()
	for _, name := range names {
		topic, index, _ := strings.Cut(name, "-")
		one := kmsg.NewListPartitionReassignmentsRequestTopic()
		one.Topic, one.Partitions = topic, numbers(index)
		req.Topics = append(req.Topics, one)
	}
	for _, topic := range w.m.ListPartitionReassignments(req).Topics {
		for _, p := range topic.Partitions {
			w.say("%s-%d: replicas %v adding %v removing %v", topic.Topic, p.Partition, p.Replicas, p.AddingReplicas, p.RemovingReplicas)
		}
	}
}

func (w *world) show() {
	for _, b := range w.m.Image().Registered() {
		w.say("broker %d epoch %d%s%s%s", b.ID, b.Epoch, mark(b.Rack != "", " rack "+b.Rack), mark(b.Fenced, " fenced"), mark(b.ShuttingDown, " shutting down"))
	}
	for _, name := range w.m.Image().Names() {
		topic := w.m.Image().Topic(name)
		for i := range topic.Partitions {
			w.say("%s", describe(topic, &topic.Partitions[i]))
		}
	}
}

func numbers(words ...string) (list []int32) {
	for _, word := range words {
		n, err := strconv.ParseInt(word, 10, 32)
		if err != nil {
			panic(err)
		}
		list = append(list, int32(n))
	}
	return list
}
