package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// Request is one line: exactly one field is set.
type Request struct {
	// Status asks what is in force.
	Status *struct{} `json:"status,omitempty"`
	// Disk are the rules that the disk goes by from now on, as env/disk.Parse reads them.
	Disk *string `json:"disk,omitempty"`
	// Clock is the offset of the node's clock from the machine's.
	Clock *Duration `json:"clock,omitempty"`
	// BitRot changes a bit of a sealed segment on disk.
	BitRot *BitRot `json:"bit-rot,omitempty"`
	// Ping makes the node ask another one for its ApiVersions.
	Ping *Ping `json:"ping,omitempty"`
	// PowerLoss ends the process and part of what was not synced.
	PowerLoss *PowerLoss `json:"power-loss,omitempty"`
}

// BitRot says where a bit changes; which one is drawn from the seed.
type BitRot struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	// Segment is "sealed": one that is written no more. There is no other choice yet.
	Segment string `json:"segment"`
	Seed    uint64 `json:"seed"`
}

// Ping says whom to ask, host:port, and how long to wait: DefaultPing if 0, MaxPing at most.
type Ping struct {
	Address string   `json:"address"`
	Timeout Duration `json:"timeout,omitzero"`
}

// How long a ping may take.
const (
	DefaultPing = time.Second
	MaxPing     = 10 * time.Second
)

// PowerLoss says by which draw unsynced data is kept, lost or torn.
type PowerLoss struct {
	Seed uint64 `json:"seed"`
}

// Duration is a time.Duration that JSON has as "1.5s".
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration such as 500ms or -3s", text)
	}
	*d = Duration(parsed)
	return nil
}

// requests is the language, for errors.
const requests = `want one object with one of status, disk, clock, bit-rot, ping, power-loss, as in {"disk":"space=1MiB"}`

// maxOffset of a clock: what a machine is off by at most that lost its battery.
const maxOffset = 100 * 365 * 24 * time.Hour

// Decode reads a request off its line. Errors say what is wrong with it.
func Decode(line []byte) (Request, error) {
	var q Request
	in := json.NewDecoder(bytes.NewReader(line))
	in.DisallowUnknownFields()
	if err := in.Decode(&q); err != nil {
		return Request{}, fmt.Errorf("the request is not understood: %w; %s", explained(err), requests)
	}
	if _, err := in.Token(); err != io.EOF {
		return Request{}, fmt.Errorf("something follows the request on its line; %s", requests)
	}
	return q, q.check()
}

// explained makes the messages of encoding/json ones for people.
func explained(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it is no whole JSON object")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

// check finds what JSON does not.
func (q Request) check() error {
	set := 0
	for _, is := range []bool{q.Status != nil, q.Disk != nil, q.Clock != nil, q.BitRot != nil, q.Ping != nil, q.PowerLoss != nil} {
		if is {
			set++
		}
	}
	switch {
	case set != 1:
		return fmt.Errorf("the request has %d of its fields; %s", set, requests)
	case q.Clock != nil && (*q.Clock > Duration(maxOffset) || *q.Clock < -Duration(maxOffset)):
		return fmt.Errorf("clock %v: want at most 100 years, to either side", time.Duration(*q.Clock))
	case q.BitRot != nil:
		return q.BitRot.check()
	case q.Ping != nil:
		return q.Ping.check()
	}
	return nil
}

func (b BitRot) check() error {
	switch {
	case b.Topic == "" || strings.ContainsAny(b.Topic, "/\x00") || b.Partition < 0:
		return fmt.Errorf("bit-rot of topic %q, partition %d: want the name of a topic and a partition of 0 or more", b.Topic, b.Partition)
	case b.Segment != "sealed":
		return fmt.Errorf(`bit-rot in segment %q: want "sealed", the only choice`, b.Segment)
	}
	return nil
}

func (p Ping) check() error {
	if host, port, err := net.SplitHostPort(p.Address); err != nil || host == "" || port == "" {
		return fmt.Errorf("ping %q: want host:port", p.Address)
	}
	if p.Timeout < 0 || time.Duration(p.Timeout) > MaxPing {
		return fmt.Errorf("ping within %v: want more than 0, and at most %v", time.Duration(p.Timeout), MaxPing)
	}
	return nil
}

// Response is what one line answers: OK with what was asked for, or Error.
type Response struct {
	OK    bool   `json:"ok,omitempty"`
	Error string `json:"error,omitempty"`
	// Disk are the rules in force after status and disk; a sound disk has none.
	Disk *string `json:"disk,omitempty"`
	// Clock is the offset in force after status and clock.
	Clock *Duration `json:"clock,omitempty"`
	// BitRot is where a bit was changed.
	BitRot *Rotten `json:"bit-rot,omitempty"`
	// Ping is what came of a ping.
	Ping *Pinged `json:"ping,omitempty"`
}

// Rotten is a byte of a file that has changed on disk.
type Rotten struct {
	// File relative to the data directory.
	File string `json:"file"`
	// Position of the byte.
	Position int64 `json:"position"`
}

// Pinged is what came of a ping; Reason says why it was not answered.
type Pinged struct {
	Answered bool     `json:"answered"`
	Took     Duration `json:"took"`
	Reason   string   `json:"reason,omitempty"`
}
