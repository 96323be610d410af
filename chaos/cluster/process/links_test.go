package process

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/logproof/logproof/broker/control"
	"github.com/logproof/logproof/chaos/canary"
	"github.com/logproof/logproof/chaos/cluster"
)

func linked(c *Config) { c.Links, c.Clients = true, []string{"producer-0", "reader-0"} }

// Behind links the address that others know stays and answers, wherever the node listens itself: a port that
// somebody took while it was down is left to him.
func TestALinkedNodeKeepsItsAddressAndMayMove(t *testing.T) {
	c := started(t, "serve", 1, linked)
	if err := c.WaitReady(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	address, direct := c.Address(0), c.Direct(0)
	if address == direct {
		t.Fatalf("the node listens at %s, where others reach it", direct)
	}
	if err := c.Kill(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	var thief net.Listener
	eventually(t, "the port is free", func() (free bool) {
		var err error
		thief, err = net.Listen("tcp", direct)
		return err == nil
	})
	defer thief.Close()
	if err := c.Restart(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitReady(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	if c.Address(0) != address || c.Direct(0) == direct {
		t.Errorf("others reach it at %s, then %s; it listens at %s, then %s", address, c.Address(0), direct, c.Direct(0))
	}
	if err := canary.Versions(soon(t), address); err != nil {
		t.Errorf("over the link: %v", err)
	}
}

func TestLinksAreCutAndLetGo(t *testing.T) {
	c := started(t, "serve", 1, linked)
	if err := c.WaitReady(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	release, err := c.HoldLinks(soon(t), []cluster.LinkRule{{Link: cluster.Link{From: cluster.AllClients, To: cluster.NodeEnd(0)}, Mode: cluster.Refuse}})
	if err != nil {
		t.Fatal(err)
	}
	if err := canary.Versions(soon(t), c.Address(0)); err == nil {
		t.Error("a link that is refused answers")
	}
	if err := canary.Versions(soon(t), c.Direct(0)); err != nil {
		t.Errorf("past the link: %v", err)
	}
	if err := release(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := canary.Versions(soon(t), c.Address(0)); err != nil {
		t.Errorf("after the release: %v", err)
	}
	if _, err := started(t, "serve", 1).HoldLinks(soon(t), nil); err == nil || !strings.Contains(err.Error(), "no links to act on") {
		t.Errorf("a cluster without links: %v", err)
	}
}

// Stop says that a rule was forgotten.
func TestARuleThatIsNeverTakenAwayIsTold(t *testing.T) {
	c, err := startIn(t.TempDir(), "serve", 1, linked)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.HoldLinks(soon(t), []cluster.LinkRule{{Link: cluster.Link{From: cluster.AllClients, To: cluster.AllNodes}, Mode: cluster.Stall}}); err != nil {
		t.Error(err)
	}
	if err := c.Stop(context.Background()); err == nil || !strings.Contains(err.Error(), "never taken away") {
		t.Errorf("Stop = %v", err)
	}
}

func TestClientsAreKnownByTheirNames(t *testing.T) {
	c := &Cluster{clients: []string{"producer-1", "producer-10"}}
	for id, want := range map[string]int32{"producer-1": 0, "producer-1.3": 0, "producer-10": 1, "producer-100": -1, canary.ClientID: 2, "reader-0": -1, "": -1} {
		if number, ok := c.clientNumber(id); number != want || ok != (want >= 0) {
			t.Errorf("%q is client %d, %v; want %d", id, number, ok, want)
		}
	}
}

// A node that a fault makes end is no node that fell over, and is started again as soon as it has ended.
func TestANodeThatMayEnd(t *testing.T) {
	c := started(t, "serve", 1)
	if err := c.WaitReady(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	c.MayEnd(0, true)
	if err := syscall.Kill(c.Pid(0), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := c.Restart(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	c.MayEnd(0, false)
	if err := c.WaitReady(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	if exits := c.Exits(); len(exits) > 0 {
		t.Errorf("fell over: %v", exits)
	}
}

// Names that are too long for a socket are put elsewhere, and that is removed at the end.
func TestSocketsOfLongNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	c, err := startIn(dir, "serve", 1)
	if err != nil {
		t.Fatal(err)
	}
	socket := c.Endpoint(0).Control
	if err := control.CheckPath(socket); err != nil || strings.HasPrefix(socket, dir) {
		t.Errorf("the socket is %s, %v", socket, err)
	}
	if err := c.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(socket)); !os.IsNotExist(err) {
		t.Errorf("left behind: %v", err)
	}
}
