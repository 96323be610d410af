package clean

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
)

// line is a log in short: one batch after the other, "a1 b2 c-" is a batch of three records, c a tombstone. "7: a1" is
// of producer 7, "7t:" transactional, "7!" its marker. A "~" before a batch says that its horizon is 500.
type line []string

// made are the batches of a line, one offset after the other.
func (l line) made(t *testing.T, c *batch.Codecs) (all []batch.View) {
	t.Helper()
	next := int64(0)
	for _, text := range l {
		v := batchOf(t, c, text)
		v.Assign(next, 3)
		next = v.LastOffset() + 1
		all = append(all, v)
	}
	return all
}

func batchOf(t *testing.T, c *batch.Codecs, text string) batch.View {
	t.Helper()
	text, horizon := strings.CutPrefix(text, "~")
	var b batch.Builder
	if who, records, ok := strings.Cut(text, ":"); ok {
		var id int64
		_, transactional := strings.CutSuffix(who, "t")
		if _, err := fmt.Sscan(strings.TrimSuffix(who, "t"), &id); err != nil {
			t.Fatal(err)
		}
		b.Producer(id, 1, 0)
		if transactional {
			b.Transactional()
		}
		text = records
	}
	if who, ok := strings.CutSuffix(text, "!"); ok {
		var id int64
		if _, err := fmt.Sscan(who, &id); err != nil {
			t.Fatal(err)
		}
		v := batch.BuildMarker(id, 1, batch.Marker{Commit: true}, 40)
		return withHorizon(t, c, v, horizon)
	}
	if strings.TrimSpace(text) == "" {
		b.Add(nil, nil, 40)
		return batch.Empty(b.Build())
	}
	for _, r := range strings.Fields(text) {
		value := []byte(r[1:])
		if r[1:] == "-" {
			value = nil
		}
		b.Add([]byte(r[:1]), value, 40)
	}
	return withHorizon(t, c, b.Build(), horizon)
}

func withHorizon(t *testing.T, c *batch.Codecs, v batch.View, set bool) batch.View {
	t.Helper()
	if !set {
		return v
	}
	v, err := c.Retain(v, func(batch.Entry) bool { return true }, 500)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// shown is what a filter left, in the same short form; "." is a batch that is gone, "7: " one that is emptied.
func shown(t *testing.T, c *batch.Codecs, v batch.View) string {
	t.Helper()
	if v == nil {
		return "."
	}
	var b strings.Builder
	if _, ok := v.DeleteHorizon(); ok {
		b.WriteString("~")
	}
	if v.IsControl() {
		return b.String() + fmt.Sprint(v.ProducerID(), "!")
	}
	if v.ProducerID() >= 0 {
		fmt.Fprint(&b, v.ProducerID())
		if v.IsTransactional() {
			b.WriteString("t")
		}
		b.WriteString(":")
	}
	var words []string
	records, err := batch.Records(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		value := string(r.Value)
		if r.Value == nil {
			value = "-"
		}
		words = append(words, string(r.Key)+value)
	}
	if b.Len() > 0 && !strings.HasPrefix(b.String(), "~") {
		b.WriteString(" ")
	}
	return b.String() + strings.Join(words, " ")
}

// What survives, one rule after the other.
func TestFilter(t *testing.T) {
	for _, test := range []struct {
		name string
		in   line
		want line
		// now is 100 unless it is said, remembered are base offsets of batches, aborted producers.
		now        int64
		remembered []int64
		aborted    []int64
		// room is how many keys the map has, if not all.
		room int
		bugs bug.Set
	}{
		{name: "the last of a key", in: line{"a1 b1", "a2", "c1"}, want: line{"b1", "a2", "c1"}},
		{name: "the last within a batch", in: line{"a1 b1 a2 a3"}, want: line{"b1 a3"}},
		{name: "a batch without a survivor goes", in: line{"a1", "a2", "a3"}, want: line{".", ".", "a3"}},
		{name: "a tombstone takes what is before it, and stays for now", in: line{"a1 b1", "a-"}, want: line{"b1", "~a-"}},
		{name: "a tombstone before its horizon", in: line{"b1", "~a-"}, want: line{"b1", "~a-"}, now: 499},
		{name: "a tombstone at its horizon", in: line{"b1", "~a- c1"}, want: line{"b1", "~c1"}, now: 500},
		{name: "a tombstone that is written over", in: line{"a-", "a1"}, want: line{".", "a1"}},
		{name: "a horizon is not set again", in: line{"~a- b1", "b2"}, want: line{"~a-", "b2"}, now: 499},
		{name: "a remembered batch is emptied", in: line{"7: a1", "7: a2", "a3"}, want: line{".", "7: ", "a3"}, remembered: []int64{1}},
		{name: "an emptied batch stays while it is remembered", in: line{"7: ", "a3"}, want: line{"7: ", "a3"}, remembered: []int64{0}},
		{name: "and goes then", in: line{"7: ", "a3"}, want: line{".", "a3"}},
		{name: "a producer's survivor needs no memory", in: line{"7: a1"}, want: line{"7: a1"}},
		{name: "a marker stays with its transaction", in: line{"7t: a1", "7!"}, want: line{"7t: a1", "7!"}},
		{name: "a marker without its transaction gets a horizon", in: line{"7!"}, want: line{"~7!"}},
		{name: "in the pass in which the last batch goes it has none yet", in: line{"7t: a1", "7!", "a2"}, want: line{".", "7!", "a2"}},
		{name: "a marker at its horizon", in: line{"~7!", "a2"}, want: line{".", "a2"}, now: 500},
		{name: "a marker at its horizon, by which its producer is remembered", in: line{"~7!", "a2"}, want: line{"~7!", "a2"}, now: 500, remembered: []int64{0}},
		{name: "an emptied batch holds the marker", in: line{"7t: ", "7!"}, want: line{"7t: ", "7!"}, remembered: []int64{0}},
		{name: "two transactions of one producer", in: line{"7!", "7t: a1", "7!", "7!"}, want: line{"~7!", "7t: a1", "7!", "~7!"}},
		{name: "aborted records go at once", in: line{"a1", "7t: a2 b2", "7!"}, want: line{"a1", ".", "7!"}, aborted: []int64{7}},
		{name: "aborted records do not hide others", in: line{"a1", "7t: a-", "7!", "b1"}, want: line{"a1", ".", "7!", "b1"}, aborted: []int64{7}},
		{name: "a small map leaves the rest for later", in: line{"a1", "b1", "c1", "a2", "b2"}, want: line{"a1", "b1", "c1", "a2", "b2"}, room: 2},
		{name: "planted: tombstones go at once", in: line{"a1", "a-", "b1"}, want: line{".", ".", "b1"}, bugs: bug.Set{bug.TombstoneEarly: true}},
	} {
		c := new(batch.Codecs)
		all := test.in.made(t, c)
		aborted := func(v batch.View) bool { return v.IsTransactional() && slices.Contains(test.aborted, v.ProducerID()) }
		o := NewOffsets(100, 1<<20)
		if test.room > 0 {
			o.slots = make([]slot, test.room+1)
		}
		for _, v := range all {
			full, err := Note(o, v, 0, !v.IsControl() && aborted(v), c)
			if err != nil {
				t.Fatal(err)
			}
			if full {
				break
			}
		}
		f := Filter{
			Offsets: o, Now: 100, DeleteRetention: 400, Aborted: aborted, Codecs: c, Bugs: test.bugs,
			Remembered: func(v batch.View) bool { return slices.Contains(test.remembered, v.BaseOffset()) },
		}
		if test.now > 0 {
			f.Now = test.now
		}
		var got line
		for _, v := range all {
			out, err := f.Batch(v)
			if err != nil {
				t.Fatal(err)
			}
			if out != nil && (out.BaseOffset() != v.BaseOffset() || out.LastOffset() != v.LastOffset() || out.ValidateStored() != nil) {
				t.Errorf("%s: %x became %x", test.name, []byte(v), []byte(out))
			}
			got = append(got, shown(t, c, out))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q became %q, want %q", test.name, test.in, got, test.want)
		}
	}
}

// The map holds what it was told, and says when it can take no more.
func TestOffsets(t *testing.T) {
	o := NewOffsets(1<<40, 1000*slotBytes)
	n := 0
	for ; o.Put(fmt.Append(nil, n), int64(n)); n++ {
	}
	if n != 900 || o.Keys() != 900 || o.Latest() != 899 {
		t.Errorf("%d keys, %d, up to %d; want 900 of 1000 slots", n, o.Keys(), o.Latest())
	}
	if !o.Put([]byte("17"), 5000) || o.Last([]byte("17")) != 5000 || o.Latest() != 5000 {
		t.Error("a key that is there already has no room")
	}
	for i := range n {
		if i != 17 && o.Last(fmt.Append(nil, i)) != int64(i) {
			t.Errorf("key %d is at %d", i, o.Last(fmt.Append(nil, i)))
		}
	}
	if o.Last([]byte("other")) != -1 {
		t.Error("a key that was never there is there")
	}
	if few := NewOffsets(10, 1<<30); len(few.slots) != slotsMin {
		t.Errorf("a map for ten keys has %d slots", len(few.slots))
	}
}

// When a log is cleaned, and what of it.
func TestJudge(t *testing.T) {
	// Four segments of 100 offsets and 1000 bytes; a second lies between two of them.
	sealed := make([]Extent, 4)
	for i := range sealed {
		sealed[i] = Extent{Base: int64(i) * 100, End: int64(i+1) * 100, Size: 1000, First: int64(i) * 1000, Youngest: int64(i)*1000 + 999}
	}
	const never = 1 << 62
	half := Policy{MinDirtyRatio: 0.5, MaxLag: never}
	for _, test := range []struct {
		name         string
		clean, bound int64
		now          int64
		p            Policy
		want         Need
	}{
		{"all is dirty", 0, 500, 5000, half, Need{To: 400, Ratio: 1, Due: true}},
		{"the last stable offset lies within a segment", 0, 250, 5000, half, Need{To: 200, Ratio: 1, Due: true}},
		{"half is not enough", 200, 500, 5000, half, Need{From: 200, To: 400, Ratio: 0.5}},
		{"three quarters are", 100, 500, 5000, half, Need{From: 100, To: 400, Ratio: 0.75, Due: true}},
		{"a pass ended within a segment", 150, 500, 5000, half, Need{From: 150, To: 400, Ratio: 0.75, Due: true}},
		{"nothing is dirty", 400, 500, 5000, half, Need{From: 400, To: 400}},
		{"nothing is committed", 0, 0, 5000, half, Need{}},
		{"the youngest two are too young", 0, 500, 3998, Policy{MinDirtyRatio: 0.5, MinLag: 2000, MaxLag: never}, Need{To: 100, Ratio: 1, Due: true}},
		{"one is dirty for too long", 300, 500, 5000, Policy{MinDirtyRatio: 0.5, MaxLag: 1999}, Need{From: 300, To: 400, Ratio: 0.25, Overdue: 1, Due: true}},
		{"and not yet", 300, 500, 5000, Policy{MinDirtyRatio: 0.5, MaxLag: 2000}, Need{From: 300, To: 400, Ratio: 0.25}},
	} {
		if got := Judge(sealed, test.clean, test.bound, test.now, test.p); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
	if got := Judge(nil, 0, 100, 0, half); got != (Need{}) {
		t.Errorf("without a sealed segment: %+v", got)
	}
	a, b := Need{Ratio: 0.9}, Need{Ratio: 0.1, Overdue: 1}
	if a.Before(b) || !b.Before(a) || !a.Before(Need{Ratio: 0.8}) {
		t.Error("what is overdue comes first, then what is dirtier")
	}
}
