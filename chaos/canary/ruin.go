package canary

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Ruin is something that a node must refuse: a batch with an error, a frame by ending the connection.
type Ruin struct {
	// Name says what is wrong with it.
	Name string
	// request is sent as a frame, or raw as bytes.
	request kmsg.Request
	raw     []byte
	// errors that Kafka answers such a batch with, by name; none where the connection must end.
	errors []string
}

// Fate is what became of a ruin.
type Fate struct {
	// Ended says that the node ended the connection.
	Ended bool
	// Errors are the names of the errors in its answer; "" is none.
	Errors []string
}

// ruinedBatches are batches that no broker may take, and what it answers.
var ruinedBatches = []struct {
	name   string
	ruin   func(raw []byte) []byte
	errors []string
}{
	{"a batch with a wrong checksum", func(raw []byte) []byte { raw[crcAt] ^= 0xff; return raw }, corrupt},
	{"a batch that says it is longer than it is", func(raw []byte) []byte {
		binary.BigEndian.PutUint32(raw[lengthAt:], uint32(len(raw)))
		return raw
	}, corrupt},
	{"a batch that is cut short", func(raw []byte) []byte { return raw[:len(raw)/2] }, corrupt},
	{"a batch of an unknown format", func(raw []byte) []byte { raw[magicAt] = 9; return raw }, corrupt},
	{"a batch of an unknown compression", func(raw []byte) []byte { raw[attributesEnd-1] |= 7; return sealed(raw) },
		append([]string{"UNSUPPORTED_COMPRESSION_TYPE"}, corrupt...)},
	{"a batch that counts more records than it has", func(raw []byte) []byte {
		binary.BigEndian.PutUint32(raw[recordsAt:], 1000)
		return sealed(raw)
	}, corrupt},
}

// corrupt are the errors of a batch that is not what it says. Kafka has several, and they overlap.
var corrupt = []string{"CORRUPT_MESSAGE", "INVALID_RECORD", "UNSUPPORTED_FOR_MESSAGE_FORMAT"}

// ruinedFrames end a connection.
var ruinedFrames = []struct {
	name string
	raw  []byte
}{
	{"a frame of a negative size", []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}},
	{"a frame of two gigabytes", []byte{0x7f, 0xff, 0xff, 0xff, 0, 18, 0, 0}},
	{"a request of another protocol", []byte("GET / HTTP/1.1\r\nHost: kafka\r\n\r\n")},
	{"a request that does not exist", []byte{0, 0, 0, 10, 0x7f, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff}},
	{"a request that ends within itself", []byte{0, 0, 0, 12, 0, 0, 0, 9, 0, 0, 0, 1, 0, 99, 'x', 'y'}},
}

// Ruins lists all of them, batches for a partition in the version that the node at an address speaks.
func Ruins(ctx context.Context, address, topic string, partition int32) ([]Ruin, error) {
	c, err := New(ctx, address, Question{API: "Produce", Topic: topic, Partition: partition})
	if err != nil {
		return nil, err
	}
	var all []Ruin
	for _, b := range ruinedBatches {
		request := produce(topic, partition, b.ruin(batchOf("poison")))
		request.SetVersion(c.request.GetVersion())
		all = append(all, Ruin{Name: b.name, request: request, errors: b.errors})
	}
	for _, f := range ruinedFrames {
		all = append(all, Ruin{Name: f.name, raw: f.raw})
	}
	return all, nil
}

// Sent is a ruin that is on its way, on a connection of its own.
type Sent struct {
	Ruin
	conn *Conn
	// refused is why it could not even be written: the node had ended the connection.
	refused error
}

// Send sends it and waits for nothing. The caller asks for its fate, or closes it.
func (r Ruin) Send(ctx context.Context, address string) (*Sent, error) {
	conn, err := Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	s := &Sent{Ruin: r, conn: conn}
	if r.request != nil {
		s.refused = conn.Send(s.canary())
		return s, nil
	}
	if _, s.refused = conn.conn.Write(r.raw); s.refused == nil {
		s.refused = conn.conn.(*net.TCPConn).CloseWrite() // what is cut short stays so
	}
	return s, nil
}

func (s *Sent) canary() *Canary { return &Canary{Question{API: "Produce"}, s.request} }

// Close ends the connection.
func (s *Sent) Close() error { return s.conn.Close() }

// Fate waits for the answer or the end of the connection, and closes it. An error says that neither came.
func (s *Sent) Fate(ctx context.Context) (Fate, error) {
	defer s.Close()
	limited, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if s.refused != nil {
		return Fate{Ended: true}, nil
	}
	if s.request == nil {
		err := s.conn.Ended(limited)
		if errors.Is(err, context.DeadlineExceeded) {
			return Fate{}, fmt.Errorf("it was neither answered nor was the connection ended: %w", err)
		}
		return Fate{Ended: true}, nil
	}
	answer, err := s.conn.Await(limited, s.canary())
	switch {
	case errors.Is(err, ErrSilent):
		return Fate{}, err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), err != nil && strings.Contains(err.Error(), "reset"):
		return Fate{Ended: true}, nil
	case err != nil:
		return Fate{}, err
	}
	var fate Fate
	for _, code := range answer.Codes {
		fate.Errors = append(fate.Errors, ErrorName(code))
	}
	return fate, nil
}

// Deserves is nil when a node did with it what it had to.
func (r Ruin) Deserves(f Fate) error {
	switch {
	case r.request == nil && !f.Ended:
		return errors.New("the connection was not ended")
	case r.request == nil:
		return nil
	case f.Ended:
		return fmt.Errorf("the connection was ended, it was to be refused with %s", r.errors[0])
	case !slices.ContainsFunc(f.Errors, func(name string) bool { return slices.Contains(r.errors, name) }):
		return fmt.Errorf("it was answered with %q, it was to be refused with %s", f.Errors, strings.Join(r.errors, " or "))
	}
	return nil
}
