package client

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// AskPositions asks a group for its positions in the partitions with a client of its own, which is no
// member; the tap records the answer as a Resume of the process. It tries again until ctx ends.
func AskPositions(ctx context.Context, shared Shared, process, group string, targets []Target) error {
	client, err := shared.client(shared.Tap.Member(process, GroupSpec{Name: group}))
	if err != nil {
		return err
	}
	defer client.Close()
	byTopic := map[string][]int32{}
	var topics []string
	for _, t := range targets {
		if byTopic[t.Partition.Topic] == nil {
			topics = append(topics, t.Partition.Topic)
		}
		byTopic[t.Partition.Topic] = append(byTopic[t.Partition.Topic], t.Partition.Index)
	}
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group, req.RequireStable = group, true
	for _, topic := range topics {
		t := kmsg.NewOffsetFetchRequestTopic()
		t.Topic, t.Partitions = topic, byTopic[topic]
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err == nil && len(resp.Groups) > 0 {
		err = kerr.ErrorForCode(resp.Groups[0].ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("%s: ask group %s for its positions: %w", process, group, err)
	}
	return nil
}
