package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Params say how a fault does what it does. Which kind takes which stands in the table of kinds;
// the zero value of each field is "not given".
type Params struct {
	// Direction in which links are struck, seen from the target.
	Direction Direction
	// Delay that is added, and at most how much more or less of it, drawn for each packet or call.
	Delay, Jitter time.Duration
	// Rate in bytes a second.
	Rate int64
	// API is the name of the request whose responses are struck, as Kafka writes it: "Produce".
	API string
	// Topic of those requests or records; "" is every topic.
	Topic string
	// Partition of Topic, EveryPartition for all of them. Without a topic it counts for nothing.
	Partition int32
	// Error is the name of an error of the protocol, as Kafka writes it: "NOT_LEADER_OR_FOLLOWER".
	Error string
	// Count of responses, records or connections; 0 is no limit where the kind has one at all.
	Count int
	// Space in bytes that is left.
	Space int64
	// Offset of a clock; negative is behind.
	Offset time.Duration
}

// EveryPartition of a topic.
const EveryPartition int32 = -1

// Direction of a fault of links, seen from its target.
type Direction string

const (
	// Both directions.
	Both Direction = "both"
	// In is what the target would receive, Out what it sends.
	In  Direction = "in"
	Out Direction = "out"
)

// Param is the name of a parameter, as YAML, JSON and errors write it.
type Param string

// The parameters.
const (
	DirectionParam Param = "direction"
	DelayParam     Param = "delay"
	JitterParam    Param = "jitter"
	RateParam      Param = "rate"
	APIParam       Param = "api"
	TopicParam     Param = "topic"
	PartitionParam Param = "partition"
	ErrorParam     Param = "error"
	CountParam     Param = "count"
	SpaceParam     Param = "space"
	OffsetParam    Param = "offset"
)

// ParamInfo is what a kind of fault says of one of its parameters.
type ParamInfo struct {
	Name Param
	// Required parameters have no default.
	Required bool
	// Default as text, in the form that YAML takes; "" where it is required, or where not given means
	// something of its own, which Help says.
	Default string
	// Help says in a few words what it is, with its unit.
	Help string
}

// ParamNames lists every parameter that some kind takes, in the order in which they are printed.
func ParamNames() []Param {
	names := make([]Param, len(paramFields))
	for i, f := range paramFields {
		names[i] = f.name
	}
	return names
}

// paramFields reads and writes each parameter as text; "" is one that was not given.
var paramFields = []struct {
	name Param
	get  func(p Params) string
	set  func(p *Params, text string) error
}{
	{DirectionParam, func(p Params) string { return string(p.Direction) }, func(p *Params, text string) error {
		p.Direction = Direction(text)
		return nil
	}},
	durationField(DelayParam, func(p *Params) *time.Duration { return &p.Delay }),
	durationField(JitterParam, func(p *Params) *time.Duration { return &p.Jitter }),
	numberField(RateParam, func(p *Params) *int64 { return &p.Rate }),
	textField(APIParam, func(p *Params) *string { return &p.API }),
	textField(TopicParam, func(p *Params) *string { return &p.Topic }),
	{PartitionParam, func(p Params) string {
		if p.Topic == "" && p.Partition <= 0 {
			return ""
		}
		return strconv.Itoa(int(p.Partition))
	}, func(p *Params, text string) error {
		n, err := strconv.ParseInt(text, 10, 32)
		p.Partition = int32(n)
		return err
	}},
	textField(ErrorParam, func(p *Params) *string { return &p.Error }),
	{CountParam, func(p Params) string { return number(int64(p.Count)) }, func(p *Params, text string) (err error) {
		p.Count, err = strconv.Atoi(text)
		return err
	}},
	numberField(SpaceParam, func(p *Params) *int64 { return &p.Space }),
	durationField(OffsetParam, func(p *Params) *time.Duration { return &p.Offset }),
}

type paramField = struct {
	name Param
	get  func(p Params) string
	set  func(p *Params, text string) error
}

func durationField(name Param, at func(*Params) *time.Duration) paramField {
	return paramField{name, func(p Params) string {
		if d := *at(&p); d != 0 {
			return d.String()
		}
		return ""
	}, func(p *Params, text string) (err error) {
		*at(p), err = time.ParseDuration(text)
		return err
	}}
}

func numberField(name Param, at func(*Params) *int64) paramField {
	return paramField{name, func(p Params) string { return number(*at(&p)) }, func(p *Params, text string) (err error) {
		*at(p), err = strconv.ParseInt(text, 10, 64)
		return err
	}}
}

func textField(name Param, at func(*Params) *string) paramField {
	return paramField{name, func(p Params) string { return *at(&p) }, func(p *Params, text string) error {
		*at(p) = text
		return nil
	}}
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// Text is the value of a parameter, as JSON has it; "" when it was not given.
func (p Params) Text(name Param) string {
	for _, f := range paramFields {
		if f.name == name {
			return f.get(p)
		}
	}
	return ""
}

// Takes reports whether the kind has a parameter.
func (i Info) Takes(name Param) bool {
	return slices.ContainsFunc(i.Params, func(p ParamInfo) bool { return p.Name == name })
}

// WithDefaults is the fault with everything filled in that its kind has a default for. What the kind
// does not take stays as it is: Validate reports it.
func (f Fault) WithDefaults() Fault {
	info, ok := Lookup(f.Kind)
	if !ok {
		return f
	}
	if info.Peers {
		f.Peers = cmp.Or(f.Peers, Target(Everyone))
	}
	for _, p := range info.Params {
		for _, field := range paramFields {
			if field.name == p.Name && p.Default != "" && field.get(f.Params) == "" {
				if err := field.set(&f.Params, p.Default); err != nil {
					panic(fmt.Sprintf("timeline: default of %s of %s: %v", p.Name, f.Kind, err)) // the table is wrong
				}
			}
		}
	}
	return f
}
