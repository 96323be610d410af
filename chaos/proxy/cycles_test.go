package proxy

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/chaos/cluster"
)

// After three hundred sets of rules, drawn from a seed, under traffic, every client is served again each
// time they go, and nothing is left at the end.
func TestThreeHundredCycles(t *testing.T) {
	const nodes, clients, cycles = 3, 6, 300
	before := descriptors(t)
	cfg := Config{
		Processes:    func() map[int]int32 { return map[int]int32{} },
		ClientNumber: func(id string) (n int32, ok bool) { _, err := fmt.Sscanf(id, "client-%d", &n); return n, err == nil },
	}
	var brokers []*broker
	for node := range int32(nodes) {
		b := startBroker(t)
		b.records = make([]byte, 200_000)
		brokers = append(brokers, b)
		cfg.Listeners = append(cfg.Listeners, Listener{Node: node, Advertised: "127.0.0.1:0", Upstream: b.address()})
	}
	p := start(t, cfg)
	var served [clients]atomic.Int64
	var stopped atomic.Bool
	var work sync.WaitGroup
	for i := range clients {
		work.Go(func() {
			for turn := i; !stopped.Load(); turn++ {
				talk(p.Address(turn%nodes), fmt.Sprintf("client-%d", i), &served[i], &stopped)
			}
		})
	}
	random := rand.New(rand.NewPCG(5, 300))
	for cycle := range cycles {
		set := drawRules(random)
		if err := p.SetLinks(t.Context(), set); err != nil {
			t.Fatalf("cycle %d, %v: %v", cycle, set, err)
		}
		if cycle%3 == 0 { // else another set follows at once
			time.Sleep(time.Duration(random.IntN(3000)) * time.Microsecond) // not for the outcome: for traffic under the rules
		}
		if cycle%2 == 0 {
			continue
		}
		rules(t, p)
		var from [clients]int64
		for i := range clients {
			from[i] = served[i].Load()
		}
		eventually(t, func() error {
			for i := range clients {
				if served[i].Load() == from[i] {
					all, _ := p.Links(context.Background())
					return fmt.Errorf("cycle %d: client %d is not served after %v: %+v", cycle, i, set, all)
				}
			}
			return nil
		})
	}
	all, err := p.Links(t.Context())
	for _, l := range all {
		if len(l.Rules) > 0 || err != nil {
			t.Errorf("a rule is left: %+v, %v", l, err)
		}
	}
	stopped.Store(true)
	work.Wait()
	p.Close()
	for _, b := range brokers {
		b.stop()
	}
	if left := ours("proxy.(*"); len(left) > 0 {
		t.Errorf("goroutines are left: %s", left)
	}
	eventually(t, func() error {
		if now := descriptors(t); now > before {
			return fmt.Errorf("%d descriptors are left", now-before)
		}
		return nil
	})
}

// drawRules gives one to three rules of any mode on any links.
func drawRules(random *rand.Rand) (set []cluster.LinkRule) {
	ends := []cluster.End{cluster.Everyone, cluster.AllClients, cluster.AllNodes, cluster.ClientEnd(1), cluster.ClientEnd(4), cluster.NodeEnd(0), cluster.NodeEnd(2)}
	all := []cluster.LinkRule{
		{Mode: cluster.Cut}, {Mode: cluster.Cut}, {Mode: cluster.Stall}, {Mode: cluster.Delay, Delay: 300 * time.Microsecond, Jitter: 300 * time.Microsecond, Seed: 1},
		{Mode: cluster.Bandwidth, Rate: 10 << 20}, {Mode: cluster.Refuse}, {Mode: cluster.Reset}, {Mode: cluster.SlowClose, Delay: time.Millisecond},
		{Mode: cluster.DropResponse, API: "Fetch", Count: 2}, {Mode: cluster.DropResponse, Topic: orders, Partition: cluster.AnyPartition},
		{Mode: cluster.DelayResponse, API: "Fetch", Delay: time.Millisecond}, {Mode: cluster.RewriteError, API: "Fetch", Topic: orders, Error: "NOT_LEADER_OR_FOLLOWER"},
		{Mode: cluster.StaleMetadata}, {Mode: cluster.DuplicateResponse, API: "Metadata", Count: 1},
	}
	for range 1 + random.IntN(3) {
		r := all[random.IntN(len(all))]
		r.Link = cluster.Link{From: ends[random.IntN(len(ends))], To: ends[random.IntN(len(ends))]}
		if r.Mode == cluster.StaleMetadata {
			r.Link.To = cluster.AllNodes // somebody has to tell it
		}
		set = append(set, r)
	}
	return set
}

// talk makes round trips on one connection until it ends. It never gives up by itself: when rules go, what
// was held comes, or the connection is reset.
func talk(address, clientID string, served *atomic.Int64, stopped *atomic.Bool) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	formatter := kmsg.NewRequestFormatter(kmsg.FormatterClientID(clientID))
	requests := []kmsg.Request{fetch(12), metadata(), produce(9, 0)}
	head := make([]byte, responseHead)
	for correlation := int32(0); !stopped.Load(); correlation++ {
		if _, err := conn.Write(formatter.AppendRequest(nil, requests[int(correlation)%len(requests)], correlation)); err != nil {
			return
		}
		if _, err := io.ReadFull(conn, head); err != nil || int32(binary.BigEndian.Uint32(head[sizeLength:])) != correlation {
			return
		}
		if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(head))-4); err != nil {
			return
		}
		served.Add(1)
	}
}
