package fault

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/logproof/logproof/chaos/cluster"
)

// clock sets a node's clock off.
//
//	effect: the Date in the node's answers to who scrapes its metrics is off by the offset
//	heal:   it is that of the machine
type clock struct {
	setter  cluster.ClockSetter
	metered cluster.Metered
	node    int32
	offset  time.Duration
	set     bool
}

// leastOffset can be told from none: a Date has whole seconds.
const leastOffset = 2 * time.Second

// Inject sets the offset.
func (c *clock) Inject(ctx context.Context) (string, error) {
	if c.offset.Abs() < leastOffset {
		return "", fmt.Errorf("an offset of %v could not be seen: write %v or more, to either side", c.offset, leastOffset)
	}
	if err := c.shows(ctx, 0); err != nil {
		return "", fmt.Errorf("the clock is not right before: %w", err)
	}
	c.set = true
	if err := c.setter.SetClock(ctx, c.node, c.offset); err != nil {
		return "", err
	}
	return fmt.Sprintf("the clock was set %v ahead", c.offset), nil
}

// Prove waits until the clock shows it.
func (c *clock) Prove(ctx context.Context) (string, error) {
	if err := until(ctx, func() error { return c.shows(ctx, c.offset) }); err != nil {
		return "", err
	}
	return fmt.Sprintf("the node's Date is %v ahead of the machine's time", c.offset), nil
}

// Heal sets the clock right.
func (c *clock) Heal(ctx context.Context) (string, error) {
	if !c.set {
		return "no clock was set: nothing to set right", nil
	}
	if err := c.setter.SetClock(ctx, c.node, 0); err != nil {
		return "", err
	}
	return "the clock was set right", nil
}

// ProveHealed waits until the clock is right.
func (c *clock) ProveHealed(ctx context.Context) (string, error) {
	if err := until(ctx, func() error { return c.shows(ctx, 0) }); err != nil {
		return "", err
	}
	return "the node's Date is the machine's time", nil
}

// shows is nil when the node's clock is ahead by an offset, as far as whole seconds tell.
func (c *clock) shows(ctx context.Context, offset time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, "http://"+c.metered.Metrics(c.node)+"/metrics", nil)
	if err != nil {
		return err
	}
	// A connection of its own, and none that stays.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	before := time.Now()
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	after := time.Now()
	date, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return fmt.Errorf("the Date of node %d: %w", c.node, err)
	}
	// What was shown in the whole second that begins at date was asked for between before and after.
	if date.Add(time.Second).Before(before.Add(offset)) || date.After(after.Add(offset)) {
		return fmt.Errorf("the node's Date is %v when the machine's time is %v", date.UTC(), after.UTC().Truncate(time.Millisecond))
	}
	return nil
}
