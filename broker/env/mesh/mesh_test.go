package mesh_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logproof/logproof/broker/env/mesh"
)

// connected gives both ends of a connection from host a to host b.
func connected(t *testing.T, n *mesh.Network) (dialled, accepted net.Conn) {
	t.Helper()
	l, err := n.Host("b").Listen(1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if dialled, err = n.Host("a").Dial(t.Context(), "tcp", "b:1"); err != nil {
		t.Fatal(err)
	}
	if accepted, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return dialled, accepted
}

// inBubble runs f with a network of the latency, in virtual time.
func inBubble(t *testing.T, latency time.Duration, f func(t *testing.T, n *mesh.Network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := mesh.NewNetwork(latency)
		f(t, n)
		if left := n.Connections(); left != 0 {
			t.Errorf("%d connections are left open", left)
		}
	})
}

func closeBoth(conns ...net.Conn) {
	for _, c := range conns {
		c.Close()
	}
}

func TestEveryByteArrivesAfterTheLatency(t *testing.T) {
	const latency = 30 * time.Millisecond
	inBubble(t, latency, func(t *testing.T, n *mesh.Network) {
		began := time.Now()
		a, b := connected(t, n)
		if took := time.Since(began); took != 2*latency {
			t.Errorf("a connection took %v, want there and back", took)
		}
		if a.LocalAddr().String() != "a:0" || a.RemoteAddr().String() != "b:1" || b.RemoteAddr().String() != "a:0" {
			t.Errorf("addresses %v %v %v", a.LocalAddr(), a.RemoteAddr(), b.RemoteAddr())
		}
		began = time.Now()
		for _, word := range []string{"one ", "two"} {
			if _, err := a.Write([]byte(word)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(latency / 3)
		}
		a.(interface{ CloseWrite() error }).CloseWrite()
		got := make([]byte, 4)
		if _, err := io.ReadFull(b, got); err != nil || string(got) != "one " || time.Since(began) != latency {
			t.Errorf("%q, %v after %v", got, err, time.Since(began))
		}
		rest, err := io.ReadAll(b)
		if err != nil || string(rest) != "two" || time.Since(began) != latency*5/3 {
			t.Errorf("%q, %v after %v", rest, err, time.Since(began))
		}
		// The other direction is open still.
		go b.Write([]byte("three"))
		if n, err := a.Read(got); err != nil || string(got[:n]) != "thre" {
			t.Errorf("after the half-close: %q, %v", got[:n], err)
		}
		if _, err := a.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("a write after CloseWrite: %v", err)
		}
		closeBoth(a, b)
	})
}

func TestWindow(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, n *mesh.Network) {
		a, b := connected(t, n)
		sent := bytes.Repeat([]byte("0123456789"), 100_000)
		var written bool
		go func() {
			if n, err := a.Write(sent); n != len(sent) || err != nil {
				t.Errorf("%d of %d bytes written: %v", n, len(sent), err)
			}
			written = true
			a.Close()
		}()
		if synctest.Wait(); written {
			t.Error("a megabyte was sent that nobody reads")
		}
		if got, err := io.ReadAll(b); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d bytes arrived, %v", len(got), err)
		}
		closeBoth(b)
	})
}

func TestDeadlines(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, n *mesh.Network) {
		a, b := connected(t, n)
		began := time.Now()
		a.SetReadDeadline(began.Add(time.Second))
		go func() { // a waiting read hears of another deadline
			time.Sleep(500 * time.Millisecond)
			a.SetReadDeadline(began.Add(3 * time.Second))
		}()
		_, err := a.Read(make([]byte, 1))
		var timeout net.Error
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() || time.Since(began) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		a.SetDeadline(time.Now().Add(time.Second))
		if n, err := a.Write(make([]byte, 1<<20)); n == 0 || n == 1<<20 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d bytes into a full window: %v", n, err)
		}
		a.SetDeadline(time.Time{})
		go b.Write([]byte("x"))
		if n, err := a.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("without a deadline: %d, %v", n, err)
		}
		closeBoth(a, b)
		for _, err := range []error{a.Close(), a.SetDeadline(time.Now())} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		}
	})
}

func TestEnds(t *testing.T) {
	type resetter interface{ Reset() error }
	for name, c := range map[string]struct {
		end         func(a, b net.Conn)
		read, write error
	}{
		"closed after everything was read": {func(a, _ net.Conn) { a.Close() }, io.EOF, syscall.EPIPE},
		"closed with something unread":     {func(a, b net.Conn) { b.Write([]byte("x")); a.Close() }, syscall.ECONNRESET, syscall.ECONNRESET},
		"reset":                            {func(a, _ net.Conn) { a.Write([]byte("lost")); a.(resetter).Reset() }, syscall.ECONNRESET, syscall.ECONNRESET},
		"closed here":                      {func(_, b net.Conn) { b.Close() }, net.ErrClosed, net.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, time.Millisecond, func(t *testing.T, n *mesh.Network) {
				a, b := connected(t, n)
				var failed error
				var reading sync.WaitGroup
				reading.Go(func() { _, failed = b.Read(make([]byte, 1)) }) // waits when the end comes
				synctest.Wait()
				c.end(a, b)
				reading.Wait()
				if !errors.Is(failed, c.read) {
					t.Errorf("read: %v, want %v", failed, c.read)
				}
				if _, err := b.Write([]byte("x")); !errors.Is(err, c.write) {
					t.Errorf("write: %v, want %v", err, c.write)
				}
				closeBoth(a, b)
			})
		})
	}
}

func TestListeners(t *testing.T) {
	inBubble(t, time.Millisecond, func(t *testing.T, n *mesh.Network) {
		if _, err := n.Host("a").Dial(t.Context(), "tcp", "b:1"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("nobody listens: %v", err)
		}
		l, err := n.Host("b").Listen(1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Host("b").Listen(1); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("two listen: %v", err)
		}
		if l.Addr().String() != "b:1" {
			t.Errorf("it listens on %v", l.Addr())
		}
		waiting, err := n.Host("a").Dial(t.Context(), "tcp", "b:1")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		if _, err := waiting.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("nobody accepted it: %v", err)
		}
		waiting.Close()
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a closed listener accepts: %v", err)
		}
		if again, err := n.Host("b").Listen(1); err != nil {
			t.Errorf("the port is free again: %v", err)
		} else {
			again.Close()
		}
	})
}

// What is said to and by a host that is cut off arrives when it is back, and new connections wait.
func TestCut(t *testing.T) {
	inBubble(t, time.Millisecond, func(t *testing.T, n *mesh.Network) {
		a, b := connected(t, n)
		l, err := n.Host("b").Listen(2)
		if err != nil {
			t.Fatal(err)
		}
		n.Cut("b", true)
		began := time.Now()
		a.Write([]byte("held"))
		a.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := n.Host("a").Dial(ctx, "tcp", "b:2"); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("a cut host answers: %v after %v", err, time.Since(began))
		}
		if _, err := n.Host("a").Dial(t.Context(), "tcp", "b:2"); !errors.Is(err, syscall.ETIMEDOUT) || time.Since(began) != time.Minute+127*time.Second {
			t.Errorf("a host that stays cut off: %v after %v", err, time.Since(began))
		}
		b.SetReadDeadline(time.Now().Add(time.Minute))
		if n, err := b.Read(make([]byte, 4)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a cut host hears %d bytes, %v", n, err)
		}
		b.SetReadDeadline(time.Time{})
		time.AfterFunc(100*time.Second, func() { n.Cut("b", false) })
		later, err := n.Host("a").Dial(t.Context(), "tcp", "b:2")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(b); string(got) != "held" || err != nil || time.Since(began) < 5*time.Minute {
			t.Errorf("%q, %v after %v", got, err, time.Since(began))
		}
		l.Close()
		closeBoth(b, later)
	})
}
