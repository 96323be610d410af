package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/logproof/logproof/verify/history"
)

// The nodes stamp their events with the wall clock of the machine, and the history has a clock of its
// own that nobody sets. The run directory keeps where both stood at the beginning and at the end.

// clockFile holds the readings, as a JSON list.
const clockFile = "clock.json"

// clockDriftMax is how far both may have drifted apart in a run for the nodes' events to be placed in the
// history: a clock that is slewed drifts less, one that was set drifts more.
const clockDriftMax = 20 * time.Millisecond

// reading is where both clocks stood at one moment.
type reading struct {
	Wall time.Time    `json:"wall"`
	Run  history.Time `json:"run_ns"`
}

// writeClock keeps readings.
func writeClock(dir string, readings ...reading) error {
	data, err := json.Marshal(readings)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, clockFile), append(data, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write the clock: %w", err)
	}
	return nil
}

// read both clocks now.
func (c *conductor) read() reading {
	now := time.Now()
	return reading{now, history.Time(now.Sub(c.began))} // the difference is of the monotonic clock
}

// clock turns wall time into time of the history.
type clock struct{ at reading }

// readClock reads what writeClock wrote. The error says why events cannot be placed in the history.
func readClock(dir string) (clock, error) {
	data, err := os.ReadFile(filepath.Join(dir, clockFile))
	if err != nil {
		return clock{}, errors.New("the run did not note its clock")
	}
	var readings []reading
	if err := json.Unmarshal(data, &readings); err != nil {
		return clock{}, fmt.Errorf("%s is damaged", clockFile)
	}
	if len(readings) != 2 {
		return clock{}, errors.New("the run ended before it compared its clock with that of its nodes")
	}
	first, last := readings[0], readings[1]
	drift := last.Wall.Sub(first.Wall) - time.Duration(last.Run-first.Run)
	if drift.Abs() > clockDriftMax {
		return clock{}, fmt.Errorf("the machine's clock was set by %v during the run", drift.Round(time.Millisecond))
	}
	return clock{first}, nil
}

// time of the history at a wall time.
func (c clock) time(wall time.Time) history.Time {
	return c.at.Run + history.Time(wall.Sub(c.at.Wall))
}
