package server

import (
	"bufio"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// other is a node that is called: a listener on loopback whose connections are handled by serve.
type other struct {
	listener net.Listener
	serving  sync.WaitGroup
	mu       struct {
		sync.Mutex
		conns []net.Conn
	}
}

func newOther(t *testing.T, serve func(*exchange)) *other {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &other{listener: l}
	o.serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			o.mu.Lock()
			o.mu.conns = append(o.mu.conns, conn)
			o.mu.Unlock()
			o.serving.Go(func() {
				defer conn.Close()
				serve(&exchange{conn, bufio.NewReader(conn)})
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		o.mu.Lock()
		for _, conn := range o.mu.conns {
			conn.Close()
		}
		o.mu.Unlock()
		o.serving.Wait()
	})
	return o
}

// connections counts how often it was dialled.
func (o *other) connections() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.mu.conns)
}

func (o *other) call(request kmsg.Request, timeout time.Duration, token any) actor.Call {
	at := o.listener.Addr().(*net.TCPAddr)
	return actor.Call{Node: 2, Host: "127.0.0.1", Port: int32(at.Port), Request: request, Timeout: timeout, Token: token}
}

// exchange is one connection as the called node sees it.
type exchange struct {
	net.Conn
	in *bufio.Reader
}

// next reads a request; nil when the connection is over.
func (x *exchange) next() *wire.Request {
	frame, err := wire.Frames{Max: wire.MaxFrame, Memory: frames{&buffers{}, &arriving{}}, Progress: func() error { return nil }}.Read(x.in)
	if err != nil {
		return nil
	}
	r, err := wire.ParseRequest(wire.Peers, frame)
	if err != nil {
		return nil
	}
	return r
}

// answer gives a request back what a test can tell apart: in Batches the offset that was asked for.
func (x *exchange) answer(r *wire.Request) {
	resp := r.Body.ResponseKind()
	resp.SetVersion(r.Version)
	if tail, ok := resp.(*wire.MetadataTailResponse); ok {
		tail.SnapshotEnd = r.Body.(*wire.MetadataTailRequest).Offset
	}
	_, _ = x.Write(wire.AppendResponse(nil, r.Correlation, resp)) // the test ends the connection when it likes
}

func echo(x *exchange) {
	for r := x.next(); r != nil; r = x.next() {
		x.answer(r)
	}
}

func newTestPeers(t *testing.T, dial Dial) *peers {
	p := newPeers(1, dial, newMetrics())
	t.Cleanup(p.stop)
	return p
}

func tail(offset int64) *wire.MetadataTailRequest { return &wire.MetadataTailRequest{Offset: offset} }

// results takes n completions off an inbox, in order.
func results(t *testing.T, box *inbox, n int) []actor.CallDone {
	t.Helper()
	late := time.AfterFunc(20*time.Second, box.close)
	defer late.Stop()
	var got []actor.CallDone
	for len(got) < n {
		messages := box.take(nil)
		if messages == nil {
			t.Fatalf("%d calls ended in time, want %d", len(got), n)
		}
		for _, m := range messages {
			got = append(got, m.(actor.CallDone))
		}
	}
	return got
}

const patience = 10 * time.Second // longer than anything here takes

// Calls of one actor go over one connection, all before the first answer, and are answered in order.
func TestCallsArePipelined(t *testing.T) {
	const n = 200
	o := newOther(t, func(x *exchange) {
		var all []*wire.Request
		for len(all) < n {
			r := x.next()
			if r == nil {
				return
			}
			all = append(all, r)
		}
		for _, r := range all {
			x.answer(r)
		}
	})
	p, box := newTestPeers(t, nil), newInbox()
	for i := range n {
		p.call(box, o.call(tail(int64(i)), patience, i))
	}
	for i, done := range results(t, box, n) {
		if done.Err != nil || done.Token != i || done.Response.(*wire.MetadataTailResponse).SnapshotEnd != int64(i) {
			t.Fatalf("answer %d: %+v", i, done)
		}
	}
	if got := o.connections(); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
}

// Every request that nodes send crosses the wire and back, flexible and private ones too.
func TestCallsOfEveryKey(t *testing.T) {
	versions := make(chan int16, len(wire.Keys(wire.Peers)))
	o := newOther(t, func(x *exchange) {
		for r := x.next(); r != nil; r = x.next() {
			if r.ClientID == "node-1" {
				versions <- r.Version
			}
			x.answer(r)
		}
	})
	p, box := newTestPeers(t, nil), newInbox()
	for _, key := range wire.Keys(wire.Peers) {
		var request kmsg.Request
		switch key {
		case wire.MetadataTailKey:
			request = tail(7)
		case wire.QuorumMessageKey:
			request = &wire.QuorumMessageRequest{Message: []byte("message")}
		case wire.DamagedReplicaKey:
			request = &wire.DamagedReplicaRequest{BrokerID: 1, BrokerEpoch: 2, Partition: 3}
		default:
			request = kmsg.RequestForKey(key)
		}
		v, _ := wire.Served(wire.Peers, key)
		request.SetVersion(v.Max)
		p.call(box, o.call(request, patience, key))
		done := results(t, box, 1)[0]
		if done.Err != nil || done.Token != key || done.Response.Key() != key || done.Response.GetVersion() != v.Max {
			t.Errorf("%s: %+v", wire.Name(key), done)
		}
		if got := <-versions; got != v.Max {
			t.Errorf("%s: version %d arrived, want %d", wire.Name(key), got, v.Max)
		}
	}
}

// Two actors share no connection: one may wait for a long answer while the other asks.
func TestActorsHaveTheirOwnLines(t *testing.T) {
	release := make(chan struct{})
	o := newOther(t, func(x *exchange) {
		for r := x.next(); r != nil; r = x.next() {
			if r.Body.(*wire.MetadataTailRequest).Offset == 0 {
				<-release
			}
			x.answer(r)
		}
	})
	p, slow, quick := newTestPeers(t, nil), newInbox(), newInbox()
	p.call(slow, o.call(tail(0), patience, "slow"))
	p.call(quick, o.call(tail(1), patience, "quick"))
	if done := results(t, quick, 1)[0]; done.Err != nil {
		t.Error(done.Err)
	}
	close(release)
	if done := results(t, slow, 1)[0]; done.Err != nil {
		t.Error(done.Err)
	}
}

// An answer that is late takes the calls after it with it, and the next call has another connection.
func TestLateAnswer(t *testing.T) {
	o := newOther(t, func(x *exchange) {
		for r := x.next(); r != nil; r = x.next() {
			if r.Body.(*wire.MetadataTailRequest).Offset > 0 {
				x.answer(r)
			}
		}
	})
	p, box := newTestPeers(t, nil), newInbox()
	p.call(box, o.call(tail(0), 30*time.Millisecond, "late"))
	p.call(box, o.call(tail(0), patience, "behind it"))
	for i, done := range results(t, box, 2) {
		if done.Token != []any{"late", "behind it"}[i] || done.Response != nil || done.Err == nil ||
			!strings.Contains(done.Err.Error(), "MetadataTail to node 2 at 127.0.0.1:") || !strings.Contains(done.Err.Error(), "not answered within 30ms") {
			t.Errorf("call %d: %+v", i, done)
		}
	}
	p.call(box, o.call(tail(5), patience, "again"))
	if done := results(t, box, 1)[0]; done.Err != nil {
		t.Error(done.Err)
	}
	if got := o.connections(); got != 2 {
		t.Errorf("%d connections, want 2", got)
	}
}

// The time of a call counts from the call, so a node that cannot be reached fails it in time.
func TestTimeoutCountsDialling(t *testing.T) {
	p := newTestPeers(t, func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	box := newInbox()
	p.call(box, actor.Call{Host: "127.0.0.1", Port: 1, Request: tail(0), Timeout: 20 * time.Millisecond})
	if done := results(t, box, 1)[0]; done.Err == nil || !strings.Contains(done.Err.Error(), "not answered") {
		t.Errorf("%+v", done)
	}
}

// A node that is not there fails the call at once, and is found when it is there.
func TestDialFails(t *testing.T) {
	o := newOther(t, echo)
	refuse := true
	p := newTestPeers(t, func(ctx context.Context, network, address string) (net.Conn, error) {
		if refuse {
			refuse = false
			return nil, errors.New("nobody is there")
		}
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	})
	box := newInbox()
	p.call(box, o.call(tail(0), patience, nil))
	if done := results(t, box, 1)[0]; done.Err == nil || !strings.Contains(done.Err.Error(), "nobody is there") {
		t.Errorf("%+v", done)
	}
	p.call(box, o.call(tail(0), patience, nil))
	if done := results(t, box, 1)[0]; done.Err != nil {
		t.Error(done.Err)
	}
}

// A node that breaks the connection, or answers what cannot be understood, fails what is under way.
func TestBrokenLines(t *testing.T) {
	for name, c := range map[string]struct {
		serve func(*exchange, *wire.Request)
		want  string
	}{
		"closed":       {func(*exchange, *wire.Request) {}, "closed by the other node"},
		"half a frame": {func(x *exchange, _ *wire.Request) { x.Write([]byte{0, 0, 0, 9, 1}) }, "ends early"},
		"huge frame":   {func(x *exchange, _ *wire.Request) { x.Write([]byte{0x7f, 0, 0, 0}) }, "want 4 to"},
		"correlation": {func(x *exchange, r *wire.Request) {
			x.Write(wire.AppendResponse(nil, r.Correlation+1, &wire.MetadataTailResponse{}))
		}, "correlation id"},
		"body": {func(x *exchange, r *wire.Request) {
			x.Write(wire.AppendResponse(nil, r.Correlation, &wire.QuorumMessageResponse{}))
		}, "response of MetadataTail"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOther(t, func(x *exchange) {
				if r := x.next(); r != nil {
					c.serve(x, r)
				}
			})
			p, box := newTestPeers(t, nil), newInbox()
			p.call(box, o.call(tail(0), patience, nil))
			if done := results(t, box, 1)[0]; done.Err == nil || !strings.Contains(done.Err.Error(), c.want) {
				t.Errorf("%+v, want %q", done, c.want)
			}
		})
	}
}

// Stop ends lines that wait for an answer, that dial, and that idle; no goroutine is left, as it waits
// for all of them. A call after it is dropped.
func TestStopWithCallsUnderWay(t *testing.T) {
	asked := make(chan struct{}, 1)
	o := newOther(t, func(x *exchange) {
		for r := x.next(); r != nil; r = x.next() {
			if r.Body.(*wire.MetadataTailRequest).Offset > 0 {
				x.answer(r)
			} else {
				asked <- struct{}{}
			}
		}
	})
	p := newPeers(1, func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasSuffix(address, ":1") {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}, newMetrics())
	idle, box := newInbox(), newInbox()
	p.call(idle, o.call(tail(5), patience, nil))
	results(t, idle, 1)
	p.call(box, o.call(tail(0), patience, "waits"))
	<-asked
	p.call(box, actor.Call{Host: "127.0.0.1", Port: 1, Request: tail(0), Timeout: patience, Token: "dials"})
	p.stop()
	var ended []string
	for _, done := range results(t, box, 2) {
		if done.Err == nil {
			t.Errorf("%v was answered", done.Token)
		}
		ended = append(ended, done.Token.(string))
	}
	slices.Sort(ended)
	if !slices.Equal(ended, []string{"dials", "waits"}) {
		t.Errorf("%v ended", ended)
	}
	p.call(box, o.call(tail(0), patience, "too late"))
	box.mu.Lock()
	defer box.mu.Unlock()
	if len(box.mu.messages) != 0 || len(p.mu.lines) != 0 {
		t.Errorf("after stop: %v, lines %v", box.mu.messages, p.mu.lines)
	}
}

// What a response holds is its own: later answers do not write over it.
func TestResponsesKeepTheirMemory(t *testing.T) {
	o := newOther(t, func(x *exchange) {
		for r := x.next(); r != nil; r = x.next() {
			offset := r.Body.(*wire.MetadataTailRequest).Offset
			resp := &wire.MetadataTailResponse{Batches: slices.Repeat([]byte{byte(offset)}, 1<<10)}
			x.Write(wire.AppendResponse(nil, r.Correlation, resp))
		}
	})
	p, box := newTestPeers(t, nil), newInbox()
	for i := range 100 {
		p.call(box, o.call(tail(int64(i)), patience, nil))
	}
	for i, done := range results(t, box, 100) {
		if done.Err != nil {
			t.Fatal(done.Err)
		}
		got := done.Response.(*wire.MetadataTailResponse).Batches
		if len(got) != 1<<10 || slices.ContainsFunc(got, func(b byte) bool { return b != byte(i) }) {
			t.Fatalf("response %d holds %v...", i, got[:1])
		}
	}
}
