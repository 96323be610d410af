package canary

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"
)

// Volume is how many bytes are moved over one connection, and by whom.
type Volume struct {
	Bytes int
	// ClientID of who moves them; "" is the canary's own.
	ClientID string
}

// roomiest is the longest that a client id may be made, with room below Kafka's limit of a string.
const roomiest = 30_000

// Upload sends at least so many bytes of requests to a node and returns how long it took until all were
// answered: the answers are small. Download is its reverse: small requests with so many bytes of answers.
// Both tell how many bytes it came to.
func Upload(ctx context.Context, address string, v Volume) (moved int, took time.Duration, err error) {
	// A client id with padding makes requests of any size. The first one has it without: it tells who asks.
	pad := cmp.Or(v.ClientID, ClientID) + strings.Repeat("x", min(roomiest, v.Bytes))
	request := frame(versionsRequest(), correlation, pad)
	times := (v.Bytes+len(request)-1)/len(request) + 1
	return exchange(ctx, address, frame(versionsRequest(), correlation, v.ClientID), request, times, func(request, _ int) int { return request })
}

// Download asks so often for ApiVersions that the answers come to at least so many bytes.
func Download(ctx context.Context, address string, v Volume) (moved int, took time.Duration, err error) {
	request := frame(versionsRequest(), correlation, v.ClientID)
	times := (v.Bytes + smallestAnswer - 1) / smallestAnswer
	return exchange(ctx, address, request, request, times, func(_, answer int) int { return answer })
}

// smallestAnswer to ApiVersions in bytes, of the few requests that every node serves.
const smallestAnswer = 64

// inFlight is how many requests wait for their answers at most: servers read no more than a few ahead.
const inFlight = 16

// exchange sends one request, and then another one on the same connection, so many in all, and reads the
// answers; count says which bytes are of interest.
func exchange(ctx context.Context, address string, first, rest []byte, times int, count func(request, answer int) int) (int, time.Duration, error) {
	conn, err := Dial(ctx, address)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	stop := conn.until(ctx)
	defer stop()
	began := time.Now()
	sent := make(chan error, 1)
	window := make(chan struct{}, inFlight)
	over := make(chan struct{})
	defer close(over)
	size := func(i int) []byte {
		if i == 0 {
			return first
		}
		return rest
	}
	go func() {
		for i := range times {
			select {
			case window <- struct{}{}:
			case <-over:
				return
			}
			if _, err := conn.conn.Write(size(i)); err != nil {
				sent <- err
				return
			}
		}
	}()
	moved := 0
	for i := range times {
		body, err := readBody(conn.conn, correlation)
		if err != nil {
			select {
			case failed := <-sent:
				err = failed
			default:
			}
			return moved, time.Since(began), fmt.Errorf("answer %d of %d to ApiVersions: %w", i+1, times, err)
		}
		<-window
		moved += count(len(size(i)), len(body)+8)
	}
	return moved, time.Since(began), nil
}
