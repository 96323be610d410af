package container

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/logproof/logproof/chaos/ledger"
)

// labelKey is the label of everything that a run makes in an engine; its value is the id of the run.
const labelKey = "org.logproof.run"

// kind of the entries of the ledger.
const kind = "docker"

// removeWithin bounds the removal of all that a run made: an engine kills a container within a second.
const removeWithin = 60 * time.Second

// Healer removes what a killed harness left in an engine.
func Healer() ledger.Healer { return ledger.Healer{Kind: kind, Heal: heal} }

func heal(o ledger.Outside) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), removeWithin)
	defer cancel()
	e, err := connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ledger.ErrAway, err)
	}
	defer e.close()
	if e.host != o.Where {
		return nil, fmt.Errorf("%w: it is at %s and the engine here is %s: set %s to it for one run", ledger.ErrAway, o.Where, e.host, client.EnvOverrideHost)
	}
	return e.remove(ctx, o.Label)
}

// remove deletes all containers, networks and images that have a label, in this order, and returns what they
// were. It goes on where one cannot be deleted; one that somebody else deleted meanwhile is none.
func (e *engine) remove(ctx context.Context, label string) (removed []string, err error) {
	filter := make(client.Filters).Add("label", label)
	containers, err := e.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("list the containers of %s: %w", label, err)
	}
	var all tasks
	for _, c := range containers.Items {
		all.run("container "+strings.TrimPrefix(first(c.Names, c.ID), "/"), func() error {
			_, err := e.client.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
			return err
		})
	}
	all.wait()
	networks, err := e.client.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	all.fail(err)
	for _, n := range networks.Items {
		all.run("network "+n.Name, func() error {
			_, err := e.client.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
			return err
		})
	}
	// First those with a name, and the steps of their build with them; then what a build that was cut short left.
	for _, every := range []bool{false, true} {
		images, err := e.client.ImageList(ctx, client.ImageListOptions{All: every, Filters: filter})
		all.fail(err)
		for _, i := range images.Items {
			all.run("image "+first(i.RepoTags, i.ID), func() error {
				_, err := e.client.ImageRemove(ctx, i.ID, client.ImageRemoveOptions{Force: true, PruneChildren: true})
				if every && errdefs.IsConflict(err) {
					return nil // another is made of it, and takes it with it
				}
				return err
			})
		}
		all.wait()
	}
	return all.done, errors.Join(all.errs...)
}

func first(names []string, or string) string {
	if len(names) > 0 {
		return names[0]
	}
	return or
}

// tasks are removals side by side.
type tasks struct {
	running sync.WaitGroup
	mu      sync.Mutex
	done    []string
	errs    []error
}

func (t *tasks) run(what string, do func() error) {
	t.running.Go(func() {
		err := do()
		t.mu.Lock()
		defer t.mu.Unlock()
		switch {
		case err == nil:
			t.done = append(t.done, what)
		case errdefs.IsNotFound(err), strings.Contains(err.Error(), "already in progress"):
		default:
			t.errs = append(t.errs, fmt.Errorf("remove %s: %w", what, err))
		}
	})
}

func (t *tasks) fail(err error) {
	if err != nil {
		t.errs = append(t.errs, err)
	}
}

func (t *tasks) wait() { t.running.Wait() }
