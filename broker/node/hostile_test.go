package node

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// stranger draws requests of every key that clients may send, and spoils most of them.
type stranger struct {
	rng    *rand.Rand
	topics []metadata.TopicID
	seen   map[int16]int // requests of each key that were understood
	// appended and fetched are the batches that got through to a log, and came from one.
	appended, fetched int
}

// names that a request may have for anything: some exist, some cannot.
var names = []string{"orders", "orders", "payments", "__consumer_offsets", "group", "member-1", "", ".", "../orders", "a\x00b",
	strings.Repeat("x", 249), strings.Repeat("x", 250), strings.Repeat("ü", 300), "cleanup.policy", "delete", "retention.ms", "-1", "consumer", "range"}

// number draws what a field of so many bits may hold: mostly what is usual, and now and then what is not.
func (s *stranger) number(bits int) int64 {
	switch s.rng.IntN(12) {
	case 0:
		return math.MaxInt64 >> (64 - bits)
	case 1:
		return math.MinInt64 >> (64 - bits)
	case 2:
		return -int64(s.rng.IntN(4))
	case 3:
		return int64(s.rng.Uint64()) >> (64 - bits)
	}
	return int64(s.rng.IntN(3))
}

// fill sets every field of a request.
func (s *stranger) fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if s.rng.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			s.fill(v.Elem())
		}
	case reflect.Struct:
		if tags, ok := v.Addr().Interface().(*kmsg.Tags); ok {
			if s.rng.IntN(8) == 0 {
				tags.Set(uint32(s.rng.IntN(200)), make([]byte, s.rng.IntN(5)))
			}
			return
		}
		for i := range v.NumField() {
			if f := v.Field(i); v.Type().Field(i).Name != "Version" && f.CanSet() {
				s.fill(f)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(s.bytes())
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), s.rng.IntN(3), 3))
		for i := range v.Len() {
			s.fill(v.Index(i))
		}
	case reflect.Array:
		if v.Type() == reflect.TypeFor[[16]byte]() && s.rng.IntN(4) > 0 {
			v.Set(reflect.ValueOf([16]byte(s.topics[s.rng.IntN(len(s.topics))])))
		}
	case reflect.String:
		v.SetString(names[s.rng.IntN(len(names))])
	case reflect.Bool:
		v.SetBool(s.rng.IntN(2) == 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(s.number(v.Type().Bits()))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(s.rng.Uint64() >> (64 - v.Type().Bits()))
	}
}

// bytes are a batch, a spoilt batch, or nothing that anybody knows.
func (s *stranger) bytes() []byte {
	if s.rng.IntN(4) == 0 {
		return make([]byte, s.rng.IntN(80))
	}
	var made batch.Builder
	if s.rng.IntN(3) == 0 {
		made.Producer(int64(s.rng.IntN(3)), 0, int32(s.rng.IntN(4)))
	}
	made.Add([]byte("key"), []byte("value"), 1000)
	b := made.Build()
	if s.rng.IntN(2) == 0 {
		s.spoil(b)
	}
	return b
}

// sense makes requests that go deep into a node of most of those that would be refused at the door.
func (s *stranger) sense(body kmsg.Request) {
	if s.rng.IntN(4) == 0 {
		return
	}
	switch r := body.(type) {
	case *kmsg.ProduceRequest:
		r.TransactionID, r.Acks, r.TimeoutMillis = nil, int16(s.rng.IntN(3)-1), 100
		for i := range r.Topics {
			r.Topics[i].Topic, r.Topics[i].TopicID = "orders", s.topics[len(s.topics)-1]
		}
	case *kmsg.FetchRequest:
		r.ReplicaID, r.ReplicaState.ID, r.MinBytes, r.MaxBytes, r.MaxWaitMillis = -1, -1, int32(s.rng.IntN(2)), 1<<16, int32(s.rng.IntN(20))
		r.SessionID, r.SessionEpoch = 0, int32(s.rng.IntN(2)-1)
		for i := range r.Topics {
			t := &r.Topics[i]
			t.Topic, t.TopicID = "orders", s.topics[len(s.topics)-1]
			for j := range t.Partitions {
				t.Partitions[j].CurrentLeaderEpoch, t.Partitions[j].LastFetchedEpoch, t.Partitions[j].PartitionMaxBytes = -1, -1, 1<<16
			}
		}
	}
}

// spoil changes some bytes: one bit, one byte, or a number of four bytes that promises much.
func (s *stranger) spoil(b []byte) {
	for range 1 + s.rng.IntN(3) {
		if len(b) < 4 {
			return
		}
		at := s.rng.IntN(len(b) - 3)
		switch s.rng.IntN(4) {
		case 0:
			b[at] ^= 1 << s.rng.IntN(8)
		case 1:
			b[at] = byte(s.rng.Uint32())
		case 2:
			binary.BigEndian.PutUint32(b[at:], math.MaxInt32)
		default:
			binary.BigEndian.PutUint32(b[at:], math.MaxUint32)
		}
	}
}

// frame draws a request with its length, and spoils two of three.
func (s *stranger) frame(keys []int16) []byte {
	key := keys[s.rng.IntN(len(keys))]
	if s.rng.IntN(10) == 0 { // of so many keys, those of the logs come seldom
		key = int16(s.rng.IntN(2))
	}
	versions, _ := wire.Served(wire.Clients, key)
	body := kmsg.RequestForKey(key)
	s.fill(reflect.ValueOf(body).Elem())
	body.SetVersion(versions.Accepted + int16(s.rng.IntN(int(versions.Max-versions.Accepted)+1)))
	s.sense(body)
	frame := wire.AppendRequest(nil, "stranger", int32(s.rng.Uint32()>>1), body)
	switch s.rng.IntN(12) {
	case 0, 1, 2: // as it is
	case 3: // shorter, and says so
		frame = frame[:4+s.rng.IntN(len(frame)-4)]
		binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	case 4: // shorter than it says
		frame = frame[:s.rng.IntN(len(frame))]
	case 5: // of another version or key, served or not
		binary.BigEndian.PutUint16(frame[4+2*s.rng.IntN(2):], uint16(s.rng.IntN(100)-5))
	case 6: // with something behind it
		frame = append(frame, make([]byte, s.rng.IntN(30))...)
		binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	case 7:
		s.spoil(frame) // its length, too
	default:
		s.spoil(frame[4:])
	}
	return frame
}

// plain is wire.Memory without a pool.
type plain struct{}

func (plain) Get(n int) []byte      { return make([]byte, n) }
func (plain) Put([]byte)            {}
func (plain) Room(have, n int) int  { return min(n, 2*have) }
func (plain) progress() (err error) { return nil }

// send gives the frame to a session as a connection does; false ends the connection.
func (s *stranger) send(n *stepper, session actor.Address, frame []byte) bool {
	frames := wire.Frames{Max: 1 << 20, Memory: plain{}, Progress: plain{}.progress}
	in := bytes.NewReader(frame)
	for {
		whole, err := frames.Read(in)
		if errors.Is(err, io.EOF) && in.Len() == 0 && !errors.Is(err, io.ErrUnexpectedEOF) {
			return true
		} else if err != nil {
			return false
		}
		r, err := wire.ParseRequest(wire.Clients, whole)
		if err != nil {
			return false
		}
		s.seen[r.Key]++
		n.step(session, api.Arrived{Request: r, At: n.now})
		n.settle()
	}
}

// answered encodes what a session answered, and wants it to be what a client can read.
func (s *stranger) answered(n *stepper, session actor.Address) {
	n.t.Helper()
	for _, a := range n.answers[session] {
		request := a.Request.(*wire.Request)
		if a.Body == nil || request.Body == nil {
			continue
		}
		frame := wire.AppendResponse(nil, a.Correlation, a.Body)
		resp, err := wire.ParseResponse(frame[4:], a.Correlation, request.Body)
		if err != nil {
			n.t.Fatalf("%s version %d: the answer cannot be read: %v", wire.Name(request.Key), request.Version, err)
		}
		switch resp := resp.(type) {
		case *kmsg.ProduceResponse:
			if len(resp.Topics) > 0 && len(resp.Topics[0].Partitions) > 0 && resp.Topics[0].Partitions[0].ErrorCode == 0 {
				s.appended++
			}
		case *kmsg.FetchResponse:
			if len(resp.Topics) > 0 && len(resp.Topics[0].Partitions) > 0 && len(resp.Topics[0].Partitions[0].RecordBatches) > 0 {
				s.fetched++
			}
		}
	}
}

// restore makes the topics again that strangers have deleted.
func (s *stranger) restore(n *stepper) {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = true
	for _, name := range []string{"payments", "orders"} {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, topic)
	}
	s.topics = []metadata.TopicID{{}}
	for _, topic := range ask[*kmsg.MetadataResponse](n, req).Topics {
		s.topics = append(s.topics, topic.TopicID)
	}
	leave(n, actor.Address{Role: actor.Session, ID: n.sessions}) // that of ask
}

// leave ends a connection, as its client does.
func leave(n *stepper, session actor.Address) {
	n.step(session, api.Closed{})
	n.settle()
	delete(n.actors, session)
	delete(n.answers, session)
	delete(n.hangups, session)
}

// heap is what is alive, in bytes, but for what would be on a disk.
func heap(t *testing.T, files *mem.FS) int64 {
	t.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) - stored(t, files, ".")
}

// stored is the size of all files in a directory and below.
func stored(t *testing.T, files *mem.FS, dir string) (bytes int64) {
	t.Helper()
	names, err := files.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f, err := files.Open(path.Join(dir, name))
		if errors.Is(err, syscall.EISDIR) {
			bytes += stored(t, files, path.Join(dir, name))
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		size, err := f.Size()
		if err != nil {
			t.Fatal(err)
		}
		bytes += size
		f.Close()
	}
	return bytes
}

// Whatever clients send, no actor panics, every answer can be read, what stays in memory is bounded, and a client
// that speaks Kafka is served as before. LOGPROOF_TEST_LONG sends a million frames in place of ten thousand.
func TestStrangers(t *testing.T) {
	count := 10_000
	if os.Getenv("LOGPROOF_TEST_LONG") != "" {
		count = 1_000_000
	}
	began := time.Now()
	files := mem.New()
	n := startNode(t, files, testConfig())
	s := &stranger{rng: rand.New(rand.NewPCG(1, 2)), seen: map[int16]int{}}
	keys := wire.Keys(wire.Clients)
	session, cut := n.connect(), 0
	var last []byte
	defer func() {
		if p := recover(); p != nil {
			panic(fmt.Sprintf("%v\nthe last frame was %x", p, last))
		}
	}()
	var before int64
	for i := range count {
		if i == count/10 {
			before = heap(t, files)
		}
		if i%100 == 0 {
			s.restore(n)
		}
		last = s.frame(keys)
		on := s.send(n, session, last)
		if i%16 == 0 {
			n.pass(time.Duration(s.rng.IntN(200)) * time.Millisecond)
		}
		if on && n.hangups[session] == "" && s.rng.IntN(50) > 0 {
			continue
		}
		cut++
		s.answered(n, session)
		leave(n, session)
		session = n.connect()
		if n.fatal != nil {
			t.Fatalf("frame %d, %x: the node has stopped: %v", i, last, n.fatal)
		}
	}
	id := createTopic(n, "afterwards", 1)
	if p := produceTo(n, id, 0, records(900, 0, "x")); p.ErrorCode != 0 {
		t.Errorf("a client that speaks Kafka is told %v", kerr.ErrorForCode(p.ErrorCode))
	}
	if got := readAll(n, id, 0); len(got) != 1 || got[0] != "x" {
		t.Errorf("a client that speaks Kafka reads %v", got)
	}
	// A power cut makes these files forget what was deleted and never synced, which no disk would have in memory.
	grown := heap(t, files.Crash(nil)) - before
	t.Logf("%d frames on %d connections in %v: %d MiB more are alive than after a tenth; %d batches appended, %d fetched; understood: %v", count, cut, time.Since(began).Round(time.Millisecond), grown>>20, s.appended, s.fetched, s.seen)
	if s.appended < count/5000 || s.fetched < count/5000 {
		t.Errorf("%d batches were appended and %d fetched: too few to say anything about logs", s.appended, s.fetched)
	}
	if grown > 16<<20 {
		t.Errorf("%d MiB more are alive after %d frames than after a tenth of them", grown>>20, count)
	}
	for _, key := range keys {
		if s.seen[key] < count/len(keys)/20 {
			t.Errorf("only %d requests of %s were understood: the others are not looked into", s.seen[key], wire.Name(key))
		}
	}
}
