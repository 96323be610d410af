package clienttest

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Produce is one partition of a Produce request, numbered from 1 over the life of the broker.
type Produce struct {
	Number    int
	Topic     string
	Partition int32
}

// Reply says what the broker does with one partition of a Produce request. The zero Reply appends
// the batch and acknowledges it.
type Reply struct {
	// Skip does not append the batch.
	Skip bool
	// Error is Kafka's error code of the answer; with one the base offset of the answer is -1.
	Error int16
	// Cut closes the connection instead of answering.
	Cut bool
}

// Options of a Broker.
type Options struct {
	// MaxProduce is the highest version of Produce that is offered: 9 names topics, 13 has topic
	// ids. 0 is 9.
	MaxProduce int16
	// Script decides about every partition of every Produce request; nil acknowledges all. It is
	// called by one goroutine at a time.
	Script func(Produce) Reply
	// LoseFirstCreation makes the first topics that are asked for and closes the connection instead of saying so.
	LoseFirstCreation bool
}

// Broker listens until it is closed.
type Broker struct {
	options  Options
	listener net.Listener
	serving  sync.WaitGroup

	mu struct {
		sync.Mutex
		topics   map[string]*topic
		conns    map[net.Conn]bool
		produced int
		created  bool // topics were asked for before
		pid      int64
		grown    chan struct{} // closed and replaced when a log grows
		closed   bool
	}
}

type topic struct {
	id   [16]byte
	logs []*partitionLog
}

// partitionLog holds batches; the end is the next offset.
type partitionLog struct {
	batches [][]byte
	end     int64
}

// Start listens on a free port of loopback.
func Start(options Options) (*Broker, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("test broker: cannot listen: %w", err)
	}
	if options.MaxProduce == 0 {
		options.MaxProduce = 9
	}
	b := &Broker{options: options, listener: listener}
	b.mu.topics, b.mu.conns, b.mu.grown = make(map[string]*topic), make(map[net.Conn]bool), make(chan struct{})
	b.serving.Go(b.accept)
	return b, nil
}

// Addr is host:port.
func (b *Broker) Addr() string { return b.listener.Addr().String() }

func (b *Broker) hostPort() (string, int32) {
	host, text, _ := net.SplitHostPort(b.Addr()) // an address that a listener has is well formed
	port, _ := strconv.Atoi(text)
	return host, int32(port)
}

// Close stops listening, cuts every connection and waits until they are gone.
func (b *Broker) Close() {
	b.mu.Lock()
	b.mu.closed = true
	b.mu.Unlock()
	b.listener.Close()
	b.CutAll()
	b.serving.Wait()
}

// CutAll closes every connection that is open.
func (b *Broker) CutAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for conn := range b.mu.conns {
		conn.Close()
	}
}

func (b *Broker) accept() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		refused := b.mu.closed
		if !refused {
			b.mu.conns[conn] = true
		}
		b.mu.Unlock()
		if refused {
			conn.Close()
			return
		}
		b.serving.Go(func() {
			b.serve(conn)
			b.mu.Lock()
			delete(b.mu.conns, conn)
			b.mu.Unlock()
		})
	}
}

// create makes a topic; the code is TOPIC_ALREADY_EXISTS if it is there.
func (b *Broker) create(name string, partitions int32) (id [16]byte, code int16) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.mu.topics[name]; t != nil {
		return t.id, kerr.TopicAlreadyExists.Code
	}
	t := &topic{}
	copy(t.id[:], name)
	t.id[15] = 1
	for range partitions {
		t.logs = append(t.logs, &partitionLog{})
	}
	b.mu.topics[name] = t
	return t.id, 0
}

// nameOf is the topic of an id, or "".
func (b *Broker) nameOf(id [16]byte) string {
	for name, t := range b.mu.topics {
		if t.id == id {
			return name
		}
	}
	return ""
}

// log of a partition, or nil.
func (b *Broker) log(name string, partition int32) *partitionLog {
	t := b.mu.topics[name]
	if t == nil || int(partition) >= len(t.logs) {
		return nil
	}
	return t.logs[partition]
}

// Offsets in a record batch v2.
const (
	atChecksum = 17
	atCovered  = 21 // the checksum covers everything from here on
	atCount    = 57
)

// append stores a batch with its offset and returns that.
func (l *partitionLog) append(batch []byte) int64 {
	stored := append([]byte(nil), batch...)
	base := l.end
	binary.BigEndian.PutUint64(stored, uint64(base))
	l.batches = append(l.batches, stored)
	l.end += int64(binary.BigEndian.Uint32(stored[atCount:]))
	return base
}

// from returns the batches from the one that holds the offset on.
func (l *partitionLog) from(offset int64) []byte {
	var out []byte
	for _, batch := range l.batches {
		last := int64(binary.BigEndian.Uint64(batch)) + int64(binary.BigEndian.Uint32(batch[atCount:])) - 1
		if last >= offset {
			out = append(out, batch...)
		}
	}
	return out
}

// Damage changes the last byte of the batch of the given number, from 0, in a partition, and stamps a
// matching batch checksum if asked to. The last byte of a batch is the count of headers of its last
// record, so the byte before is taken, which belongs to its value.
func (b *Broker) Damage(name string, partition int32, batch int, restamp bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	stored := b.log(name, partition).batches[batch]
	stored[len(stored)-2] ^= 0x55
	if restamp {
		sum := crc32.Checksum(stored[atCovered:], crc32.MakeTable(crc32.Castagnoli))
		binary.BigEndian.PutUint32(stored[atChecksum:], sum)
	}
}

// End is the log end offset of a partition.
func (b *Broker) End(name string, partition int32) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.log(name, partition).end
}

// Truncate empties a partition, as a broker that lost its disk would.
func (b *Broker) Truncate(name string, partition int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*b.log(name, partition) = partitionLog{}
}

// waitForData waits until some log grew since the channel was taken, or for at most the given time.
func waitForData(grown <-chan struct{}, atMost time.Duration) {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-grown:
	case <-timer.C:
	}
}
