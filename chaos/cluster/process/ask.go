package process

import (
	"context"
	"encoding/binary"
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

// ask sends one request on a new connection and reads the response. The version must be one before
// the flexible ones (KIP-482), whose header is longer.
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
	if err == nil {
		response.SetVersion(request.GetVersion())
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
