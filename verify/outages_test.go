package verify

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/verify/history"
)

const ms = history.Time(time.Millisecond)

// checked judges a history that is written by hand; see history.Text.
func checked(t *testing.T, x Expect, text string) Report {
	t.Helper()
	src, err := history.ReadText(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Check(src, x)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// outagesOf prints outages as tests write them: "orders/0 produce 1000..1400 (kill node-0)".
func outagesOf(r Report) []string {
	list := []string{}
	for _, o := range r.Outages {
		text := fmt.Sprintf("%s %s %d..%d", o.Partition, o.Kind, o.From/ms, o.To/ms)
		if o.Open {
			text += " open"
		}
		if o.Fault != "" {
			text += " (" + o.Fault + ")"
		}
		list = append(list, text)
	}
	return list
}

// produced writes produce operations to a partition, one each step, each of which takes 2 ms. Its offsets
// begin at next and go on from there.
type writer struct {
	partition string
	next      int
}

func (w *writer) ok(from, to, step int) (lines []string) {
	for at := from; at <= to; at += step {
		lines = append(lines, fmt.Sprintf("producer-0 produce ok %d..%d %s@%d=p0:%d", at-2, at, w.partition, w.next, w.next))
		w.next++
	}
	return lines
}

// inOrder joins lines into a history: they are sorted by the time of their return.
func inOrder(parts ...[]string) string {
	lines := slices.Concat(parts...)
	returned := func(line string) (at int) {
		_, after, _ := strings.Cut(line, "..")
		fmt.Sscan(after, &at)
		return at
	}
	slices.SortStableFunc(lines, func(a, b string) int { return returned(a) - returned(b) })
	return strings.Join(lines, "\n") + "\n"
}

func kill(at int, stage string) []string {
	return []string{fmt.Sprintf("nemesis fault ok %d..%d 0:kill:node-0:%s", at, at, stage)}
}

// What clients of each partition waited for, from the first that did to the first success.
func TestOutages(t *testing.T) {
	a, b := writer{partition: "orders/0"}, writer{partition: "orders/1"}
	text := inOrder(
		a.ok(5, 1000, 5), b.ok(5, 1000, 5), kill(1001, "inject"),
		[]string{"producer-0 produce unknown 1010..1100 orders/0@?=p0:900"}, // no success
		[]string{"producer-1 produce ok 1005..1400 orders/0@500=p1:0"},
		a.ok(1405, 1600, 5), // orders/1 is still down
		kill(1600, "prove-healed"),
		[]string{"producer-1 produce ok 1020..1605 orders/1@500=p1:0"},
		a.ok(1610, 3000, 5), b.ok(1610, 3000, 5),
	)
	got := outagesOf(checked(t, Expect{}, text))
	want := []string{
		"all produce 1005..1400 (kill node-0)",
		"orders/0 produce 1005..1400 (kill node-0)",
		"orders/1 produce 1020..1605 (kill node-0)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("outages are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The same cluster and fault, told by different loads.
func TestWhatIsAnOutage(t *testing.T) {
	steady := func(to int) []string { w := writer{partition: "orders/0"}; return w.ok(10, to, 10) }
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"nobody sends for a second", inOrder(steady(500), []string{"producer-0 produce ok 1598..1600 orders/0@90=p0:90"}), nil},
		{"one record in a second, and one that waited", inOrder([]string{
			"producer-0 produce ok 0..10 orders/0@0=p0:0", "producer-0 produce ok 1000..1010 orders/0@1=p0:1",
			"producer-0 produce ok 2000..2010 orders/0@2=p0:2", "producer-0 produce ok 3000..3700 orders/0@3=p0:3"}, kill(2500, "inject")),
			[]string{"all produce 3000..3700 (kill node-0)", "orders/0 produce 3000..3700 (kill node-0)"}},
		{"who waited first answers last", inOrder(steady(500), kill(505, "inject"), []string{
			"producer-1 produce ok 700..900 orders/0@60=p1:0", "producer-2 produce ok 520..905 orders/0@61=p2:0"}),
			[]string{"all produce 520..900 (kill node-0)", "orders/0 produce 520..900 (kill node-0)"}},
		{"never again", inOrder(steady(500), kill(505, "inject"), []string{"producer-0 produce unknown 501..2500 orders/0@?=p0:90"}),
			[]string{"all produce 501..2500 open (kill node-0)", "orders/0 produce 501..2500 open (kill node-0)"}},
		{"never at all", inOrder(steady(500), []string{"producer-0 produce fail 100..490 orders/1@?=p0:0"}),
			[]string{"orders/1 produce 100..490 open"}},
		{"slow answers before the fault, short outage", inOrder(steady(500), []string{"producer-3 produce ok 1..500 orders/0@95=p3:0"}, kill(505, "inject"),
			[]string{"producer-0 produce ok 510..710 orders/0@70=p0:70"}),
			[]string{"all produce 510..710 (kill node-0)", "orders/0 produce 510..710 (kill node-0)"}},
		{"as slow before the fault as after", inOrder([]string{
			"producer-0 produce ok 0..90 orders/0@0=p0:0", "producer-0 produce ok 100..190 orders/0@1=p0:1", "producer-0 produce ok 200..290 orders/0@2=p0:2",
			"producer-0 produce ok 300..510 orders/0@3=p0:3"}, kill(300, "inject")), nil},
	} {
		got := outagesOf(checked(t, Expect{}, c.text))
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: outages are\n%s\nwant\n%s", c.name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

// Readers wait for what was acknowledged and not given to any of them; with nothing to read there is no outage.
func TestOutagesOfReaders(t *testing.T) {
	head := []string{
		"producer-0 produce ok 0..10 orders/0@0=p0:0", "reader-0 fetch ok 5..12 orders/0@0=p0:0",
		"producer-0 produce ok 20..30 orders/0@1=p0:1", "reader-0 fetch ok 25..29 orders/0@1=p0:1",
		"producer-0 produce ok 40..50 orders/0@2=p0:2", "reader-0 fetch ok 45..54 orders/0@2=p0:2",
		"nemesis fault ok 56..56 0:kill:node-0:inject",
	}
	for _, c := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"nothing to read", []string{
			"producer-0 produce ok 500..505 orders/0@3=p0:3", "reader-0 fetch ok 54..510 orders/0@3=p0:3"}, nil},
		{"a record that is not acknowledged", []string{
			"producer-0 produce unknown 60..900 orders/0@?=p0:3", "reader-0 fetch ok 54..910 orders/0@3=p0:3"},
			[]string{"all produce 60..900 open (kill node-0)", "orders/0 produce 60..900 open (kill node-0)"}},
		{"acknowledged and not given", []string{
			"producer-0 produce ok 60..70 orders/0@3=p0:3", "producer-0 produce ok 150..160 orders/0@4=p0:4",
			"reader-0 fetch ok 54..400 orders/0@3=p0:3x2"},
			[]string{"all fetch 70..400 (kill node-0)", "orders/0 fetch 70..400 (kill node-0)"}},
		{"given in parts", []string{
			"producer-0 produce ok 60..70 orders/0@3=p0:3x3",
			"reader-0 fetch ok 54..300 orders/0@3=p0:3", "reader-0 fetch ok 300..700 orders/0@4=p0:4x2"},
			[]string{"all fetch 70..300 (kill node-0)", "all fetch 300..700 (kill node-0)", "orders/0 fetch 70..300 (kill node-0)", "orders/0 fetch 300..700 (kill node-0)"}},
		{"given to another reader", []string{
			"producer-0 produce ok 60..70 orders/0@3=p0:3", "reader-1 fetch ok 60..75 orders/0@0=p0:0x4",
			"reader-0 fetch ok 54..400 orders/0@3=p0:3"}, nil},
		{"what was given before is given again", []string{
			"producer-0 produce ok 60..70 orders/0@3=p0:3", "reader-1 fetch ok 60..200 orders/0@0=p0:0x3", "reader-0 fetch ok 54..400 orders/0@3=p0:3"},
			[]string{"all fetch 70..400 (kill node-0)", "orders/0 fetch 70..400 (kill node-0)"}},
		{"never given", []string{
			"producer-0 produce ok 60..70 orders/0@3=p0:3", "producer-0 produce ok 600..610 orders/0@4=p0:4"},
			[]string{"all fetch 70..610 open (kill node-0)", "orders/0 fetch 70..610 open (kill node-0)"}},
		{"of one partition", []string{
			"producer-0 produce ok 60..70 orders/0@3=p0:3 orders/1@0=p0:0", "reader-0 fetch ok 60..90 orders/1@0=p0:0",
			"producer-0 produce ok 150..160 orders/1@1=p0:1", "reader-0 fetch ok 160..170 orders/1@1=p0:1",
			"producer-0 produce ok 250..260 orders/1@2=p0:2", "reader-0 fetch ok 260..270 orders/1@2=p0:2",
			"reader-0 fetch ok 54..280 orders/0@3=p0:3"},
			[]string{"orders/0 fetch 70..280 (kill node-0)"}},
		{"an answer without records", []string{
			"producer-0 produce ok 60..70 orders/0@3=p0:3", "reader-0 fetch ok 60..200 orders/0=hw:4", "reader-0 fetch ok 54..300 orders/0@3=p0:3"},
			[]string{"all fetch 70..300 (kill node-0)", "orders/0 fetch 70..300 (kill node-0)"}},
	} {
		got := outagesOf(checked(t, Expect{}, inOrder(head, c.lines)))
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: outages are\n%s\nwant\n%s", c.name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
	// Without readers nobody waits to read.
	if got := outagesOf(checked(t, Expect{}, inOrder([]string{head[0], head[2], "producer-0 produce ok 3000..3001 orders/0@2=p0:2"}))); len(got) != 0 {
		t.Errorf("outages without a reader: %v", got)
	}
}

// The baseline is what was usual before the first fault, of the partition itself if it has seen enough.
func TestBaseline(t *testing.T) {
	slow := func(partition string, n, step, took int) (lines []string) { // each waits for as long
		for i := range n {
			lines = append(lines, fmt.Sprintf("producer-0 produce ok %d..%d %s@%d=p0:%d", i*step, i*step+took, partition, i, i))
		}
		return lines
	}
	r := checked(t, Expect{}, inOrder(
		slow("busy/0", 201, 50, 48), slow("busy/1", 11, 900, 20), slow("lone/0", 4, 2000, 200), // calm for ten seconds
		[]string{"nemesis fault ok 10100..10100 0:kill:node-0:inject"},
		slow("busy/0", 1, 0, 15000),
	))
	within := func(d, want time.Duration) bool { return d >= want && d <= want*9/8 }
	for _, want := range []Baseline{
		{Partition: "busy/0", Kind: history.Produce, Waits: 200, P99: 48 * time.Millisecond},
		{Partition: "busy/1", Kind: history.Produce, Waits: 10, P99: 48 * time.Millisecond}, // that of its topic
		{Partition: "lone/0", Kind: history.Produce, Waits: 3, P99: 200 * time.Millisecond},
	} {
		at := slices.IndexFunc(r.Baselines, func(b Baseline) bool { return b.Partition == want.Partition })
		if at < 0 {
			t.Errorf("no baseline of %s: %+v", want.Partition, r.Baselines)
			continue
		}
		got := r.Baselines[at]
		if got.Waits != want.Waits || !within(got.P99, want.P99) || got.Limit != max(100*time.Millisecond, 3*got.P99) {
			t.Errorf("baseline is %+v, want %+v and three times that", got, want)
		}
	}
	// One stall in the warm-up of many operations is not usual; the outage of the fault is seen.
	w := writer{partition: "orders/0"}
	stalled := inOrder([]string{"producer-1 produce ok 0..3 orders/0@900=p1:0", "producer-1 produce ok 4..704 orders/0@901=p1:1"}, w.ok(710, 2000, 5), kill(2001, "inject"),
		[]string{"producer-0 produce ok 2003..2503 orders/0@800=p0:800"})
	want := []string{"all produce 4..704", "all produce 2003..2503 (kill node-0)", "orders/0 produce 4..704", "orders/0 produce 2003..2503 (kill node-0)"}
	if got := outagesOf(checked(t, Expect{}, stalled)); !slices.Equal(got, want) {
		t.Errorf("outages are %q, want %q", got, want)
	}
}

func TestPausesAreBounded(t *testing.T) {
	p := newPulse()
	at := history.Time(0)
	p.succeed(at, history.Never)
	for i := range history.Time(3 * pausesMax) {
		p.asked(at)
		at += 101*ms + i // each a little longer
		p.succeed(at, history.Never)
	}
	all := p.whole(history.Never)
	if len(all.pauses) != pausesMax || all.dropped != 2*pausesMax || len(p.held) > heldMax {
		t.Fatalf("%d pauses are kept, %d dropped, %d held", len(all.pauses), all.dropped, len(p.held))
	}
	for _, kept := range all.pauses {
		if kept.took() < time.Duration(101*ms+2*pausesMax) {
			t.Fatalf("a pause of %v was kept, longer ones were not", kept.took())
		}
	}
	if p.retained() > pausesMax+heldMax+64 {
		t.Errorf("%d things are retained", p.retained())
	}
}

func TestQuantilesAreNearAndNotBelow(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var q, halves [2]quantiles
		values := make([]time.Duration, 1+rng.IntN(500))
		for i := range values {
			values[i] = time.Duration(1 + rng.Int64N(1<<(1+rng.IntN(40))))
			q[0].add(values[i])
			halves[i%2].add(values[i])
		}
		slices.Sort(values)
		want := values[(len(values)*99+99)/100-1]
		if got := q[0].p99(); got < want || float64(got) > float64(want)*1.125+2 {
			t.Fatalf("p99 of %d values is %d, want %d to an eighth more", len(values), got, want)
		}
		merged := halves[0].clone()
		merged.merge(halves[1])
		if merged.p99() != q[0].p99() || merged.n != q[0].n || merged.n == halves[0].n && len(values) > 1 {
			t.Fatalf("two halves have a p99 of %v, the whole %v", merged.p99(), q[0].p99())
		}
	}
}

var errSource = errors.New("source")

// A source that fails leaves what was seen until then.
func TestOutagesOfABrokenSource(t *testing.T) {
	e := New(Expect{})
	e.End(io.EOF)
	if r := e.Report(); len(r.Outages) != 0 || len(r.Budgets) != 0 {
		t.Errorf("nothing was observed: %+v", r)
	}
	if _, err := Check(failingSource{}, Expect{Budgets: []Budget{{Name: MaxOutage, Of: history.Produce, Within: time.Second}}}); !errors.Is(err, errSource) {
		t.Errorf("error %v", err)
	}
}

type failingSource struct{}

func (failingSource) Next() (history.Entry, error) { return history.Entry{}, errSource }
