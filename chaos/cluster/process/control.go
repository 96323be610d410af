package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/logproof/logproof/broker/control"
	"github.com/logproof/logproof/chaos/cluster"
)

// socketName is the node's control socket in its directory.
const socketName = "control.sock"

// sockets picks the control sockets of nodes: in their directories, or, where the name would be too long for
// a socket, in a temporary one.
func (c *Cluster) sockets(endpoints []Endpoint) error {
	for i, e := range endpoints {
		endpoints[i].Control = filepath.Join(e.Dir, socketName)
		if control.CheckPath(endpoints[i].Control) == nil {
			continue
		}
		if c.temporary == "" {
			dir, err := os.MkdirTemp("", "lp-")
			if err != nil {
				return err
			}
			c.temporary = dir
		}
		endpoints[i].Control = filepath.Join(c.temporary, strconv.Itoa(int(e.Node))+".sock")
	}
	return nil
}

// removeSockets removes what sockets made.
func (c *Cluster) removeSockets() error {
	if c.temporary == "" {
		return nil
	}
	return os.RemoveAll(c.temporary)
}

// tell sends one request to a node's control socket.
func (c *Cluster) tell(ctx context.Context, id int32, q control.Request) (control.Response, error) {
	if _, err := c.node(id); err != nil {
		return control.Response{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, control.MaxPing+tellWithin)
	defer cancel()
	answer, err := control.Do(ctx, c.Endpoint(id).Control, q)
	if err != nil {
		err = fmt.Errorf("node %d: %w", id, err)
	}
	return answer, err
}

// tellWithin is how long a node may take to do what it is told, beside the time that it is told to take.
const tellWithin = 5 * time.Second

// Disk are the rules that a node's disk goes by.
func (c *Cluster) Disk(ctx context.Context, id int32) (rules string, err error) {
	answer, err := c.tell(ctx, id, control.Request{Status: &struct{}{}})
	if err == nil && answer.Disk != nil {
		rules = *answer.Disk
	}
	return rules, err
}

// SetDisk replaces the rules that a node's disk goes by.
func (c *Cluster) SetDisk(ctx context.Context, id int32, rules string) error {
	_, err := c.tell(ctx, id, control.Request{Disk: &rules})
	return err
}

// Rot changes a bit of a sealed segment of a partition that a node has, and tells where.
func (c *Cluster) Rot(ctx context.Context, id int32, topic string, partition int32, seed uint64) (where string, err error) {
	answer, err := c.tell(ctx, id, control.Request{BitRot: &control.BitRot{Topic: topic, Partition: partition, Segment: "sealed", Seed: seed}})
	if err != nil || answer.BitRot == nil {
		return "", err
	}
	return fmt.Sprintf("%s at byte %d", answer.BitRot.File, answer.BitRot.Position), nil
}

// PowerLoss ends a node's process, and what it had not synced is kept, lost or torn. It is an error if the
// node was not started with the disk rule lose-unsynced.
func (c *Cluster) PowerLoss(ctx context.Context, id int32, seed uint64) error {
	n, err := c.node(id)
	if err != nil {
		return err
	}
	n.expect(true)
	defer n.expect(false)
	_, err = c.tell(ctx, id, control.Request{PowerLoss: &control.PowerLoss{Seed: seed}})
	if !errors.Is(err, control.ErrNoAnswer) {
		if err == nil {
			err = fmt.Errorf("node %d answered, so it did not lose its power", id)
		}
		return err
	}
	_, _, done := n.ended()
	select { // it must be noted that it was expected to end
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// MayEnd says that a node may end by itself from now on, or no longer: a fault makes it.
func (c *Cluster) MayEnd(id int32, may bool) {
	if n := c.nodes[id]; n != nil {
		n.expect(may)
	}
}

// SetClock sets how far a node's clock is ahead of the machine's.
func (c *Cluster) SetClock(ctx context.Context, id int32, offset time.Duration) error {
	set := control.Duration(offset)
	_, err := c.tell(ctx, id, control.Request{Clock: &set})
	return err
}

// Metrics is where a node serves /metrics, host:port.
func (c *Cluster) Metrics(id int32) string { return c.Endpoint(id).Metrics }

// Ping lets one node ask another for its ApiVersions, where peers reach it.
func (c *Cluster) Ping(ctx context.Context, from, to int32, within time.Duration) (cluster.Pong, error) {
	if _, err := c.node(to); err != nil {
		return cluster.Pong{}, err
	}
	q := control.Request{Ping: &control.Ping{Address: c.Endpoint(to).Peers, Timeout: control.Duration(min(within, control.MaxPing))}}
	answer, err := c.tell(ctx, from, q)
	if err == nil && answer.Ping == nil {
		err = fmt.Errorf("node %d says nothing of its ping", from)
	}
	if err != nil {
		return cluster.Pong{}, err
	}
	return cluster.Pong{Answered: answer.Ping.Answered, Took: time.Duration(answer.Ping.Took), Reason: answer.Ping.Reason}, nil
}
