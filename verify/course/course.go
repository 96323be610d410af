package course

import (
	"time"

	"github.com/logproof/logproof/verify/history"
)

const (
	// BucketsMax is the number of buckets beyond which two become one.
	BucketsMax = 600
	// WidthMin is the width of a bucket at first.
	WidthMin = 100 * time.Millisecond
)

// Course of a run.
type Course struct {
	// Width of every bucket; the first begins with the run.
	Width   time.Duration
	Buckets []Bucket
	// Readers is how many live readers there were, by their names: Read counts the records of all of them
	// together.
	Readers int
	// Groups of consumers, by their names.
	Groups []Group
	// Produce is the latency of all produces together.
	Produce *Distribution
	// End is the last return of a client's operation.
	End history.Time
}

// Bucket is what happened in one span of time. Barriers and the final scan are not in it.
type Bucket struct {
	// Records of produce operations that returned in it, by outcome.
	Acked, Failed, Unknown int64
	// Read by live readers, all together; members of groups are not among them.
	Read int64
	// Produce is the latency, from call to acknowledgement, of the records whose produce was invoked in it
	// and acknowledged at any time; nil of none.
	Produce *Distribution
}

// Meter makes a Course of a history. The zero value is ready. Not for concurrent use.
type Meter struct {
	course  Course
	readers map[string]bool
	groups  groups
}

// Observe takes an operation, in any order. It keeps nothing of it.
func (m *Meter) Observe(op *history.Operation) {
	if op.Kind == history.Fault {
		return
	}
	m.course.End = max(m.course.End, op.Return)
	switch op.Kind {
	case history.Produce:
		m.produce(op)
	case history.Commit, history.Resume, history.Own:
		m.groups.observe(op)
	case history.Fetch:
		if n := records(op); n > 0 && !op.Surveys() && !m.groups.processed(op) {
			if m.readers == nil {
				m.readers = map[string]bool{}
			}
			m.readers[op.Process] = true
			m.bucket(op.Return).Read += n
		}
	}
}

func (m *Meter) produce(op *history.Operation) {
	n := records(op)
	switch b := m.bucket(op.Return); op.Outcome {
	case history.Fail:
		b.Failed += n
	case history.Unknown:
		b.Unknown += n
	case history.OK:
		b.Acked += n
		invoked := m.bucket(op.Invoke)
		if invoked.Produce == nil {
			invoked.Produce = &Distribution{}
		}
		if m.course.Produce == nil {
			m.course.Produce = &Distribution{}
		}
		took := time.Duration(op.Return - op.Invoke)
		invoked.Produce.Add(took, n)
		m.course.Produce.Add(took, n)
	}
}

// bucket at a time. It is valid until the next call.
func (m *Meter) bucket(at history.Time) *Bucket {
	c := &m.course
	if c.Width == 0 {
		c.Width = WidthMin
	}
	i := int64(max(at, 0)) / int64(c.Width)
	for i >= BucketsMax {
		c.coarsen()
		i = int64(max(at, 0)) / int64(c.Width)
	}
	for int64(len(c.Buckets)) <= i {
		c.Buckets = append(c.Buckets, Bucket{})
	}
	return &c.Buckets[i]
}

// coarsen makes one bucket of every two.
func (c *Course) coarsen() {
	for i := range (len(c.Buckets) + 1) / 2 {
		sum := c.Buckets[2*i]
		if 2*i+1 < len(c.Buckets) {
			sum.add(c.Buckets[2*i+1])
		}
		c.Buckets[i] = sum
	}
	c.Buckets = c.Buckets[:(len(c.Buckets)+1)/2]
	c.Width *= 2
}

func (b *Bucket) add(other Bucket) {
	b.Acked += other.Acked
	b.Failed += other.Failed
	b.Unknown += other.Unknown
	b.Read += other.Read
	if b.Produce == nil {
		b.Produce = other.Produce
	} else if other.Produce != nil {
		b.Produce.Merge(other.Produce)
	}
}

// Course up to now. The Meter must not be used any more.
func (m *Meter) Course() Course {
	m.course.Readers, m.course.Groups = len(m.readers), m.groups.all()
	return m.course
}

func records(op *history.Operation) (n int64) {
	for i := range op.Runs {
		if op.Runs[i].Producer != history.BarrierProducer {
			n += int64(op.Runs[i].Count)
		}
	}
	return n
}
