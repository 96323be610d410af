package run

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/logproof/logproof/chaos/cluster/process"
	"github.com/logproof/logproof/verify/history"
)

// Names of the nodes' events that tell what an outage was spent on.
const (
	brokerFenced  = "broker-fenced"
	leaderElected = "leader-elected"
	becameLeader  = "became-leader"
	isrChanged    = "isr-changed"
	logTruncated  = "log-truncated"
	logRecovered  = "log-recovered"
	damaged       = "segment-damaged"
	quarantined   = "segment-quarantined"
	rebalanced    = "group-rebalanced"
	expired       = "group-member-expired"
	timedOut      = "transaction-timed-out"
	fenced        = "producer-fenced"
	tookOver      = "transactions-loaded"
)

// event is a line of a node's events.jsonl, as far as outages and anomalies need it: fields that an event does not
// have are zero.
type event struct {
	Wall        time.Time `json:"at"`
	ClockOffset string    `json:"clock_offset"` // how far the node's clock was off when it wrote Wall
	Node        int32     `json:"node"`
	Name        string    `json:"event"`
	Broker      int32     `json:"broker"`
	Topic       string    `json:"topic"`
	Partition   int32     `json:"partition"`
	Leader      int32     `json:"leader"`
	LeaderEpoch int32     `json:"leader_epoch"`
	ISR         []int32   `json:"isr"`
	Unclean     bool      `json:"unclean"`
	LogEnd      int64     `json:"log_end"`    // of a new leader
	EndOffset   int64     `json:"end_offset"` // of a log that was recovered
	Truncated   int64     `json:"truncated_bytes"`
	From        int64     `json:"from"`
	To          int64     `json:"to"`
	Group       string    `json:"group"`
	Generation  int32     `json:"generation"`
	Member      string    `json:"member"`
	Reason      string    `json:"reason"`
	// Of transactions: Timeout in milliseconds, Open and Ending as many as a coordinator found.
	TransactionalID string `json:"transactional_id"`
	Timeout         int64  `json:"timeout"`
	Open            int    `json:"open"`
	Ending          int    `json:"ending"`

	at history.Time // Wall on the clock of the history
}

// offset of the clock that stamped the event; one that cannot be read is none.
func (e event) offset() history.Time {
	d, err := time.ParseDuration(e.ClockOffset)
	if err != nil {
		return 0
	}
	return history.Time(d)
}

// in reports whether the event is about a partition.
func (e event) in(p history.Partition) bool { return e.Topic == p.Topic && e.Partition == p.Index }

// readEvents reads the events of all nodes of a run, in the order in which they happened. The error says
// why there are none.
func readEvents(dir string) ([]event, error) {
	c, err := readClock(dir)
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "nodes", "*", process.EventsFile))
	if err != nil {
		return nil, err
	}
	var all []event
	for _, name := range files {
		if all, err = appendEvents(all, name); err != nil {
			return nil, err
		}
	}
	for i := range all {
		all[i].at = c.time(all[i].Wall) - all[i].offset()
	}
	slices.SortStableFunc(all, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	if len(all) == 0 {
		return nil, errors.New("the nodes noted no events")
	}
	return all, nil
}

// appendEvents adds those of one node. A line that is no event is one that a kill cut short.
func appendEvents(all []event, name string) ([]event, error) {
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return all, err
	}
	defer file.Close()
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadBytes('\n')
		var e event
		if json.Unmarshal(line, &e) == nil {
			all = append(all, e)
		}
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}
