package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
)

// answerWithin is how long an engine may take to say that it is there.
const answerWithin = 5 * time.Second

// engine is a Docker engine that answered.
type engine struct {
	client *testcontainers.DockerClient
	// host is where it is reached: unix:///var/run/docker.sock.
	host string
	// version of it, and rootless that it runs in a user namespace.
	version  string
	rootless bool
}

// prepare makes testcontainers quiet and keeps it from pulling its reaper, once.
var prepare = sync.OnceFunc(func() {
	os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
	tclog.SetDefault(tclog.NewNoopLogger())
})

// connect finds the engine: that of DOCKER_HOST if it is set, and nothing else then, or where testcontainers
// finds one.
func connect(ctx context.Context) (*engine, error) {
	prepare()
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	wanted := os.Getenv(client.EnvOverrideHost)
	if wanted != "" {
		// testcontainers would go on to look elsewhere, and nodes would be where nobody asked for them.
		if err := ping(ctx, wanted); err != nil {
			return nil, unreachable(client.EnvOverrideHost+"="+wanted, err)
		}
	}
	c, info, err := dial(ctx)
	if err != nil {
		where := wanted
		if where == "" {
			where = client.DefaultDockerHost
		}
		return nil, unreachable(where, err)
	}
	if info.OSType != "linux" {
		return nil, fmt.Errorf("the Docker engine at %s runs containers of %s: the nodes need one that runs Linux", c.DaemonHost(), info.OSType)
	}
	e := &engine{client: c, host: c.DaemonHost(), version: info.ServerVersion}
	for _, option := range info.SecurityOptions {
		e.rootless = e.rootless || strings.Contains(option, "name=rootless")
	}
	return e, nil
}

// about is what is needed of what an engine says of itself.
type about struct {
	OSType, ServerVersion string
	SecurityOptions       []string
}

// dial lets testcontainers find the engine. It panics where it finds none at some places.
func dial(ctx context.Context) (c *testcontainers.DockerClient, info about, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("look for an engine: %v", p)
		}
	}()
	if c, err = testcontainers.NewDockerClientWithOpts(ctx); err != nil {
		return nil, info, err
	}
	said, err := c.Client.Info(ctx, client.InfoOptions{})
	return c, about{said.Info.OSType, said.Info.ServerVersion, said.Info.SecurityOptions}, err
}

// ping asks an engine whether it is there.
func ping(ctx context.Context, host string) error {
	c, err := client.New(client.FromEnv, client.WithHost(host))
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	return err
}

// ErrNoEngine is wrapped by the error of an engine that is not there, or not for this user.
var ErrNoEngine = errors.New("no Docker engine can be used")

// unreachable says why there is no engine, and what to do.
func unreachable(where string, err error) error {
	if errors.Is(err, fs.ErrPermission) || strings.Contains(err.Error(), "permission denied") {
		return fmt.Errorf("%w: user %d may not use that at %s: run as root, or as a member of the group that owns its socket: %w", ErrNoEngine, os.Getuid(), where, err)
	}
	return fmt.Errorf("%w: none answers at %s: start one (Debian: apt-get install docker.io, then dockerd), set %s, or use another placement: %w",
		ErrNoEngine, where, client.EnvOverrideHost, err)
}

// close lets go of the connections.
func (e *engine) close() error { return e.client.Close() }
