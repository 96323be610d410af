package canary

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Question is a request that changes nothing.
type Question struct {
	// API is Kafka's name of the request: "Produce".
	API string
	// Topic and Partition that it names, where such requests name any.
	Topic     string
	Partition int32
	// ClientID of who asks; "" is the canary's own.
	ClientID string
}

// Answer is what came back.
type Answer struct {
	// Took is the time from the request to the answer.
	Took time.Duration
	// Codes are all of Kafka's error codes in the answer, 0 where there was none.
	Codes []int16
	// Copies of the answer that came, one after the other.
	Copies int
	// Topics that an answer to Metadata names.
	Topics []string
}

// Canary is a question in the version that a node speaks. It may be asked many times.
type Canary struct {
	question Question
	request  kmsg.Request
}

// newest versions that name topics and not their ids, which nobody here knows.
var newest = map[string]int16{"Produce": 12, "Fetch": 12, "Metadata": 9}

// New prepares a question for the node at an address, whose versions it asks for.
func New(ctx context.Context, address string, q Question) (*Canary, error) {
	request, err := requestOf(q)
	if err != nil {
		return nil, err
	}
	spoken, err := versions(ctx, address)
	if err != nil {
		return nil, err
	}
	for _, key := range spoken.ApiKeys {
		if key.ApiKey != request.Key() {
			continue
		}
		version := min(key.MaxVersion, request.MaxVersion())
		if most, ok := newest[q.API]; ok {
			version = min(version, most)
		}
		request.SetVersion(version)
		return &Canary{q, request}, nil
	}
	return nil, fmt.Errorf("the node at %s does not serve %s", address, q.API)
}

// requestOf is the request that puts a question.
func requestOf(q Question) (kmsg.Request, error) {
	switch q.API {
	case "Produce":
		return produce(q.Topic, q.Partition, brokenBatch()), nil
	case "Fetch":
		r := kmsg.NewPtrFetchRequest()
		r.MaxWaitMillis, r.MaxBytes, r.SessionEpoch = 0, 1, -1
		t, p := kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.PartitionMaxBytes = q.Partition, 1
		t.Topic, t.Partitions = q.Topic, append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
		return r, nil
	case "ListOffsets":
		r := kmsg.NewPtrListOffsetsRequest()
		r.ReplicaID = -1
		t, p := kmsg.NewListOffsetsRequestTopic(), kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = q.Partition, -1
		t.Topic, t.Partitions = q.Topic, append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
		return r, nil
	case "Metadata":
		r := kmsg.NewPtrMetadataRequest()
		r.AllowAutoTopicCreation = false
		if q.Topic != "" {
			t := kmsg.NewMetadataRequestTopic()
			t.Topic = kmsg.StringPtr(q.Topic)
			r.Topics = append(r.Topics, t)
		}
		return r, nil
	case "ApiVersions", "FindCoordinator", "DescribeCluster", "DescribeConfigs", "ListGroups", "DescribeGroups":
		// With nothing in them they ask, and change nothing.
		return kmsg.RequestForKey(keyOf(q.API)), nil
	}
	return nil, fmt.Errorf("there is no canary of %s requests: one that changes nothing is known of Produce, Fetch, ListOffsets, Metadata, "+
		"ApiVersions, FindCoordinator, DescribeCluster, DescribeConfigs, ListGroups and DescribeGroups", q.API)
}

// keyOf finds the number of a request by its name.
func keyOf(name string) int16 {
	for key := int16(0); key <= kmsg.MaxKey; key++ {
		if strings.EqualFold(kmsg.NameForKey(key), name) {
			return key
		}
	}
	return -1
}

// another is how long a copy of an answer may come after it.
const another = 20 * time.Millisecond

// Ask puts the question on a new connection. The error wraps ErrSilent when there is no answer by the
// time ctx ends.
func (c *Canary) Ask(ctx context.Context, address string) (Answer, error) {
	conn, err := Dial(ctx, address)
	if err != nil {
		return Answer{}, err
	}
	defer conn.Close()
	return conn.Ask(ctx, c)
}

// Conn is a connection that questions are asked on, one after the other.
type Conn struct {
	conn net.Conn
	next int32
}

// Dial opens a connection.
func Dial(ctx context.Context, address string) (*Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &Conn{conn: conn, next: correlation}, nil
}

// Close ends the connection.
func (c *Conn) Close() error { return c.conn.Close() }

// Ask puts a question on the connection: see Canary.Ask. After an error the connection is good for
// nothing but Await.
func (c *Conn) Ask(ctx context.Context, q *Canary) (Answer, error) {
	began := time.Now()
	if err := c.Send(q); err != nil {
		return Answer{}, err
	}
	answer, err := c.Await(ctx, q)
	answer.Took = time.Since(began)
	return answer, err
}

// Send sends a question and does not wait for its answer.
func (c *Conn) Send(q *Canary) error {
	if _, err := c.conn.Write(frame(q.request, c.next, q.question.ClientID)); err != nil {
		return fmt.Errorf("ask for %s: %w", q.question.API, err)
	}
	c.next++
	return nil
}

// Await reads the answer to the question that was sent last.
func (c *Conn) Await(ctx context.Context, q *Canary) (Answer, error) {
	stop := c.until(ctx)
	defer stop()
	body, err := readBody(c.conn, c.next-1)
	if err != nil {
		if expired(ctx) {
			return Answer{}, fmt.Errorf("%w %s", ErrSilent, q.question.API)
		}
		return Answer{}, fmt.Errorf("answer to %s: %w", q.question.API, err)
	}
	response := q.request.ResponseKind()
	if err := parse(body, q.request, response); err != nil {
		return Answer{}, fmt.Errorf("answer to %s: %w", q.question.API, err)
	}
	answer := Answer{Copies: 1, Codes: codes(reflect.ValueOf(response), nil)}
	if m, ok := response.(*kmsg.MetadataResponse); ok {
		for _, t := range m.Topics {
			if t.Topic != nil && t.ErrorCode == 0 {
				answer.Topics = append(answer.Topics, *t.Topic)
			}
		}
	}
	return answer, nil
}

// Copies asks a question and counts the answers that come.
func (c *Canary) Copies(ctx context.Context, address string) (Answer, error) {
	conn, err := Dial(ctx, address)
	if err != nil {
		return Answer{}, err
	}
	defer conn.Close()
	answer, err := conn.Ask(ctx, c)
	for err == nil {
		more, cancel := context.WithTimeout(ctx, another)
		if _, late := conn.Await(more, c); late != nil {
			err = late
		} else {
			answer.Copies++
		}
		cancel()
	}
	if answer.Copies > 0 {
		err = nil
	}
	return answer, err
}

// Ended waits until the other end has ended the connection, and tells how: nil for a clean end. It is
// context.DeadlineExceeded where ctx ended before; ctx itself may say so a moment later.
func (c *Conn) Ended(ctx context.Context) error {
	stop := c.until(ctx)
	defer stop()
	_, err := io.Copy(io.Discard, c.conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("the connection is still open: %w", context.DeadlineExceeded)
	}
	return err
}

// Garbage sends what no Kafka server takes: the size of a frame that cannot be.
func (c *Conn) Garbage() error {
	_, err := c.conn.Write([]byte{0xff, 0xff, 0xff, 0xff, 'n', 'o', 't', ' ', 'k', 'a', 'f', 'k', 'a'})
	return err
}

// Fill writes until nothing more is taken for a while, or until most bytes were: a reader that reads, or
// that throws away, takes them all.
func (c *Conn) Fill(ctx context.Context, most int, patience time.Duration) (taken int, full bool, err error) {
	chunk := make([]byte, 64<<10)
	for taken < most && ctx.Err() == nil {
		if err := c.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
			return taken, false, err
		}
		n, err := c.conn.Write(chunk)
		taken += n
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return taken, true, nil
		}
		if err != nil {
			return taken, false, err
		}
	}
	return taken, false, ctx.Err()
}

// until lets reads end with ctx.
func (c *Conn) until(ctx context.Context) (stop func()) {
	deadline, _ := ctx.Deadline()
	c.conn.SetReadDeadline(deadline) // the zero time, where there is none, never comes
	halt := context.AfterFunc(ctx, func() { c.conn.SetReadDeadline(time.Unix(1, 0)) })
	return func() { halt() }
}

// codes finds every field ErrorCode in an answer.
func codes(v reflect.Value, found []int16) []int16 {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			found = codes(v.Elem(), found)
		}
	case reflect.Slice:
		for i := range v.Len() {
			found = codes(v.Index(i), found)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.Name == "ErrorCode" && f.Type.Kind() == reflect.Int16 {
				found = append(found, int16(v.Field(i).Int()))
			} else if f.IsExported() {
				found = codes(v.Field(i), found)
			}
		}
	}
	return found
}

// NewWrite prepares the one request of this package that does change something: it appends a record to
// partition 0 of a topic that belongs to whoever asks.
func NewWrite(ctx context.Context, address, topic string) (*Canary, error) {
	c, err := New(ctx, address, Question{API: "Produce", Topic: topic})
	if err != nil {
		return nil, err
	}
	version := c.request.GetVersion()
	write := produce(topic, 0, batchOf("canary"))
	write.Acks = -1 // from every replica in sync, so that it is as safe as the node makes it
	write.SetVersion(version)
	c.request = write
	return c, nil
}
