package process

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/chaos/ledger"
	"github.com/logproof/logproof/chaos/procfs"
)

// The test binary plays the node and the harness: roleEnv says which. A node's first argument is
// what it does: "serve", "silent" (accepts, never answers), "deaf" (serves, ignores SIGTERM),
// "garbage" (answers with what is not Kafka), "fail" (ends at once with status 2), or a telling (serves,
// and tells what it is told to who asks for Metadata or DescribeQuorum). It listens at all other arguments.
const roleEnv = "LOGPROOF_TEST_ROLE"

// pauseEnv makes the harness pause its node.
const pauseEnv = "LOGPROOF_TEST_PAUSE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "node":
		os.Exit(playNode(os.Args[1], os.Args[2:]))
	case "harness":
		playHarness(os.Args[1])
	default:
		os.Exit(m.Run())
	}
}

func playNode(mode string, listen []string) int {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	if mode == "fail" {
		fmt.Fprintln(os.Stderr, "the disk rules make no sense")
		return 2
	}
	for _, address := range slices.DeleteFunc(listen, func(address string) bool { return address == "" }) {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println("listening on", address)
		go func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				go serve(conn, mode)
			}
		}()
	}
	for range term {
		if mode != "deaf" {
			return 0
		}
		fmt.Println("not now")
	}
	return 0
}

// serve answers every frame with an ApiVersions response, version 0.
func serve(conn net.Conn, mode string) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		var size [4]byte
		if _, err := io.ReadFull(r, size[:]); err != nil {
			return
		}
		frame := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(r, frame); err != nil {
			return
		}
		switch mode {
		case "silent":
			continue
		case "garbage":
			io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			return
		}
		if key := binary.BigEndian.Uint16(frame); key == 3 || key == 55 {
			body := tell(frame, mode)
			conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
			continue
		}
		response := kmsg.NewPtrApiVersionsResponse()
		response.ApiKeys = []kmsg.ApiVersionsResponseApiKey{{ApiKey: 18, MaxVersion: 4}}
		body := response.AppendTo(frame[4:8:8]) // the correlation id stands there
		conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
	}
}

// playHarness starts a cluster in dir, says its node's pid and address, and waits to be killed.
func playHarness(dir string) {
	c, err := startIn(dir, "serve", 1)
	if err == nil {
		err = c.WaitReady(context.Background(), 0)
	}
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	if os.Getenv(pauseEnv) != "" {
		if err := c.Pause(context.Background(), 0); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
	fmt.Println(c.Pid(0), c.Address(0))
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

func startIn(dir, mode string, nodes int, change ...func(*Config)) (*Cluster, error) {
	l, err := ledger.Open(dir+"/ledger", dir)
	if err != nil {
		return nil, err
	}
	cfg := Config{
		Binary: "/proc/self/exe",
		Args:   func(self Endpoint, _ []Endpoint) []string { return []string{mode, self.Direct, self.DirectPeers} },
		Env:    []string{roleEnv + "=node"},
		Dir:    dir,
		Ledger: l,
	}
	for id := range nodes {
		cfg.Brokers = append(cfg.Brokers, int32(id))
	}
	cfg.Controllers = cfg.Brokers
	for _, f := range change {
		f(&cfg)
	}
	return Start(context.Background(), cfg)
}

// started starts a cluster that ends with the test, and shows that none of its processes is left.
func started(t *testing.T, mode string, nodes int, change ...func(*Config)) *Cluster {
	t.Helper()
	c, err := startIn(t.TempDir(), mode, nodes, change...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Stop(t.Context()) // over already: what is left is killed
		for _, id := range c.Nodes() {
			if _, _, err := procfs.Identify(c.Pid(id)); err == nil {
				t.Errorf("node %d, pid %d, outlived the test", id, c.Pid(id))
			}
		}
	})
	return c
}

// soon is the time any condition of these tests may take on a busy machine.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits for a condition that nothing announces.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for ctx := soon(t); !holds(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		}
	}
}
