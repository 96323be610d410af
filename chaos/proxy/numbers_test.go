package proxy

import (
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/cluster"
)

// What the proxy may cost.
const (
	addedMax     = 20 * time.Microsecond // to the median round trip
	plainShare   = 0.90                  // of the direct bandwidth without a rule about requests
	requestShare = 0.75                  // with one
	changeMax    = 10 * time.Millisecond // until a change of rules is obeyed
)

// measured is one way from the client to the node.
type measured struct {
	name string
	// address that the client dials: of the node, of the proxy, of a proxy that only copies.
	address func(upstream, proxy, copies string) string
	rules   []cluster.LinkRule
	// least share of the direct bandwidth; 0 is any.
	share float64
}

var clients = cluster.Link{From: cluster.AllClients, To: cluster.NodeEnd(1)}

// ways are measured in turns, so that whatever else the machine does falls on all of them. The proxy
// that only copies with io.Copy, which splices, is the least that a proxy in Go can cost.
func ways() []measured {
	direct := func(upstream, _, _ string) string { return upstream }
	proxy := func(_, proxy, _ string) string { return proxy }
	copies := func(_, _, copies string) string { return copies }
	return []measured{
		{name: "direct", address: direct},
		{name: "io.Copy", address: copies},
		{name: "proxy", address: proxy, share: plainShare},
		{name: "rule-of-another-request", address: proxy, share: requestShare, rules: []cluster.LinkRule{
			{Link: clients, Mode: cluster.DropResponse, API: "Produce"}}},
		{name: "rule-that-reads-every-answer", address: proxy, share: requestShare, rules: []cluster.LinkRule{
			{Link: clients, Mode: cluster.DropResponse, API: "Fetch", Topic: "payments"}}},
	}
}

// startMeasured puts a proxy with a number of nodes before one upstream; who dials is a client.
func startMeasured(t testing.TB, upstream string, nodes int) *Proxy {
	cfg := Config{Processes: func() map[int]int32 { return map[int]int32{} }}
	for node := range int32(nodes) {
		cfg.Listeners = append(cfg.Listeners, Listener{Node: node + 1, Advertised: "127.0.0.1:0", Upstream: upstream})
	}
	return start(t, cfg)
}

// startCopies is a proxy that only copies; it gives its address.
func startCopies(t testing.TB, upstream string) string {
	return startBackend(t, func(down *net.TCPConn) {
		up := mustDial(upstream).(*net.TCPConn)
		defer up.Close()
		var back sync.WaitGroup
		back.Go(func() {
			io.Copy(down, up)
			down.CloseWrite()
		})
		io.Copy(up, down)
		up.CloseWrite()
		back.Wait()
	}).address()
}

// rig is one place of the ends: in this process, as a node that is small enough to share it, or in
// another one.
type rig struct {
	proxy                    *Proxy
	upstream, through, plain string
}

func startRig(t testing.TB, upstream string) rig {
	p := startMeasured(t, upstream, 1)
	return rig{p, upstream, p.Address(0), startCopies(t, upstream)}
}

// startHere has both ends in this process: a round trip without a proxy then takes no switch between
// processes, and what a proxy adds is its own.
func startHere(t testing.TB) rig {
	return startRig(t, startBackend(t, func(conn *net.TCPConn) { answerAll(conn, nil) }).address())
}

func (r rig) prepare(t testing.TB, w measured) (address string) {
	t.Helper()
	rules(t, r.proxy, w.rules...)
	return w.address(r.upstream, r.through, r.plain)
}

func BenchmarkRoundTrip(b *testing.B) {
	r := startHere(b)
	for _, w := range ways() {
		b.Run(w.name, func(b *testing.B) {
			b.ReportMetric(roundTrip(r.prepare(b, w), b.N)/1000, "us/p50")
		})
	}
}

func BenchmarkBandwidth(b *testing.B) {
	e := startEndpoints(b)
	r := startRig(b, e.address)
	for _, w := range ways() {
		b.Run(w.name, func(b *testing.B) {
			b.ReportMetric(e.ask("bulk", b.N, r.prepare(b, w))/1e6, "MB/s")
		})
	}
}

func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

// The numbers that the proxy promises, from the medians of rounds in which all ways take turns.
func TestNumbersOfOneConnection(t *testing.T) {
	if os.Getenv(longEnv) == "" {
		t.Skipf("SKIPPED: the numbers are measured with %s=1, on a machine that does nothing else", longEnv)
	}
	e, here := startEndpoints(t), startHere(t)
	there := startRig(t, e.address)
	const rounds, tripsEach, answers = 41, 500, 64
	trips, rates := map[string][]float64{}, map[string][]float64{}
	for range rounds {
		for _, w := range ways() {
			trips[w.name] = append(trips[w.name], roundTrip(here.prepare(t, w), tripsEach))
			rates[w.name] = append(rates[w.name], e.ask("bulk", answers, there.prepare(t, w)))
		}
	}
	direct, rate := median(trips["direct"]), median(rates["direct"])
	t.Logf("direct: round trip %.1f us, %.0f MB/s", direct/1000, rate/1e6)
	for _, w := range ways()[1:] {
		late, share := time.Duration(median(trips[w.name])-direct), median(rates[w.name])/rate
		t.Logf("%s: %.1f us added to the round trip, %.0f %% of the direct bandwidth", w.name, float64(late)/1000, 100*share)
		if w.share == 0 {
			continue
		}
		if late > addedMax {
			t.Errorf("%s adds %v to a round trip: at most %v", w.name, late, addedMax)
		}
		if share < w.share {
			t.Errorf("%s has %.0f %% of the direct bandwidth: at least %.0f", w.name, 100*share, 100*w.share)
		}
	}
}

// How long a change of rules takes with 5,000 connections over 50 nodes, on one link and on all of them,
// while they are idle and while a tenth of them is busy.
func TestNumbersOfManyConnections(t *testing.T) {
	if os.Getenv(longEnv) == "" {
		t.Skipf("SKIPPED: the numbers are measured with %s=1, on a machine that does nothing else", longEnv)
	}
	const nodes, each, rounds = 50, 100, 31
	e := startEndpoints(t)
	p := startMeasured(t, e.address, nodes)
	words := []any{"open", each}
	for i := range nodes {
		words = append(words, p.Address(i))
	}
	began := time.Now()
	if n := e.ask(words...); n != nodes*each {
		t.Fatalf("%v connections are open", n)
	}
	t.Logf("%d connections were opened in %v", nodes*each, time.Since(began).Round(time.Millisecond))
	everyone := cluster.Link{From: cluster.Everyone, To: cluster.Everyone}
	for _, busy := range []string{"idle", "a tenth busy"} {
		if busy != "idle" {
			e.ask("talk", 10)
		}
		for name, r := range map[string]cluster.LinkRule{
			"one link, delay":      {Link: clients, Mode: cluster.Delay, Delay: time.Microsecond},
			"all links, delay":     {Link: everyone, Mode: cluster.Delay, Delay: time.Microsecond},
			"all links, stall":     {Link: everyone, Mode: cluster.Stall},
			"all links, answers":   {Link: everyone, Mode: cluster.DelayResponse, API: "Produce", Delay: time.Second},
			"all links, bandwidth": {Link: everyone, Mode: cluster.Bandwidth, Rate: 100 << 20},
		} {
			var set, heal []float64
			for range rounds {
				began := time.Now()
				rules(t, p, r)
				set = append(set, time.Since(began).Seconds()*1000)
				began = time.Now()
				rules(t, p)
				heal = append(heal, time.Since(began).Seconds()*1000)
			}
			t.Logf("%s, %s: set %.2f ms (at most %.2f), heal %.2f ms (at most %.2f)", busy, name, median(set), slices.Max(set), median(heal), slices.Max(heal))
			if worse := max(median(set), median(heal)); worse > changeMax.Seconds()*1000 {
				t.Errorf("%s, %s: a change takes %.2f ms: at most %v", busy, name, worse, changeMax)
			}
		}
	}
	e.ask("talk", 0)
	if all, err := p.Links(t.Context()); err != nil || len(all) != nodes*each {
		t.Errorf("%d connections are left, %v", len(all), err)
	}
	began = time.Now()
	rules(t, p, cluster.LinkRule{Link: everyone, Mode: cluster.Cut})
	took := time.Since(began)
	t.Logf("all links, cut: %v", took.Round(10*time.Microsecond))
	if took > changeMax {
		t.Errorf("a cut takes %v: at most %v", took, changeMax)
	}
	began = time.Now() // no byte passes any more at once, but each is a close of two sockets
	rules(t, p, cluster.LinkRule{Link: everyone, Mode: cluster.Refuse})
	t.Logf("all links, refuse: %v until all are reset", time.Since(began).Round(time.Millisecond))
}
