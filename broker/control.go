package broker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/logproof/logproof/broker/control"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Control changes what the node stands on, as package control says; Config.Control serves it to others.
func (b *Broker) Control(ctx context.Context, q control.Request) (a control.Response, err error) {
	switch {
	case q.Status != nil:
		if b.disk != nil {
			a.Disk = text(b.disk.Rules())
		}
		offset := control.Duration(b.clock.Offset())
		a.Clock = &offset
	case q.Disk != nil:
		a.Disk, err = b.setDisk(*q.Disk)
	case q.Clock != nil:
		b.clock.Set(time.Duration(*q.Clock))
		b.server.Emit(event.ClockChanged{Offset: time.Duration(*q.Clock).String()})
		a.Clock = q.Clock
	case q.BitRot != nil:
		a.BitRot, err = b.rot(*q.BitRot)
	case q.Ping != nil:
		a.Ping = b.ping(ctx, *q.Ping)
	case q.PowerLoss != nil:
		err = b.losePower(q.PowerLoss.Seed)
	}
	return a, err
}

func text(rules disk.Rules) *string {
	s := rules.String()
	return &s
}

// errNoDisk is what a node says that was started on files of its owner's.
var errNoDisk = errors.New("the files of this node are not behind a disk that takes rules: start it with --control or --disk")

// setDisk changes the rules of the disk; whether unsynced data is lost with the process stays as it is.
func (b *Broker) setDisk(words string) (*string, error) {
	if b.disk == nil {
		return nil, errNoDisk
	}
	rules, err := disk.Parse(words)
	if err != nil {
		return nil, err
	}
	rules.LoseUnsynced = rules.LoseUnsynced || b.disk.Rules().LoseUnsynced
	if err := b.disk.SetRules(rules); err != nil {
		return nil, err
	}
	b.server.Emit(event.DiskChanged{Rules: rules.String()})
	return text(rules), nil
}

// rot draws one of the sealed segments of a partition, and a byte of it.
func (b *Broker) rot(q control.BitRot) (*control.Rotten, error) {
	if b.disk == nil {
		return nil, errNoDisk
	}
	dir := fmt.Sprintf("%s-%d", q.Topic, q.Partition)
	segments, err := log.Sealed(b.disk, dir)
	if err != nil {
		return nil, fmt.Errorf("bit rot: this node has no replica %s: %w", dir, err)
	}
	if len(segments) == 0 {
		return nil, fmt.Errorf("bit rot: %s has no segment that is sealed and synced: it needs more records, or a smaller --segment-bytes", dir)
	}
	chosen := segments[rand.New(rand.NewPCG(q.Seed, 3)).IntN(len(segments))]
	position, err := b.disk.Rot(chosen, q.Seed)
	if err != nil {
		return nil, err
	}
	return &control.Rotten{File: chosen, Position: position}, nil
}

// ping asks an address for its ApiVersions, over a connection of its own.
func (b *Broker) ping(ctx context.Context, q control.Ping) *control.Pinged {
	timeout := time.Duration(q.Timeout)
	if timeout == 0 {
		timeout = control.DefaultPing
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	began := time.Now()
	err := askVersions(ctx, b.dial, q.Address)
	p := &control.Pinged{Answered: err == nil, Took: control.Duration(time.Since(began))}
	if err != nil {
		p.Reason = err.Error()
	}
	return p
}

func askVersions(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error), address string) error {
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })() // ends what is under way
	if _, err := conn.Write(wire.AppendRequest(nil, pinger, 1, kmsg.NewPtrApiVersionsRequest())); err != nil {
		return err
	}
	frame, err := wire.ReadResponse(bufio.NewReader(conn))
	if err == nil {
		_, err = wire.ParseResponse(frame, 1, kmsg.NewPtrApiVersionsRequest())
	}
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("no answer in time: %w", ctx.Err())
	}
	return err
}

// pinger is the client id of pings.
const pinger = "logproof-ping"

// killed is the exit status that a shell gives a process which SIGKILL ended.
const killed = 128 + int(syscall.SIGKILL)

// losePower ends the process as a power cut ends a machine.
func (b *Broker) losePower(seed uint64) error {
	if b.disk == nil {
		return errNoDisk
	}
	if err := b.disk.PowerLoss(seed); err != nil {
		return err
	}
	// Nothing is said any more, to nobody: SIGKILL to oneself does not return, except in the first process of a
	// container, which the kernel keeps from it: that one exits as one that was killed. No code of the broker runs
	// between the two, and what its disk has given up stays given up.
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGKILL); err != nil {
		return err
	}
	os.Exit(killed)
	return nil
}
