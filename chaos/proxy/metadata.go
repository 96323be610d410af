package proxy

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/chaos/cluster"
)

// topics are the names behind topic ids: responses give either.
type topics struct {
	mu    sync.Mutex
	names map[[16]byte]string
}

// learn takes over what a Metadata response says.
func (t *topics) learn(m *kmsg.MetadataResponse) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, topic := range m.Topics {
		if topic.Topic != nil && topic.TopicID != [16]byte{} {
			t.names[topic.TopicID] = *topic.Topic
		}
	}
}

// name of a topic, "" if it is not known.
func (t *topics) name(id [16]byte) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.names[id]
}

// outdate makes a Metadata response say of everything it tells of what an earlier one said. Topics that
// did not exist then do not exist.
func outdate(now, then *kmsg.MetadataResponse, r *rule) {
	now.Brokers, now.ControllerID = then.Brokers, then.ControllerID
	for i := range now.Topics {
		t := &now.Topics[i]
		if r.Topic != "" && (t.Topic == nil || *t.Topic != r.Topic) {
			continue
		}
		known := slices.IndexFunc(then.Topics, func(old kmsg.MetadataResponseTopic) bool {
			return t.TopicID != [16]byte{} && old.TopicID == t.TopicID || t.Topic != nil && old.Topic != nil && *old.Topic == *t.Topic
		})
		if known < 0 {
			t.ErrorCode, t.Partitions = kerr.UnknownTopicOrPartition.Code, nil
			continue
		}
		t.ErrorCode, t.Partitions = then.Topics[known].ErrorCode, then.Topics[known].Partitions
	}
}

// record of a node, or of any other if that one gave none.
func (r *rule) record(node int32) *kmsg.MetadataResponse {
	if m := r.recorded[node]; m != nil {
		return m
	}
	for _, other := range slices.Sorted(maps.Keys(r.recorded)) {
		return r.recorded[other]
	}
	return nil
}

// prepare asks the nodes what new rules must know of the cluster: what its metadata is before the rule,
// and the ids of topics. It is an error if no node tells what a rule cannot do without.
func (p *Proxy) prepare(ctx context.Context, fresh []*rule) error {
	var ids []int32
	needed := func(r *rule) bool { return r.Mode == cluster.StaleMetadata }
	for _, r := range fresh {
		if !needed(r) && r.Topic == "" {
			continue
		}
		for _, d := range p.doors {
			if r.Link.To.Contains(cluster.NodeEnd(d.node)) {
				ids = append(ids, d.node)
			}
		}
	}
	slices.Sort(ids)
	told, err := p.askAll(ctx, slices.Compact(ids))
	for _, m := range told {
		p.topics.learn(m)
	}
	for _, r := range fresh {
		if !needed(r) {
			continue
		}
		if len(told) == 0 {
			return fmt.Errorf("rule %s: no node tells its metadata to be recorded: %w", r.LinkRule, err)
		}
		r.recorded = told
	}
	return nil
}

// askAll asks nodes for their metadata, all at once.
func (p *Proxy) askAll(ctx context.Context, nodes []int32) (map[int32]*kmsg.MetadataResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	var mu sync.Mutex
	var all sync.WaitGroup
	told, errs := make(map[int32]*kmsg.MetadataResponse), []error{}
	for _, node := range nodes {
		all.Go(func() {
			m, err := p.ask(ctx, node)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
				return
			}
			told[node] = m
		})
	}
	all.Wait()
	return told, errors.Join(errs...)
}

const (
	// askPatience is how long a node may take to tell its metadata.
	askPatience = 2 * time.Second
	// askVersion is the first version that answers with topic ids to a question by name.
	askVersion  = 12
	askClientID = "logproof-proxy"
)

// ask asks one node for the metadata of all topics, on whichever of its listeners answers.
func (p *Proxy) ask(ctx context.Context, node int32) (*kmsg.MetadataResponse, error) {
	var errs []error
	for _, d := range p.doors {
		if d.node != node {
			continue
		}
		m, err := askMetadata(ctx, d.upstream())
		if err == nil {
			return m, nil
		}
		errs = append(errs, fmt.Errorf("ask node %d at %s for its metadata: %w", node, d.upstream(), err))
	}
	return nil, errors.Join(errs...)
}

func askMetadata(ctx context.Context, address string) (*kmsg.MetadataResponse, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(past) })
	defer stop()
	request := kmsg.NewPtrMetadataRequest()
	request.Version = askVersion
	if _, err := conn.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID(askClientID)).AppendRequest(nil, request, 1)); err != nil {
		return nil, err
	}
	head := make([]byte, sizeLength)
	if _, err := io.ReadFull(conn, head); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head)
	if size < responseHead-sizeLength || size > heldMax {
		return nil, fmt.Errorf("an answer of %d bytes is no Metadata", size)
	}
	frame := append(head, make([]byte, size)...)
	if _, err := io.ReadFull(conn, frame[sizeLength:]); err != nil {
		return nil, err
	}
	a := answer{call: call{key: kmsg.Metadata.Int16(), version: askVersion}, frame: frame}
	if !a.decode() {
		return nil, errors.New("the answer is no Metadata")
	}
	return a.response.(*kmsg.MetadataResponse), nil
}
