package bubble

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What is left in a bubble is named before the runtime ends the program because of it.
func TestLeaked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		go func() { <-end }()
		if left := leaked(); !strings.Contains(left, "TestLeaked") || strings.Contains(left, "\n\n") {
			t.Errorf("one goroutine is left, and found is %q", left)
		}
		close(end)
		if left := leaked(); left != "" {
			t.Errorf("nothing is left, and found is %q", left)
		}
	})
}

// A cluster of each size serves, is killed and cut, and comes back, without a client or a tag.
func TestCluster(t *testing.T) {
	for _, brokers := range []int{1, 3, 4} {
		Run(t, Config{Brokers: brokers, Latency: time.Millisecond, PowerLoss: true}, func(t *testing.T, c *Cluster) {
			last := int32(brokers - 1)
			if got := c.Addresses(); len(got) != brokers || got[last] != c.nodes[last].address(clientPort) {
				t.Errorf("addresses %v", got)
			}
			began := time.Now()
			c.Kill(last)
			if _, err := c.Dial(t.Context(), "tcp", c.Addresses()[last]); err == nil {
				t.Error("a broker that was killed takes connections")
			}
			c.Restart(last)
			c.Cut(last)
			if _, err := c.Dial(t.Context(), "tcp", c.Addresses()[last]); err == nil || time.Since(began) < 10*time.Second {
				t.Errorf("a broker that is cut off takes connections: %v after %v", err, time.Since(began))
			}
			c.Mend(last)
			conn, err := c.Dial(t.Context(), "tcp", c.Addresses()[last])
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
			if answer, _ := io.ReadAll(conn); len(answer) > 0 {
				t.Errorf("nonsense was answered with %q", answer)
			}
		})
	}
}
