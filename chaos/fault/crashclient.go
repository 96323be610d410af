package fault

import (
	"context"
	"fmt"

	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/timeline"
)

// crashClient ends clients of the load where they stand, and starts them again.
//
//	effect: the links have no open connection of the client, whose names were there before
//	heal:   they have one again
type crashClient struct {
	crasher cluster.ClientCrasher
	linker  cluster.Linker
	client  int32
	crashed bool
}

// Inject ends it.
func (c *crashClient) Inject(ctx context.Context) (string, error) {
	err := until(ctx, func() error { return c.connected(ctx, true) })
	if err != nil {
		return "", fmt.Errorf("there is nothing to crash: %w", err)
	}
	c.crashed = true
	if err := c.crasher.CrashClient(ctx, c.client); err != nil {
		return "", err
	}
	return c.name() + " was ended, what it had in flight is left to itself", nil
}

func (c *crashClient) name() string { return timeline.End{Client: true, ID: c.client}.String() }

// connected is nil when the links have connections of every client that is meant, or of none of them.
func (c *crashClient) connected(ctx context.Context, wanted bool) error {
	open, err := c.linker.Links(ctx)
	if err != nil {
		return err
	}
	has := map[int32]int{}
	for _, conn := range open {
		if from := conn.Link.From; from.Group == cluster.GroupClients && from.ID != cluster.AllOf {
			has[from.ID]++
		}
	}
	meant := []int32{c.client}
	if c.client == timeline.EveryClient {
		meant = meant[:0]
		for i := range c.crasher.Clients() {
			meant = append(meant, int32(i))
		}
	}
	for _, id := range meant {
		if has[id] > 0 != wanted {
			return fmt.Errorf("client %d has %d open connections", id, has[id])
		}
	}
	return nil
}

// Prove waits until its connections are gone.
func (c *crashClient) Prove(ctx context.Context) (string, error) {
	if err := until(ctx, func() error { return c.connected(ctx, false) }); err != nil {
		return "", err
	}
	return c.name() + ": no connection is open", nil
}

// Heal starts it again.
func (c *crashClient) Heal(ctx context.Context) (string, error) {
	if !c.crashed {
		return "no client was ended: nothing to start", nil
	}
	if err := c.crasher.RestartClient(ctx, c.client); err != nil {
		return "", err
	}
	return c.name() + " was started again", nil
}

// ProveHealed waits until it is connected.
func (c *crashClient) ProveHealed(ctx context.Context) (string, error) {
	if err := until(ctx, func() error { return c.connected(ctx, true) }); err != nil {
		return "", err
	}
	return c.name() + ": connections are open", nil
}
