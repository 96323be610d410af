package twins

import (
	"net"
	"slices"
	"testing"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// startTwins gives our broker and kfake, each a cluster of one with the same topic in it.
func startTwins(t *testing.T) (ours, theirs *Twin) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b, err := broker.Start(t.Context(), broker.Config{FS: mem.New(), Listener: listener})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	if ours, err = NewTwin("logproof", b.Address()); err == nil {
		theirs, err = NewTwin("kfake", fake.ListenAddrs()[0])
	}
	for _, twin := range []*Twin{ours, theirs} {
		if err == nil {
			err = prepare(twin)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// Both are asked the same: what differs is explained, and what is explained differs.
func TestTwins(t *testing.T) {
	ours, theirs := startTwins(t)
	used := make([]int, len(explanations))
	asked := map[string]bool{}
	var unexplained []difference
	for _, q := range questions() {
		for _, d := range put(q, ours, theirs, asked) {
			if at := explain(d); at >= 0 {
				used[at]++
			} else {
				unexplained = append(unexplained, d)
			}
		}
	}
	for _, d := range unexplained {
		t.Errorf("not explained: %v", d)
	}
	for i, n := range used {
		if n == 0 && served(ours, theirs, explanations[i].key) {
			t.Errorf("explained, and does not occur: %+v", explanations[i])
		}
	}
	for key := range ours.served {
		if _, _, ok := both(ours, theirs, key); ok && !asked[kmsg.NameForKey(key)] {
			t.Errorf("both serve %s, and there is no question about it", kmsg.NameForKey(key))
		}
	}
	if len(asked) < 10 {
		t.Errorf("only %d keys were asked: %v", len(asked), asked)
	}
	t.Logf("%d questions about %d keys, %d explanations", len(questions()), len(asked), len(explanations))
}

// The comparison itself: ids go by their topics' names, the order of lists does not count, bytes by their number.
func TestCompare(t *testing.T) {
	a, b := &Twin{topics: map[string][16]byte{"orders": {1}}}, &Twin{topics: map[string][16]byte{"orders": {2}}}
	answer := func(id byte, order ...string) *kmsg.MetadataResponse {
		resp := kmsg.NewPtrMetadataResponse()
		for _, name := range order {
			topic := kmsg.NewMetadataResponseTopic()
			topic.Topic, topic.TopicID = kmsg.StringPtr(name), [16]byte{id}
			resp.Topics = append(resp.Topics, topic)
		}
		return resp
	}
	if paths := compare(a.flat(answer(1, "x", "y"), nil), b.flat(answer(2, "y", "x"), nil)); paths != nil {
		t.Errorf("they differ in %v", paths)
	}
	if paths := compare(a.flat(answer(1, "x"), nil), b.flat(answer(3, "x"), nil)); !slices.Equal(paths, []string{"Topics[0].TopicID"}) {
		t.Errorf("another id: they differ in %v", paths)
	}
	if paths := compare(a.flat(nil, errClosed), b.flat(answer(2), nil)); len(paths) < 3 {
		t.Errorf("no answer: they differ in %v", paths)
	}
	if at := explain(difference{key: 0, question: "one batch", path: "Topics[0].Partitions[0].ErrorCode"}); at >= 0 {
		t.Errorf("an error code of a good batch is explained by %+v", explanations[at])
	}
}
