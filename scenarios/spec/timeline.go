package spec

import (
	"time"

	"github.com/logproof/logproof/chaos/timeline"
)

// Fault is one entry of the timeline: a fault, which has the fields of timeline.Fault; or a mix that faults
// are drawn from; or a sequence of entries.
type Fault struct {
	Fault  timeline.Kind   `yaml:"fault"`
	Target timeline.Target `yaml:"target"`
	// Peers is the other end of the links that a fault of links strikes; "" leaves it to the plan.
	Peers timeline.Target `yaml:"peers"`
	Params
	After Duration `yaml:"after"`
	Hold  Duration `yaml:"hold"`
	// Repeat is how often the entry is executed, one time after the other; 0 is once.
	Repeat int `yaml:"repeat"`
	// Overlap injects the fault while the one before it is in force, After that one was injected.
	Overlap bool `yaml:"overlap"`
	// Until holds back the fault, or the first one of the mix or the sequence; nil does not.
	Until *Until `yaml:"until"`
	// Mix and Sequence stand in the place of Fault.
	Mix      *Mix    `yaml:"mix"`
	Sequence []Fault `yaml:"sequence"`
}

// Times is how often the entry is executed.
func (f Fault) Times() int { return max(f.Repeat, 1) }

// Until is a condition: see timeline.Condition.
type Until struct {
	InSync    string          `yaml:"in-sync"`
	Floor     Duration        `yaml:"floor"`
	Elsewhere timeline.Target `yaml:"elsewhere"`
	Lag       int64           `yaml:"lag"`
	// Within is how long it may take to come true; 0 is limits.converge.
	Within Duration `yaml:"within"`
}

// Mix draws faults from the seed: at its beginning and then every so often, for so long, one of its faults by
// their weights, or none.
type Mix struct {
	For   Duration `yaml:"for"`
	Every Duration `yaml:"every"`
	// Calm is the part of the draws that draw none, from 0 to less than 1.
	Calm   float64 `yaml:"calm"`
	Faults []Drawn `yaml:"faults"`
}

// Drawn is one fault of a mix.
type Drawn struct {
	// Weight of the fault among the others, at least 1.
	Weight int             `yaml:"weight"`
	Fault  timeline.Kind   `yaml:"fault"`
	Target timeline.Target `yaml:"target"`
	Peers  timeline.Target `yaml:"peers"`
	Params
	Hold Duration `yaml:"hold"`
}

func (d *Drawn) setDefaults() { d.Weight = 1 }

// Guards limit what may be in force at once: see timeline.Guards.
type Guards struct {
	// MaxDown is how many nodes at most may be down at once; 0 is any number.
	MaxDown int `yaml:"max_down"`
	// KeepQuorum leaves a majority of the voters up.
	KeepQuorum bool `yaml:"keep_quorum"`
}

// Params of a fault, which stand beside its other keys: each kind takes its own (timeline.Kinds).
type Params struct {
	// Direction of a fault of links: both, in or out.
	Direction timeline.Direction `yaml:"direction"`
	Delay     Duration           `yaml:"delay"`
	Jitter    Duration           `yaml:"jitter"`
	Rate      ByteRate           `yaml:"rate"`
	// API whose responses are struck, those about Topic and Partition only if they are given.
	API       string `yaml:"api"`
	Topic     string `yaml:"topic"`
	Partition *int32 `yaml:"partition"`
	// Error that responses say.
	Error string `yaml:"error"`
	Count int    `yaml:"count"`
	// Space that a disk has left.
	Space Size `yaml:"space"`
	// Offset of a clock.
	Offset Duration `yaml:"offset"`
}

// Params in the timeline's words: a topic without a partition means all of them.
func (p Params) Params() timeline.Params {
	t := timeline.Params{
		Direction: p.Direction, Delay: time.Duration(p.Delay), Jitter: time.Duration(p.Jitter), Rate: int64(p.Rate), API: p.API,
		Topic: p.Topic, Error: p.Error, Count: p.Count, Space: int64(p.Space), Offset: time.Duration(p.Offset),
	}
	switch {
	case p.Partition != nil:
		t.Partition = *p.Partition
	case p.Topic != "":
		t.Partition = timeline.EveryPartition
	}
	return t
}
