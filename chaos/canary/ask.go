package canary

import (
	"cmp"
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

// Ask sends one request on a new connection and reads the response, within two seconds.
func Ask(ctx context.Context, address string, request kmsg.Request, response kmsg.Response) error {
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

	if _, err := conn.Write(frame(request, correlation, "")); err != nil {
		return fmt.Errorf("ask for %s: %w", name, err)
	}
	body, err := readBody(conn, correlation)
	if err == nil {
		err = parse(body, request, response)
	}
	switch {
	case err == nil:
		return nil
	case expired(ctx):
		return fmt.Errorf("%w %s", ErrSilent, name)
	}
	return fmt.Errorf("answer to %s: %w", name, err)
}

// ErrSilent is the error of a place that accepts connections and does not answer; what was asked stands
// behind it.
var ErrSilent = errors.New("it accepts connections and does not answer")

// correlation id of the first request on a connection.
const correlation = 1

// ClientID of a canary that says nothing else.
const ClientID = "logproof-canary"

// frame is a request as it is sent; "" is the canary's own client id.
func frame(request kmsg.Request, correlation int32, clientID string) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID(cmp.Or(clientID, ClientID))).AppendRequest(nil, request, correlation)
}

// parse reads the body of the answer to a request.
func parse(body []byte, request kmsg.Request, response kmsg.Response) (err error) {
	response.SetVersion(request.GetVersion())
	if response.IsFlexible() && response.Key() != kmsg.ApiVersions.Int16() {
		// Of the header; that of ApiVersions has none, whatever the version.
		if body, err = afterTags(body); err != nil {
			return err
		}
	}
	return response.ReadFrom(body)
}

// expired reports whether ctx ended or is about to: a dialer gives up at its deadline on its own,
// an instant before ctx says so.
func expired(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

// Versions asks for ApiVersions, version 0 (every Kafka-style server since 0.10 answers it), on a new
// connection.
func Versions(ctx context.Context, address string) error {
	_, err := versions(ctx, address)
	return err
}

func versions(ctx context.Context, address string) (*kmsg.ApiVersionsResponse, error) {
	request, response := versionsRequest(), kmsg.NewPtrApiVersionsResponse()
	if err := Ask(ctx, address, request, response); err != nil {
		return nil, err
	}
	if response.ErrorCode != 0 || len(response.ApiKeys) == 0 {
		return nil, fmt.Errorf("answer to ApiVersions: error code %d and %d API keys", response.ErrorCode, len(response.ApiKeys))
	}
	return response, nil
}

func versionsRequest() *kmsg.ApiVersionsRequest {
	request := kmsg.NewPtrApiVersionsRequest()
	request.Version = 0
	return request
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
