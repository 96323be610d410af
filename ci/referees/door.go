package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	// portsFrom to portsFrom+portsMany are where a cluster behind doors is put: below the ports that the kernel
	// gives to whoever asks for any.
	portsFrom, portsMany = 20000, 3000
	// doorShift lies between the port of a broker and that of its door; portsPerNode between two brokers.
	doorShift, portsPerNode = 5000, 3
	// doorPatience is how long a client waits at most for a broker that is down.
	doorPatience = 10 * time.Second
)

// doors stand before the brokers and keep their addresses while they are down: a client that comes meanwhile waits
// until the broker is there. franz-go hands the error of a connection that is refused, or closed before a first
// answer, to its user if it happens when it asks who coordinates a group, and the tests of kgo take that for a
// failure; of connections that break later it asks again.
type doors struct {
	firstPort int
	open      []net.Listener
}

// openDoors finds a port from which on the brokers can be put, and opens their doors.
func openDoors() (*doors, error) {
	var last error
	for range 20 {
		d := &doors{firstPort: portsFrom + rand.IntN(portsMany)}
		if last = d.try(); last == nil {
			return d, nil
		}
		d.close()
	}
	return nil, fmt.Errorf("find free ports: %w", last)
}

func (d *doors) try() error {
	for i := range clusterNodes {
		port := d.firstPort + portsPerNode*i
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port+doorShift))
		if err != nil {
			return err
		}
		d.open = append(d.open, l)
		go serveDoor(l, "127.0.0.1:"+strconv.Itoa(port))
	}
	return nil
}

// servers are the addresses of the doors, comma-separated.
func (d *doors) servers() string {
	var list []string
	for _, l := range d.open {
		list = append(list, l.Addr().String())
	}
	return strings.Join(list, ",")
}

func (d *doors) close() {
	for _, l := range d.open {
		_ = l.Close() // nobody waits for it
	}
}

// serveDoor lets everybody through until the listener is closed.
func serveDoor(l net.Listener, to string) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		go carry(client, to)
	}
}

// carry carries bytes both ways until one side ends.
func carry(client net.Conn, to string) {
	defer client.Close()
	broker, err := net.Dial("tcp", to)
	for began := time.Now(); err != nil && time.Since(began) < doorPatience; broker, err = net.Dial("tcp", to) {
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		return
	}
	defer broker.Close()
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{client, broker}, {broker, client}} {
		go func() {
			_, _ = io.Copy(way[0], way[1]) // how a connection ends is seen by those who use it
			ended <- struct{}{}
		}()
	}
	<-ended
}
