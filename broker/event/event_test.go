package event

import (
	"encoding/json"
	"testing"
	"time"
)

// Every event is one JSON object on one line, whose name tells what the other fields are.
func TestLine(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.FixedZone("", 3600))
	for _, c := range []struct {
		event Event
		line  string
		text  string
	}{
		{NodeStarted{Address: "127.0.0.1:9092"}, `"event":"node-started","address":"127.0.0.1:9092"}`, "serves clients on 127.0.0.1:9092"},
		{NodeStarted{"127.0.0.1:9092", "127.0.0.1:9102"}, `"event":"node-started","address":"127.0.0.1:9092","peers":"127.0.0.1:9102"}`, "serves clients on 127.0.0.1:9092, peers on 127.0.0.1:9102"},
		{NodeStarted{Peers: "127.0.0.1:9100"}, `"event":"node-started","peers":"127.0.0.1:9100"}`, "serves peers on 127.0.0.1:9100"},
		{NodeStopped{}, `"event":"node-stopped"}`, "stopped cleanly"},
		{NodeFailed{"no space"}, `"event":"node-failed","reason":"no space"}`, "stops: no space"},
		{LogRecovered{Topic: "orders", Partition: 1, EndOffset: 7, Segments: 2, TruncatedBytes: 9, Reason: "cut short"},
			`"event":"log-recovered","topic":"orders","partition":1,"clean":false,"end_offset":7,"segments":2,"batches":0,"truncated_bytes":9,"reason":"cut short"}`,
			"orders-1 recovered to offset 7: 9 bytes of a torn tail were cut: cut short"},
		{LogRecovered{Topic: "orders", Clean: true}, `"event":"log-recovered","topic":"orders","partition":0,"clean":true,"end_offset":0,"segments":0,"batches":0,"truncated_bytes":0}`,
			"orders-0 opened at offset 0, it was closed cleanly"},
		{TopicCreated{"orders", "ab", 6}, `"event":"topic-created","topic":"orders","id":"ab","partitions":6}`, "topic orders created with 6 partitions"},
		{DiskFailed{"write", "orders-0/1.log", "ENOSPC"}, `"event":"disk-failed","op":"write","file":"orders-0/1.log","errno":"ENOSPC"}`, "the disk fails: write orders-0/1.log: ENOSPC"},
		{SegmentsDeleted{"orders", 1, 2, 300, 7, 40, "size"}, `"event":"segments-deleted","topic":"orders","partition":1,"segments":2,"bytes":300,"from":7,"start":40,"reason":"size"}`,
			"orders-1 starts at offset 40, not 7: 2 segments of 300 bytes were deleted (size)"},
		{LogCleaned{"orders", 1, 7, 40, 5, 3, 1, 300, 90, 33, 6}, `"event":"log-cleaned","topic":"orders","partition":1,"from":7,"to":40,"keys":5,"segments":3,"segments_left":1,"bytes":300,"bytes_left":90,"records":33,"records_left":6}`,
			"orders-1 was compacted from offset 7 to 40: 6 of 33 records are left, 90 of 300 bytes, 1 of 3 segments"},
		{CleaningFailed{"orders", 1, "no room", true}, `"event":"cleaning-failed","topic":"orders","partition":1,"reason":"no room","again":true}`, "orders-1 was not compacted, it is tried again: no room"},
		{CleaningFailed{"orders", 1, "what is this", false}, `"event":"cleaning-failed","topic":"orders","partition":1,"reason":"what is this","again":false}`, "orders-1 was not compacted, it is not tried again: what is this"},
		{DiskFailed{"write", "meta", ""}, `"event":"disk-failed","op":"write","file":"meta"}`, "the disk fails: write meta: no errno"},
		{SegmentDamaged{"orders", 1, "orders-1/7.log", 9, 7, 12, "why"}, `"event":"segment-damaged","topic":"orders","partition":1,"file":"orders-1/7.log","position":9,"from":7,"to":12,"reason":"why"}`,
			"orders-1/7.log is damaged at byte 9: why; its offsets 7 to 11 are not served"},
		{SegmentDamaged{"orders", 1, "orders-1/7.log", 9, 8, -1, "why"}, `"event":"segment-damaged","topic":"orders","partition":1,"file":"orders-1/7.log","position":9,"from":8,"to":-1,"reason":"why"}`,
			"orders-1/7.log is damaged at byte 9, offset 8: why"},
		{SegmentQuarantined{"orders", 1, "orders-1/7.log.quarantined", 7, 30}, `"event":"segment-quarantined","topic":"orders","partition":1,"file":"orders-1/7.log.quarantined","from":7,"to":30}`,
			"orders-1/7.log.quarantined was set aside: orders-1 is fetched again from offset 7 on"},
		{SegmentRefilled{"orders", 1, "orders-1/7.log.quarantined", 7, 30}, `"event":"segment-refilled","topic":"orders","partition":1,"file":"orders-1/7.log.quarantined","from":7,"to":30}`,
			"orders-1 has offsets 7 to 29 again, in place of orders-1/7.log.quarantined"},
		{DiskChanged{"space=1MiB"}, `"event":"disk-changed","rules":"space=1MiB"}`, "the disk misbehaves: space=1MiB"},
		{DiskChanged{}, `"event":"disk-changed","rules":""}`, "the disk is sound"},
		{ClockChanged{"-3s"}, `"event":"clock-changed","offset":"-3s"}`, "the clock is off by -3s"},
		{GroupRebalanced{"g", 3, 2, "range", "a member left", 40}, `"event":"group-rebalanced","group":"g","generation":3,"members":2,"protocol":"range","reason":"a member left","milliseconds":40}`,
			"group g has 2 members in generation 3, by range, after 40 ms (a member left)"},
		{GroupRebalanced{Group: "g", Generation: 4, Reason: "a member left"}, `"event":"group-rebalanced","group":"g","generation":4,"members":0,"reason":"a member left","milliseconds":0}`,
			"group g is empty in generation 4 (a member left)"},
		{GroupMemberExpired{"g", "m", "its session is over"}, `"event":"group-member-expired","group":"g","member":"m","reason":"its session is over"}`, "group g goes on without m: its session is over"},
		{CoordinatorLoaded{3, 7, 2, 9, 30, 0, 5}, `"event":"coordinator-loaded","partition":3,"leader_epoch":7,"groups":2,"offsets":9,"records":30,"milliseconds":5}`,
			"coordinates 2 groups with 9 offsets of __consumer_offsets-3 in epoch 7, after 5 ms"},
		{CoordinatorLoaded{3, 7, 2, 9, 30, 1, 5}, `"event":"coordinator-loaded","partition":3,"leader_epoch":7,"groups":2,"offsets":9,"records":30,"unreadable":1,"milliseconds":5}`,
			"coordinates 2 groups with 9 offsets of __consumer_offsets-3 in epoch 7, after 5 ms; 1 of 30 records could not be understood"},
		{TopicDeleted{"orders", "ab"}, `"event":"topic-deleted","topic":"orders","id":"ab"}`, "topic orders deleted"},
	} {
		got, err := Line(at, 0, 2, c.event)
		if err != nil {
			t.Fatal(err)
		}
		if want := `{"at":"2026-01-02T02:04:05.000006Z","node":2,` + c.line + "\n"; string(got) != want {
			t.Errorf("got  %swant %s", got, want)
		}
		if !json.Valid(got) || c.event.String() != c.text {
			t.Errorf("%s: %q, want %q", c.event.Name(), c.event, c.text)
		}
	}
}

// A line of a node whose clock is off says by how much.
func TestLineOfAClockThatIsOff(t *testing.T) {
	got, err := Line(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), -1500*time.Millisecond, 2, NodeStopped{})
	if want := `{"at":"2026-01-02T03:04:05Z","node":2,"event":"node-stopped","clock_offset":"-1.5s"}` + "\n"; err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}
