package twins

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Twin is one of the two brokers, as a client sees it.
type Twin struct {
	// Name for messages.
	Name    string
	address string
	// served versions by key, as ApiVersions says.
	served map[int16][2]int16
	// topics are the ids that this broker gave topics.
	topics map[string][16]byte
	// kept are values of this broker's own that later questions need, by name: member ids, producer ids.
	kept map[string]string
}

// answerWithin is how long an answer may take; what takes longer counts as silence.
const answerWithin = 5 * time.Second

// NewTwin asks a broker what it serves.
func NewTwin(name, address string) (*Twin, error) {
	t := &Twin{Name: name, address: address, served: map[int16][2]int16{}, topics: map[string][16]byte{}, kept: map[string]string{}}
	req := kmsg.NewPtrApiVersionsRequest()
	resp, err := t.Ask(req, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, k := range resp.(*kmsg.ApiVersionsResponse).ApiKeys {
		t.served[k.ApiKey] = [2]int16{k.MinVersion, k.MaxVersion}
	}
	return t, nil
}

// errClosed and errSilent are what a broker may do in place of an answer.
var (
	errClosed = errors.New("the connection is closed")
	errSilent = errors.New("silence")
)

// Ask sends one request over a connection of its own.
func (t *Twin) Ask(req kmsg.Request, version int16) (kmsg.Response, error) {
	req.SetVersion(version)
	conn, err := net.Dial("tcp", t.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(wire.AppendRequest(nil, "twins", 1, req)); err != nil {
		return nil, err
	}
	frame, err := wire.ReadResponse(conn)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errSilent
	case errors.Is(err, io.EOF) || err != nil:
		return nil, errClosed
	}
	return wire.ParseResponse(frame, 1, req)
}

// both gives the versions of a key that two brokers serve; ok is false if there are none.
func both(a, b *Twin, key int16) (lowest, highest int16, ok bool) {
	x, servedX := a.served[key]
	y, servedY := b.served[key]
	lowest, highest = max(x[0], y[0]), min(x[1], y[1])
	return lowest, highest, servedX && servedY && lowest <= highest
}
