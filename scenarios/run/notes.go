package run

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	nodeevent "github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/chaos/cluster/process"
	"github.com/logproof/logproof/verify/history"
)

// notes writes what simulated nodes emit as processes write it, nodes/<id>/events.jsonl, so that whatever reads
// a run directory finds the same in it. Their wall clock is virtual time from the beginning of the run on.
type notes struct {
	dir   string
	began time.Time
	files map[int32]*notebook
	err   error // the first, which ends the writing
}

type notebook struct {
	file *os.File
	out  *bufio.Writer
}

func newNotes(dir string, began time.Time) *notes {
	return &notes{dir: dir, began: began, files: map[int32]*notebook{}}
}

// reading of both clocks at a virtual time.
func (n *notes) reading(at time.Duration) reading { return reading{n.began.Add(at), history.Time(at)} }

// note an event of a node.
func (n *notes) note(at time.Duration, node int32, e nodeevent.Event) {
	if n.err != nil {
		return
	}
	book, err := n.book(node)
	if err == nil {
		var line []byte
		if line, err = nodeevent.Line(n.began.Add(at), 0, node, e); err == nil {
			_, err = book.out.Write(line)
		}
	}
	n.err = err
}

func (n *notes) book(node int32) (*notebook, error) {
	if book := n.files[node]; book != nil {
		return book, nil
	}
	dir := filepath.Join(n.dir, "nodes", strconv.Itoa(int(node)))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	file, err := os.Create(filepath.Join(dir, process.EventsFile))
	if err != nil {
		return nil, err
	}
	n.files[node] = &notebook{file, bufio.NewWriter(file)}
	return n.files[node], nil
}

// close ends the files. The error is the first of all writes.
func (n *notes) close() error {
	err := n.err
	for _, book := range n.files {
		err = errors.Join(err, book.out.Flush(), book.file.Close())
	}
	if err != nil {
		return fmt.Errorf("write the events of the nodes: %w", err)
	}
	return nil
}
