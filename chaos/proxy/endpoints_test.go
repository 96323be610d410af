package proxy

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// endpointsEnv makes the test binary the process at both ends of the proxy: it serves, and dials, so
// that the proxy is measured in a process of its own, and has all of its descriptors.
const endpointsEnv = "LOGPROOF_TEST_ENDPOINTS"

// endpoints is that process as its parent sees it: a line of words asks, a line of one number answers.
type endpoints struct {
	t       testing.TB
	in      io.WriteCloser
	out     *bufio.Reader
	address string // where it serves
}

func startEndpoints(t testing.TB) *endpoints {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), endpointsEnv+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	e := &endpoints{t: t, in: in, out: bufio.NewReader(out)}
	if e.address, err = e.out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	e.address = strings.TrimSpace(e.address)
	return e
}

// ask sends a line and reads the number that answers it.
func (e *endpoints) ask(words ...any) (n float64) {
	e.t.Helper()
	fmt.Fprintln(e.in, words...)
	if _, err := fmt.Fscanln(e.out, &n); err != nil {
		e.t.Fatalf("%v: %v", words, err)
	}
	return n
}

// bulkSize is the size of the answers that bulk asks for.
const bulkSize = 1 << 20

// serveEndpoints serves until its input ends. Requests of Fetch are answered with bulkSize bytes, all
// others with themselves.
func serveEndpoints() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(ln.Addr())
	bulk := new(broker)
	bulk.records = make([]byte, bulkSize)
	response := bulk.answer(fetch(12))
	response.SetVersion(12)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go answerAll(conn, responseFrame(response, make([]byte, 4)))
		}
	}()
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	var lasting opened
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		var n int
		fmt.Sscan(words[1], &n)
		switch words[0] {
		case "rtt":
			fmt.Println(roundTrip(words[2], n))
		case "bulk":
			fmt.Println(transfer(words[2], n))
		case "open":
			fmt.Println(lasting.open(n, words[2:]))
		case "talk":
			fmt.Println(lasting.talk(n))
		}
	}
}

func answerAll(conn net.Conn, bulk []byte) {
	defer conn.Close()
	bulk = slices.Clone(bulk)
	in := bufio.NewReaderSize(conn, 1024)
	frame := make([]byte, 4096)
	for {
		if _, err := io.ReadFull(in, frame[:sizeLength]); err != nil {
			return
		}
		request := frame[:sizeLength+binary.BigEndian.Uint32(frame)]
		if _, err := io.ReadFull(in, request[sizeLength:]); err != nil {
			return
		}
		answer := request
		if binary.BigEndian.Uint16(request[4:]) == 1 {
			answer = bulk
			copy(bulk[4:8], request[8:12]) // the correlation id
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

func mustDial(address string) net.Conn {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	return conn
}

// roundTrip is the median time of n round trips of 100 bytes, in nanoseconds.
func roundTrip(address string, n int) float64 {
	conn := mustDial(address)
	defer conn.Close()
	request := frame(18, 3, 1, make([]byte, 82)) // 100 bytes
	answer := make([]byte, len(request))
	took := make([]time.Duration, n)
	for i := range took {
		began := time.Now()
		conn.Write(request)
		if _, err := io.ReadFull(conn, answer); err != nil {
			panic(err)
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return float64(took[n/2])
}

// castagnoli is what Kafka's record batches are checked with, and checked makes sure that they are.
var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	checked    uint32
)

// transfer is the rate at which n answers of bulkSize come, four of them asked for at a time, in bytes a
// second. Like every client of Kafka it makes a buffer for each answer, and checks what is in it.
func transfer(address string, n int) float64 {
	conn := mustDial(address)
	defer conn.Close()
	request := func(i int) { conn.Write(frame(1, 12, int32(i), nil)) }
	began := time.Now()
	for i := range min(n, 4) {
		request(i)
	}
	head, total := make([]byte, sizeLength), 0
	for i := range n {
		if _, err := io.ReadFull(conn, head); err != nil {
			panic(err)
		}
		answer := make([]byte, binary.BigEndian.Uint32(head))
		if _, err := io.ReadFull(conn, answer); err != nil {
			panic(err)
		}
		checked += crc32.Checksum(answer, castagnoli)
		total += len(answer)
		if i+4 < n {
			request(i + 4)
		}
	}
	return float64(total) / time.Since(began).Seconds()
}

// opened are connections that stay.
type opened struct {
	conns []net.Conn
	stop  atomic.Bool
	work  sync.WaitGroup
}

// open opens n connections to each address, and makes a round trip on each: then the proxy knows them.
func (o *opened) open(n int, addresses []string) int {
	request, answer := frame(18, 3, 1, nil), make([]byte, 18)
	for _, address := range addresses {
		for range n {
			conn := mustDial(address)
			conn.Write(request)
			if _, err := io.ReadFull(conn, answer); err != nil {
				panic(err)
			}
			o.conns = append(o.conns, conn)
		}
	}
	return len(o.conns)
}

// talk makes every n-th connection do round trips from now on; 0 stops them, and gives their number.
func (o *opened) talk(n int) int {
	if n == 0 {
		o.stop.Store(true)
		o.work.Wait()
		o.stop.Store(false)
		return 0
	}
	for i := 0; i < len(o.conns); i += n {
		o.work.Go(func() {
			request, answer := frame(18, 3, 1, nil), make([]byte, 18)
			for !o.stop.Load() {
				o.conns[i].Write(request)
				if _, err := io.ReadFull(o.conns[i], answer); err != nil {
					return
				}
			}
		})
	}
	return len(o.conns) / n
}
