package timeline

import (
	"encoding/json"
	"fmt"
	"time"
)

// faultJSON is a Fault with durations as text, so that a plan reads like its scenario.
type faultJSON struct {
	Kind    Kind           `json:"kind"`
	Target  Target         `json:"target"`
	Peers   Target         `json:"peers,omitempty"`
	Params  *paramsJSON    `json:"params,omitempty"`
	After   string         `json:"after"`
	Hold    string         `json:"hold"`
	Overlap bool           `json:"overlap,omitempty"`
	Until   *conditionJSON `json:"until,omitempty"`
	Drawn   int            `json:"drawn,omitempty"`
}

// paramsJSON is Params: durations as text, rate and space in bytes.
type paramsJSON struct {
	Direction Direction `json:"direction,omitempty"`
	Delay     string    `json:"delay,omitempty"`
	Jitter    string    `json:"jitter,omitempty"`
	Rate      int64     `json:"rate,omitempty"`
	API       string    `json:"api,omitempty"`
	Topic     string    `json:"topic,omitempty"`
	Partition *int32    `json:"partition,omitempty"`
	Error     string    `json:"error,omitempty"`
	Count     int       `json:"count,omitempty"`
	Space     int64     `json:"space,omitempty"`
	Offset    string    `json:"offset,omitempty"`
}

// MarshalJSON writes {"kind","target","after","hold"}, durations as Go writes them ("1.5s"), and what else
// there is: "peers", "params", "overlap", "until" and "drawn".
func (f Fault) MarshalJSON() ([]byte, error) {
	j := faultJSON{Kind: f.Kind, Target: f.Target, Peers: f.Peers, After: f.After.String(), Hold: f.Hold.String(), Overlap: f.Overlap, Until: f.Until.json(), Drawn: f.Drawn}
	if p := f.Params; p != (Params{}) {
		j.Params = &paramsJSON{
			Direction: p.Direction, Delay: p.Text(DelayParam), Jitter: p.Text(JitterParam), Rate: p.Rate, API: p.API,
			Topic: p.Topic, Error: p.Error, Count: p.Count, Space: p.Space, Offset: p.Text(OffsetParam),
		}
		if p.Text(PartitionParam) != "" {
			j.Params.Partition = &p.Partition
		}
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (f *Fault) UnmarshalJSON(data []byte) error {
	var j faultJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	*f = Fault{Kind: j.Kind, Target: j.Target, Peers: j.Peers, Overlap: j.Overlap, Drawn: j.Drawn}
	var params paramsJSON
	if j.Params != nil {
		params = *j.Params
	}
	f.Params = Params{
		Direction: params.Direction, Rate: params.Rate, API: params.API, Topic: params.Topic, Error: params.Error,
		Count: params.Count, Space: params.Space,
	}
	if params.Partition != nil {
		f.Params.Partition = *params.Partition
	}
	var until conditionJSON
	if j.Until != nil {
		until = *j.Until
	}
	f.Until = Condition{InSync: until.InSync, Elsewhere: until.Elsewhere, Lag: until.Lag}
	for _, d := range []struct {
		name, text string
		into       *time.Duration
		required   bool
	}{
		{"after", j.After, &f.After, true}, {"hold", j.Hold, &f.Hold, true}, {"delay", params.Delay, &f.Params.Delay, false},
		{"jitter", params.Jitter, &f.Params.Jitter, false}, {"offset", params.Offset, &f.Params.Offset, false},
		{"floor", until.Floor, &f.Until.Floor, false}, {"within", until.Within, &f.Until.Within, j.Until != nil},
	} {
		if d.text == "" && !d.required {
			continue
		}
		parsed, err := time.ParseDuration(d.text)
		if err != nil {
			return fmt.Errorf("%s of fault %s: %w", d.name, j.Kind, err)
		}
		*d.into = parsed
	}
	return nil
}
