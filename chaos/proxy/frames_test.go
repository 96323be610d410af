package proxy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/chaos/cluster"
)

// frame is a request of a key and version, of client "test", with a body.
func frame(key, version int16, correlation int32, body []byte) []byte {
	b := make([]byte, sizeLength)
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = binary.BigEndian.AppendUint32(b, uint32(correlation))
	b = binary.BigEndian.AppendUint16(b, 4)
	b = append(append(b, "test"...), body...)
	binary.BigEndian.PutUint32(b, uint32(len(b)-sizeLength))
	return b
}

// A framer that sees a stream in any pieces finds the frames that are in it.
func TestFramesInPieces(t *testing.T) {
	stream := slices.Concat(frame(1, 2, 3, nil), frame(0, 9, 4, make([]byte, 100)), frame(3, 1, 5, []byte("x")))
	for size := range len(stream) {
		f := frames{headLength: requestHead}
		var got []string
		for piece := range slices.Chunk(stream, size+1) {
			f.observe(piece, func() {
				key, version, correlation := f.request()
				got = append(got, fmt.Sprint(key, version, correlation))
			})
		}
		if want := []string{"1 2 3", "0 9 4", "3 1 5"}; !slices.Equal(got, want) || f.raw || f.collected != 0 || f.ahead() != 0 {
			t.Fatalf("in pieces of %d: %v, then %+v", size+1, got, f)
		}
	}
}

func TestFramesGiveUpOnOtherStreams(t *testing.T) {
	for _, size := range []int32{-1, 0, 7} {
		f := frames{headLength: requestHead}
		f.observe(append(binary.BigEndian.AppendUint32(nil, uint32(size)), make([]byte, 20)...), func() {
			t.Errorf("a frame of %d bytes has no head", size)
		})
		if !f.raw || f.ahead() == 0 {
			t.Errorf("after a frame of %d bytes: %+v", size, f)
		}
		f.passed(1 << 30)
		if f.ahead() == 0 {
			t.Error("what is no frame never ends")
		}
	}
}

func TestReadClientID(t *testing.T) {
	whole := frame(18, 3, 1, []byte("body"))
	for n := range whole {
		id, ok, done := readClientID(whole[:n])
		if n < requestHead+clientIDLength+4 && done || done && (!ok || id != "test") {
			t.Errorf("%d bytes: %q, %v, %v", n, id, ok, done)
		}
	}
	none := frame(18, 3, 1, nil)
	binary.BigEndian.PutUint16(none[requestHead:], 0xffff)
	long := frame(18, 3, 1, nil)
	binary.BigEndian.PutUint16(long[requestHead:], 5)
	for _, b := range [][]byte{none, long, []byte("GET / HTTP/1.1\r\n\r\n"), make([]byte, 20)} {
		if id, ok, _ := readClientID(b); ok {
			t.Errorf("%q has the client id %q", b, id)
		}
	}
}

// FuzzPipe gives a pipe any bytes in any pieces, with and without rules: it passes on what came.
func FuzzPipe(f *testing.F) {
	f.Add(frame(0, 9, 1, []byte("body")), uint8(3), true)
	f.Add(slices.Concat(frame(3, 9, 1, nil), frame(0, 3, 2, make([]byte, 300))), uint8(200), false)
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint8(1), true)
	f.Add([]byte{0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 1}, uint8(5), true)
	f.Add(responseFrame(kmsg.NewPtrMetadataResponse(), []byte{0, 0, 0, 0}), uint8(50), true)
	f.Fuzz(func(t *testing.T, stream []byte, size uint8, answers bool) {
		c := newConnection(&Proxy{}, &door{node: 1}, nil, 1)
		c.proxy.topics.names = map[[16]byte]string{}
		r, err := newRule(cluster.LinkRule{Link: there, Mode: cluster.DelayResponse, Topic: "orders", Delay: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		shapes := []*shape{{}, {answers: []*rule{r}}}
		for key := range int16(4) { // every stream finds calls that wait for it
			c.calls.waiting = append(c.calls.waiting, call{correlation: int32(key), key: key, version: 1, rules: []*rule{r}})
		}
		p := newPipe(c, answers, 1)
		var got []byte
		i := 0
		for piece := range slices.Chunk(stream, int(size)+1) {
			rest := piece
			if p.held.whole && len(shapes[i/3%2].answers) > 0 { // as it is read then
				n := copy(p.held.room(p.frames.left), rest)
				p.parseHeld(shapes[i/3%2], n)
				rest = rest[n:]
			}
			chunk := chunks.Get().(*[chunkSize]byte)
			p.parse(shapes[i/3%2], chunk, copy(chunk[:], rest))
			i++
			for ; !p.queue.empty(); p.queue.pop() {
				got = append(got, p.queue.items[p.queue.first].b...)
			}
			if held := len(p.held.b); len(got)+held != min(len(stream), i*(int(size)+1)) {
				t.Fatalf("after %d pieces %d bytes came and %d are held", i, len(got), held)
			}
		}
		p.release(shapes[0])
		for ; !p.queue.empty(); p.queue.pop() {
			got = append(got, p.queue.items[p.queue.first].b...)
		}
		if !bytes.Equal(got, stream) {
			t.Fatalf("%x came of %x", got, stream)
		}
	})
}

// FuzzAnswer lets every rule look at any bytes as the answer to any request: it never fails, and what it
// changes is a frame.
func FuzzAnswer(f *testing.F) {
	f.Add(int16(0), int16(9), responseFrame(produceResponse(9), []byte{0, 0, 0, 1}))
	f.Add(int16(0), int16(13), responseFrame(produceResponse(13), []byte{0, 0, 0, 1}))
	f.Add(int16(3), int16(12), responseFrame(kmsg.NewPtrMetadataResponse(), []byte{0, 0, 0, 1}))
	f.Add(int16(18), int16(3), responseFrame(kmsg.NewPtrApiVersionsResponse(), []byte{0, 0, 0, 1}))
	f.Add(int16(1), int16(12), []byte{0, 0, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add(int16(30000), int16(0), []byte{0, 0, 0, 4, 0, 0, 0, 1})
	var about []*rule
	for _, r := range []cluster.LinkRule{
		{Mode: cluster.DelayResponse, Topic: "orders", Delay: time.Second},
		{Mode: cluster.RewriteError, API: "Produce", Error: "UNKNOWN_SERVER_ERROR"},
		{Mode: cluster.RewriteError, API: "Produce", Topic: "orders", Partition: 1, Error: "UNKNOWN_SERVER_ERROR"},
		{Mode: cluster.StaleMetadata},
		{Mode: cluster.DuplicateResponse, Topic: "orders", Partition: cluster.AnyPartition},
	} {
		r.Link = there
		made, err := newRule(r)
		if err != nil {
			f.Fatal(err)
		}
		made.recorded = map[int32]*kmsg.MetadataResponse{1: kmsg.NewPtrMetadataResponse()}
		about = append(about, made)
	}
	f.Fuzz(func(t *testing.T, key, version int16, frame []byte) {
		if len(frame) < responseHead || len(frame) > 1<<16 {
			return
		}
		c := &connection{proxy: &Proxy{}, door: &door{node: 1}}
		a := answer{c: c, call: call{key: key, version: version, rules: about}, frame: slices.Clone(frame)}
		a.apply()
		if !a.changed && !bytes.Equal(a.frame, frame) {
			t.Fatalf("unchanged, and yet %x became %x", frame, a.frame)
		}
		if a.changed && int(binary.BigEndian.Uint32(a.frame)) != len(a.frame)-sizeLength {
			t.Fatalf("a frame of %d bytes says %x", len(a.frame), a.frame[:sizeLength])
		}
	})
}

// produceResponse names a partition of orders.
func produceResponse(version int16) kmsg.Response {
	response := new(broker).answer(produce(version, 1))
	response.SetVersion(version)
	return response
}
