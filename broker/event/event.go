package event

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"
)

// Event is one fact.
type Event interface {
	// Name of the event as events.jsonl writes it: "log-recovered".
	Name() string
	// String is the event as a sentence for people.
	String() string
}

// NodeStarted is the first event of a process that serves.
type NodeStarted struct {
	// Address of its client listener, host:port; "" for a node that is a controller only.
	Address string `json:"address,omitempty"`
	// Peers is where other nodes connect, host:port; "" for a node that is a cluster by itself.
	Peers string `json:"peers,omitempty"`
}

// NodeStopped is the last event of a process that was asked to stop.
type NodeStopped struct{}

// NodeFailed is the last event of a process that can no longer keep its promises.
type NodeFailed struct {
	Reason string `json:"reason"`
}

// LogRecovered says what opening the log of a partition found.
type LogRecovered struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	// Clean is set when the log was closed in order: then its files were trusted.
	Clean     bool  `json:"clean"`
	EndOffset int64 `json:"end_offset"`
	Segments  int   `json:"segments"`
	// Batches that were checked; 0 after a clean close.
	Batches int `json:"batches"`
	// TruncatedBytes were cut off the end of the log, and Reason says why; 0 and "" if nothing was.
	TruncatedBytes int64  `json:"truncated_bytes"`
	Reason         string `json:"reason,omitempty"`
}

// TopicCreated is a topic that clients of this node can see now.
type TopicCreated struct {
	Topic      string `json:"topic"`
	ID         string `json:"id"`
	Partitions int    `json:"partitions"`
}

// TopicDeleted is a topic that has gone, with its records.
type TopicDeleted struct {
	Topic string `json:"topic"`
	ID    string `json:"id"`
}

// SegmentsDeleted are segments that went from the front of a log, which starts at Start now.
type SegmentsDeleted struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Segments  int    `json:"segments"`
	Bytes     int64  `json:"bytes"`
	// From is where the log started before.
	From  int64 `json:"from"`
	Start int64 `json:"start"`
	// Reason is "time" or "size" by the topic's retention, or "log-start": a client asked for it, or the leader's
	// log starts there.
	Reason string `json:"reason"`
}

// LogCleaned is a pass of compaction over a log: From and To are the offsets of what was dirty.
type LogCleaned struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from"`
	To        int64  `json:"to"`
	// Keys that were written there.
	Keys int `json:"keys"`
	// Segments, Bytes and Records from the log's start to To before, and what is left of them.
	Segments     int64 `json:"segments"`
	SegmentsLeft int64 `json:"segments_left"`
	Bytes        int64 `json:"bytes"`
	BytesLeft    int64 `json:"bytes_left"`
	Records      int64 `json:"records"`
	RecordsLeft  int64 `json:"records_left"`
}

// CleaningFailed is a pass of compaction that was given up; the log is as it was before.
type CleaningFailed struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Reason    string `json:"reason"`
	// Again is set if another pass will try it.
	Again bool `json:"again"`
}

// DiskFailed is a call to the disk that failed, after which the node stops: NodeFailed follows.
type DiskFailed struct {
	// Op is the call: "write", "sync", "create".
	Op string `json:"op"`
	// File from the directory of its replica on: "orders-0/00000000000000000000.log".
	File string `json:"file"`
	// Errno as C names it, such as "EIO" and "ENOSPC"; "" if the disk gave none.
	Errno string `json:"errno,omitempty"`
}

// DiskChanged says by which rules the node's disk misbehaves from now on; "" is a sound disk.
type DiskChanged struct {
	Rules string `json:"rules"`
}

// ClockChanged says how far the node's clock is ahead of its machine's from now on, as "-3s".
type ClockChanged struct {
	Offset string `json:"offset"`
}

// Name implements Event.
func (NodeStarted) Name() string { return "node-started" }

// Name implements Event.
func (NodeStopped) Name() string { return "node-stopped" }

// Name implements Event.
func (NodeFailed) Name() string { return "node-failed" }

// Name implements Event.
func (LogRecovered) Name() string { return "log-recovered" }

// Name implements Event.
func (TopicCreated) Name() string { return "topic-created" }

// Name implements Event.
func (TopicDeleted) Name() string { return "topic-deleted" }

// Name implements Event.
func (SegmentsDeleted) Name() string { return "segments-deleted" }

// Name implements Event.
func (LogCleaned) Name() string { return "log-cleaned" }

// Name implements Event.
func (CleaningFailed) Name() string { return "cleaning-failed" }

// Name implements Event.
func (DiskFailed) Name() string { return "disk-failed" }

// Name implements Event.
func (DiskChanged) Name() string { return "disk-changed" }

// Name implements Event.
func (ClockChanged) Name() string { return "clock-changed" }

// String implements Event.
func (e SegmentsDeleted) String() string {
	return fmt.Sprintf("%s-%d starts at offset %d, not %d: %d segments of %d bytes were deleted (%s)", e.Topic, e.Partition, e.Start, e.From, e.Segments, e.Bytes, e.Reason)
}

// String implements Event.
func (e LogCleaned) String() string {
	return fmt.Sprintf("%s-%d was compacted from offset %d to %d: %d of %d records are left, %d of %d bytes, %d of %d segments", e.Topic, e.Partition,
		e.From, e.To, e.RecordsLeft, e.Records, e.BytesLeft, e.Bytes, e.SegmentsLeft, e.Segments)
}

// String implements Event.
func (e CleaningFailed) String() string {
	again := "it is tried again"
	if !e.Again {
		again = "it is not tried again"
	}
	return fmt.Sprintf("%s-%d was not compacted, %s: %s", e.Topic, e.Partition, again, e.Reason)
}

// String implements Event.
func (e DiskFailed) String() string {
	return fmt.Sprintf("the disk fails: %s %s: %s", e.Op, e.File, cmp.Or(e.Errno, "no errno"))
}

// String implements Event.
func (e DiskChanged) String() string {
	if e.Rules == "" {
		return "the disk is sound"
	}
	return "the disk misbehaves: " + e.Rules
}

// String implements Event.
func (e ClockChanged) String() string { return "the clock is off by " + e.Offset }

// String implements Event.
func (e NodeStarted) String() string {
	switch {
	case e.Address == "":
		return "serves peers on " + e.Peers
	case e.Peers == "":
		return "serves clients on " + e.Address
	}
	return "serves clients on " + e.Address + ", peers on " + e.Peers
}

// String implements Event.
func (NodeStopped) String() string { return "stopped cleanly" }

// String implements Event.
func (e NodeFailed) String() string { return "stops: " + e.Reason }

// String implements Event.
func (e LogRecovered) String() string {
	log := fmt.Sprintf("%s-%d", e.Topic, e.Partition)
	switch {
	case e.TruncatedBytes > 0:
		return fmt.Sprintf("%s recovered to offset %d: %d bytes of a torn tail were cut: %s", log, e.EndOffset, e.TruncatedBytes, e.Reason)
	case e.Clean:
		return fmt.Sprintf("%s opened at offset %d, it was closed cleanly", log, e.EndOffset)
	}
	return fmt.Sprintf("%s recovered to offset %d, all of it whole", log, e.EndOffset)
}

// String implements Event.
func (e TopicCreated) String() string {
	return fmt.Sprintf("topic %s created with %d partitions", e.Topic, e.Partitions)
}

// String implements Event.
func (e TopicDeleted) String() string { return fmt.Sprintf("topic %s deleted", e.Topic) }

// Line is an event as a line of events.jsonl, with its newline: {"at","node","event",...fields}. at is what
// the node's clock shows; where that is off by an offset, the line has it as "clock_offset", so that events
// of several nodes can be put into one order.
func Line(at time.Time, offset time.Duration, node int32, e Event) ([]byte, error) {
	fields, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.Name(), err)
	}
	head, err := json.Marshal(struct {
		At    time.Time `json:"at"`
		Node  int32     `json:"node"`
		Event string    `json:"event"`
		Clock string    `json:"clock_offset,omitempty"`
	}{at.UTC(), node, e.Name(), offsetText(offset)})
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.Name(), err)
	}
	line := head[:len(head)-1]
	if len(fields) > 2 { // more than {}
		line = append(append(line, ','), fields[1:len(fields)-1]...)
	}
	return append(line, "}\n"...), nil
}

func offsetText(offset time.Duration) string {
	if offset == 0 {
		return ""
	}
	return offset.String()
}
