package timeline

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Condition holds a fault back: all of what it names must be so at once, looked at again and again. The
// zero value holds nothing back.
type Condition struct {
	// InSync is a topic of which every replica must be in the ISR; "" for none.
	InSync string
	// Floor is how long the load must have held its floor without a break, from when it is first asked.
	Floor time.Duration
	// Elsewhere is leader(orders,0) or controller: who has the role must be a node that no fault in force strikes.
	Elsewhere Target
	// Lag is by how many acknowledged records the readers may be behind, together; 0 does not ask.
	Lag int64
	// Within is how long it may take to come true; then the fault fails.
	Within time.Duration
}

// Holds reports whether the condition asks for anything.
func (c Condition) Holds() bool {
	c.Within = 0
	return c != Condition{}
}

// String is the condition for people: "orders in sync, the floor held for 2s, within 20s".
func (c Condition) String() string {
	var all []string
	if c.InSync != "" {
		all = append(all, c.InSync+" in sync")
	}
	if c.Floor > 0 {
		all = append(all, fmt.Sprintf("the floor held for %v", c.Floor))
	}
	if c.Elsewhere != "" {
		all = append(all, fmt.Sprintf("%s elsewhere", c.Elsewhere))
	}
	if c.Lag > 0 {
		all = append(all, fmt.Sprintf("readers at most %d records behind", c.Lag))
	}
	return strings.Join(append(all, fmt.Sprintf("within %v", c.Within)), ", ")
}

// check is the error of a condition that cannot come true.
func (c Condition) check() error {
	switch {
	case c == Condition{}:
		return nil
	case !c.Holds():
		return errors.New("until waits for nothing: name in-sync, floor, elsewhere or lag")
	case c.Floor < 0:
		return fmt.Errorf("floor is %v: it is how long the load has held it, above 0", c.Floor)
	case c.Lag < 0:
		return fmt.Errorf("lag is %d: it is a number of records, above 0", c.Lag)
	case c.Within <= 0:
		return fmt.Errorf("within is %v: a condition may take its time, above 0", c.Within)
	}
	if c.Elsewhere == "" {
		return nil
	}
	s, err := c.Elsewhere.Selector()
	if err != nil {
		return fmt.Errorf("elsewhere: %w", err)
	}
	if s.Role != Leader && s.Role != Controller {
		return fmt.Errorf("elsewhere is %s: write leader(orders,0) or controller, who are one node at a time", c.Elsewhere)
	}
	return nil
}

// conditionJSON is a Condition with durations as text and the names that YAML has.
type conditionJSON struct {
	InSync    string `json:"in-sync,omitempty"`
	Floor     string `json:"floor,omitempty"`
	Elsewhere Target `json:"elsewhere,omitempty"`
	Lag       int64  `json:"lag,omitempty"`
	Within    string `json:"within"`
}

func (c Condition) json() *conditionJSON {
	if (c == Condition{}) {
		return nil
	}
	j := &conditionJSON{InSync: c.InSync, Elsewhere: c.Elsewhere, Lag: c.Lag, Within: c.Within.String()}
	if c.Floor != 0 {
		j.Floor = c.Floor.String()
	}
	return j
}
