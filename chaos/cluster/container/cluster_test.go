package container

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/logproof/logproof/chaos/canary"
	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/cluster/process"
	"github.com/logproof/logproof/chaos/ledger"
)

func TestInside(t *testing.T) {
	e := process.Endpoint{
		Node: 1, Broker: true, Listen: "127.0.0.1:20003", Peers: "172.18.0.1:20004", Metrics: "127.0.0.1:20001",
		Direct: "127.0.0.1:20000", DirectPeers: "127.0.0.1:20002", Dir: "/runs/x/nodes/1", Data: "/runs/x/nodes/1/data", Control: "/runs/x/nodes/1/control.sock",
	}
	got := inside(e)
	want := process.Endpoint{
		Node: 1, Broker: true, Listen: e.Listen, Peers: e.Peers, Metrics: "0.0.0.0:20001",
		Direct: "0.0.0.0:20000", DirectPeers: "0.0.0.0:20002", Dir: "/node", Data: "/node/data", Control: "/node/control.sock",
	}
	if got != want {
		t.Errorf("inside it is %+v, want %+v", got, want)
	}
	e.Control, e.Direct = "/tmp/lp-1/1.sock", ""
	if got := inside(e); got.Control != "/control/1.sock" || got.Direct != "" {
		t.Errorf("a socket elsewhere is %s, a listener that is none %q", got.Control, got.Direct)
	}
	ports, published := publish(e)
	if strings.Join(ports, " ") != "20001/tcp 20002/tcp" || len(published) != 2 {
		t.Errorf("published are %v, %v", ports, published)
	}
	for port, to := range published {
		if len(to) != 1 || to[0].HostPort != port.Port() || to[0].HostIP.String() != "127.0.0.1" {
			t.Errorf("%s is published as %v", port, to)
		}
	}
}

func TestHowAContainerEnded(t *testing.T) {
	for code, want := range map[int]string{0: "exit status 0", 2: "exit status 2", 137: "exit status 137, as after the signal: killed", 143: "exit status 143, as after the signal: terminated"} {
		if got := ended(code); got != want {
			t.Errorf("%d is %q, want %q", code, got, want)
		}
	}
}

// left counts what an engine has under a label.
func left(t *testing.T, label string) int {
	t.Helper()
	e, err := connect(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	filter := make(client.Filters).Add("label", label)
	containers, err := e.client.ContainerList(soon(t), client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		t.Fatal(err)
	}
	networks, err := e.client.NetworkList(soon(t), client.NetworkListOptions{Filters: filter})
	if err != nil {
		t.Fatal(err)
	}
	images, err := e.client.ImageList(soon(t), client.ImageListOptions{All: true, Filters: filter})
	if err != nil {
		t.Fatal(err)
	}
	return len(containers.Items) + len(networks.Items) + len(images.Items)
}

// started starts a cluster that answers and ends with the test.
func started(t *testing.T, dir string) *Cluster {
	t.Helper()
	c, err := startIn(t.Context(), dir, program(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if n := left(t, c.Label()); n != 0 {
			t.Errorf("%d things of %s are left", n, c.Label())
		}
	})
	for _, id := range c.Nodes() {
		if err := c.WaitReady(soon(t), id); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.WaitSettled(soon(t)); err != nil {
		t.Fatal(err)
	}
	return c
}

// A cluster in containers answers where its nodes say, knows who dials whom, keeps its addresses over kills and
// losses of networks, and has its files in the run directory.
func TestAClusterInContainers(t *testing.T) {
	program(t)
	dir := t.TempDir()
	c := started(t, dir)
	if n := left(t, c.Label()); n < 4 {
		t.Errorf("%d things have the label: want two containers, a network and an image", n)
	}
	links, err := c.Links(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	known := false
	for _, l := range links {
		known = known || l.Link == cluster.Link{From: cluster.NodeEnd(1), To: cluster.NodeEnd(0)} && l.KnownBy == "address"
		if l.Link.From.Group == cluster.GroupNodes && l.KnownBy != "address" {
			t.Errorf("%v is known by its %s", l.Link, l.KnownBy)
		}
	}
	if !known {
		t.Errorf("no link from node 1 to node 0 in %v", links)
	}

	before, pid := c.Address(1), c.Pid(1)
	if err := c.Kill(soon(t), 1); err != nil {
		t.Fatal(err)
	}
	if err := c.Restart(soon(t), 1); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitReady(soon(t), 1); err != nil {
		t.Fatal(err)
	}
	if c.Address(1) != before || c.Pid(1) == pid || canary.Versions(soon(t), before) != nil {
		t.Errorf("after a kill it is at %s as pid %d, before at %s as %d", c.Address(1), c.Pid(1), before, pid)
	}

	for range 2 { // a second time changes nothing
		if err := c.Disconnect(soon(t), 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := canary.Versions(soon(t), c.Direct(1)); err == nil {
		t.Error("a node without a network answers")
	}
	for range 2 {
		if err := c.Connect(soon(t), 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.WaitReady(soon(t), 1); err != nil {
		t.Error(err)
	}
	if err := c.WaitInSync(soon(t), 1); err != nil {
		t.Error(err)
	}

	if err := c.Terminate(soon(t), 1); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"broker.log", "container.json", "events.jsonl", "data"} {
		if info, err := os.Stat(filepath.Join(dir, "nodes", "1", name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "nodes", "1", "broker.log"))
	if err != nil || strings.Count(string(text), "broker 1 serves Kafka clients") != 2 {
		t.Errorf("its log, %v:\n%s", err, text)
	}
}

// A container that ends at once is told with how it ended and what it said last, and nothing of it is left.
func TestAContainerThatEndsAtOnce(t *testing.T) {
	dir := t.TempDir()
	c, err := startIn(t.Context(), dir, program(t), func(cfg *process.Config) {
		cfg.Args = func(process.Endpoint, []process.Endpoint) []string { return []string{"broker", "--flush", "never"} }
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop(context.Background())
	err = c.WaitReady(soon(t), 0)
	for _, want := range []string{"its process has ended: exit status 2", "end of " + filepath.Join(dir, "nodes", "0", "broker.log"), "none, interval, commit"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("WaitReady = %v, want %q", err, want)
		}
	}
	c.Stop(context.Background())
	if n := left(t, c.Label()); n != 0 {
		t.Errorf("%d things of %s are left", n, c.Label())
	}
}

// A port that somebody took between the look at it and the start of the container keeps that from starting, and
// the error says so.
func TestAPortThatIsTaken(t *testing.T) {
	c := started(t, t.TempDir())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	e := c.Endpoint(1)
	if err := c.Terminate(soon(t), 1); err != nil {
		t.Fatal(err)
	}
	e.Direct = ln.Addr().String()
	log, err := os.Create(filepath.Join(e.Dir, "broker.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	_, err = c.starter.Start(soon(t), e, nil, log)
	if err == nil || !strings.Contains(err.Error(), "end what uses the port") {
		t.Errorf("Start = %v", err)
	}
	if err := c.Restart(soon(t), 1); err != nil {
		t.Errorf("after that the node does not start where it was: %v", err)
	}
	if err := c.WaitReady(soon(t), 1); err != nil {
		t.Error(err)
	}
}

// What a killed harness left is removed by the label in its ledger, paused containers and those off their
// network too; an engine that does not answer is asked another time.
func TestHeal(t *testing.T) {
	dir := t.TempDir()
	c := started(t, dir)
	if err := c.Pause(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	if err := c.Disconnect(soon(t), 1); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "ledger", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var noted struct{ Outside []ledger.Outside }
	if err := json.Unmarshal(data, &noted); err != nil || len(noted.Outside) != 1 || noted.Outside[0].Label != c.Label() {
		t.Fatalf("the ledger has %s, %v", data, err)
	}
	elsewhere := noted.Outside[0]
	elsewhere.Where = "tcp://127.0.0.1:1"
	if _, err := Healer().Heal(elsewhere); err == nil || !strings.Contains(err.Error(), "set DOCKER_HOST") {
		t.Errorf("healing another engine: %v", err)
	}
	removed, err := Healer().Heal(noted.Outside[0])
	if err != nil || left(t, c.Label()) != 0 {
		t.Errorf("removed were %v, %v; left are %d", removed, err, left(t, c.Label()))
	}
	if text := strings.Join(removed, " "); strings.Count(text, "container logproof-") != 2 || !strings.Contains(text, "network ") || !strings.Contains(text, "image logproof:") {
		t.Errorf("removed were %v", removed)
	}
	c.Stop(context.Background()) // its containers were removed by somebody, and it says so
}
