package container

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/logproof/logproof/chaos/cluster/process"
	"github.com/logproof/logproof/chaos/ledger"
	"github.com/logproof/logproof/chaos/procfs"
)

// starter starts nodes in containers.
type starter struct {
	engine *engine
	label  string
	image  string
	lan    lan
	env    []string
	ledger *ledger.Ledger

	closing sync.Once
	closed  error

	mu      sync.Mutex
	current map[int32]*running
}

// labels of a label "key=value".
func labels(label string) map[string]string {
	key, value, _ := strings.Cut(label, "=")
	return map[string]string{key: value}
}

// noted is what the ledger has of the run.
func (s *starter) noted() ledger.Outside {
	return ledger.Outside{Kind: kind, Where: s.engine.host, Label: s.label}
}

// inside is what a node is told: the endpoint as it is in its container, where it listens everywhere.
func inside(e process.Endpoint) process.Endpoint {
	if filepath.Dir(e.Control) == e.Dir {
		e.Control = nodeInside + "/" + filepath.Base(e.Control)
	} else if e.Control != "" {
		e.Control = socketsInside + "/" + filepath.Base(e.Control)
	}
	if rest, ok := strings.CutPrefix(e.Data, e.Dir); ok {
		e.Data = nodeInside + filepath.ToSlash(rest)
	}
	e.Dir = nodeInside
	for _, address := range []*string{&e.Direct, &e.DirectPeers, &e.Metrics} {
		if _, port, err := net.SplitHostPort(*address); err == nil {
			*address = net.JoinHostPort("0.0.0.0", port)
		}
	}
	return e
}

// Start creates a container for a node, attaches its log, and starts it.
func (s *starter) Start(ctx context.Context, self process.Endpoint, args []string, log *os.File) (process.Running, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askWithin) // half a container is worse than one too many
	defer cancel()
	out, err := os.OpenFile(log.Name(), os.O_APPEND|os.O_WRONLY, 0o644) // log is closed when Start returns
	if err != nil {
		return nil, err
	}
	c, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{ContainerRequest: s.request(self, args)})
	if err != nil {
		out.Close()
		return nil, fmt.Errorf("the engine at %s made no container: %w", s.engine.host, err)
	}
	r := &running{engine: s.engine, id: c.GetContainerID(), dir: self.Dir}
	attached, err := s.engine.client.ContainerAttach(ctx, r.id, client.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		out.Close()
		r.last("")
		return nil, fmt.Errorf("follow the log of container %.12s: %w", r.id, err)
	}
	r.logged = follow(attached.HijackedResponse, out)
	if err := c.Start(ctx); err != nil {
		attached.Close()
		r.last("")
		return nil, fmt.Errorf("the engine at %s did not start container %.12s: %w%s", s.engine.host, r.id, err, advice(err))
	}
	if err := s.identify(ctx, r); err != nil {
		attached.Close()
		r.last("")
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current[self.Node] = r
	return r, nil
}

// advice is what to do about an engine that could not start a container.
func advice(err error) string {
	switch text := err.Error(); {
	case strings.Contains(text, "address already in use"), strings.Contains(text, "port is already allocated"):
		return "; end what uses the port, or choose other ports"
	case strings.Contains(text, "no space left"):
		return "; make room on the engine's disk (docker system df)"
	case strings.Contains(text, "exec format error"):
		return "; the program is for another processor than the engine's"
	}
	return ""
}

// identify notes which process of this machine the container is.
func (s *starter) identify(ctx context.Context, r *running) error {
	now, err := s.engine.client.ContainerInspect(ctx, r.id, client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("look at container %.12s: %w", r.id, err)
	}
	if now.Container.State == nil || !now.Container.State.Running {
		return nil // it ended at once: its log says why
	}
	id, _, err := procfs.Identify(now.Container.State.Pid)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	r.process = id
	if err == nil {
		return nil
	}
	// It may have ended, which an engine hears later than /proc.
	waiting, cancel := context.WithTimeout(ctx, endedWithin)
	defer cancel()
	wait := s.engine.client.ContainerWait(waiting, r.id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case <-wait.Result:
		return nil
	case err := <-wait.Error:
		return fmt.Errorf("container %.12s runs as pid %d, and this machine has none: the engine at %s is elsewhere, and proofs read /proc: use one of this machine (%w)",
			r.id, now.Container.State.Pid, s.engine.host, err)
	}
}

// request describes the container of a node.
func (s *starter) request(self process.Endpoint, args []string) testcontainers.ContainerRequest {
	env := map[string]string{}
	for _, e := range s.env {
		name, value, _ := strings.Cut(e, "=")
		env[name] = value
	}
	ports, published := publish(self)
	_, run, _ := strings.Cut(s.label, "=")
	return testcontainers.ContainerRequest{
		Image: s.image, Cmd: args, Env: env, Labels: labels(s.label), ExposedPorts: ports, Networks: []string{s.lan.name},
		Name: fmt.Sprintf("logproof-%s-node-%d", run, self.Node),
		ConfigModifier: func(c *container.Config) {
			if !s.engine.rootless {
				// What it writes into the run directory is as much this user's as what a process writes.
				c.User = fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid())
			}
		},
		HostConfigModifier: func(h *container.HostConfig) {
			h.Binds = []string{self.Dir + ":" + nodeInside}
			if dir := filepath.Dir(self.Control); self.Control != "" && dir != self.Dir {
				h.Binds = append(h.Binds, dir+":"+socketsInside)
			}
			h.PortBindings = published
		},
		EndpointSettingsModifier: func(all map[string]*network.EndpointSettings) {
			all[s.lan.name] = s.lan.endpoint(self.Node)
		},
	}
}

// publish lists the ports of a node, each published under its own number where the endpoint says.
func publish(self process.Endpoint) (ports []string, published network.PortMap) {
	published = network.PortMap{}
	for _, address := range []string{self.Direct, self.DirectPeers, self.Metrics} {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			continue // it has no such listener
		}
		port, _ := network.PortFrom(at.Port(), network.TCP)
		published[port] = []network.PortBinding{{HostIP: at.Addr(), HostPort: strconv.Itoa(int(at.Port()))}}
		ports = append(ports, port.String())
	}
	slices.Sort(ports)
	return ports, published
}

// container of a node that was started last.
func (s *starter) container(node int32) (*running, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.current[node]; r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("node %d has no container", node)
}

// Close removes everything that has the label of the run. Later calls return the first one's result.
func (s *starter) Close() error {
	s.closing.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), removeWithin)
		defer cancel()
		_, err := s.engine.remove(ctx, s.label)
		if err == nil {
			err = s.ledger.Removed(s.noted()) // else the next harness tries again
		}
		s.closed = errors.Join(err, s.engine.close())
	})
	return s.closed
}
