package process

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// answerWithin is how long one question may take: a node that accepts and says nothing is not
	// ready.
	answerWithin = 2 * time.Second
	// largestAnswer in bytes; a list of all API keys, or the metadata of a topic, is far below it.
	largestAnswer = 16 << 20
)

// ask sends one request on a new connection and reads the response.
func ask(ctx context.Context, address string, request kmsg.Request, response kmsg.Response) error {
	name := kmsg.NameForKey(request.Key())
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	// Closing the connection is what ends a read when ctx does.
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	const correlation = 1
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("logproof-chaos")).AppendRequest(nil, request, correlation)
	if _, err := conn.Write(frame); err != nil {
		return fmt.Errorf("ask for %s: %w", name, err)
	}
	body, err := readBody(conn, correlation)
	response.SetVersion(request.GetVersion())
	if err == nil && response.IsFlexible() && response.Key() != kmsg.ApiVersions.Int16() {
		body, err = afterTags(body) // of the header; that of ApiVersions has none, whatever the version
	}
	if err == nil {
		err = response.ReadFrom(body)
	}
	switch {
	case err == nil:
		return nil
	case expired(ctx):
		return fmt.Errorf("it accepts connections and does not answer %s", name)
	}
	return fmt.Errorf("answer to %s: %w", name, err)
}

// readBody reads a response: size, correlation id, and the body that it returns.
func readBody(from io.Reader, correlation int32) ([]byte, error) {
	var header [8]byte
	if _, err := io.ReadFull(from, header[:]); err != nil {
		return nil, err
	}
	size := int32(binary.BigEndian.Uint32(header[:4]))
	if size < 4 || size > largestAnswer {
		return nil, fmt.Errorf("its size is %d bytes: something else than a Kafka server listens there", size)
	}
	if got := int32(binary.BigEndian.Uint32(header[4:])); got != correlation {
		return nil, fmt.Errorf("it answers request %d, asked was %d", got, correlation)
	}
	body := make([]byte, size-4)
	_, err := io.ReadFull(from, body)
	return body, err
}

// afterTags is what follows the tagged fields that end a flexible header (KIP-482): their number, and of
// each its tag, its size and as many bytes.
func afterTags(body []byte) ([]byte, error) {
	short := errors.New("its header is cut short")
	number := func() (uint64, bool) {
		n, size := binary.Uvarint(body)
		if size <= 0 {
			return 0, false
		}
		body = body[size:]
		return n, true
	}
	tags, ok := number()
	for ; ok && tags > 0; tags-- {
		if _, ok = number(); !ok {
			break
		}
		var size uint64
		if size, ok = number(); !ok || size > uint64(len(body)) {
			return nil, short
		}
		body = body[size:]
	}
	if !ok {
		return nil, short
	}
	return body, nil
}
