package proxy

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/chaos/cluster"
)

// needsLook says that the rule needs the whole answer: to know the partitions in it, or to change it.
func (r *rule) needsLook() bool {
	return r.Topic != "" || r.Mode != cluster.DropResponse && r.Mode != cluster.DelayResponse
}

// answer is a response to which rules are applied.
type answer struct {
	c     *connection
	call  call
	frame []byte // with its size; empty if no rule needs a look

	response kmsg.Response // the body, once somebody asked for it
	body     int           // where it begins in frame
	unread   bool          // it cannot be read
	changed  bool

	drop   bool
	late   time.Duration
	by     *rule // that makes it late
	copies int
}

// apply does what the rules of the call say, in their order.
func (a *answer) apply() {
	for _, r := range a.call.rules {
		if r.spent() || a.drop {
			continue
		}
		switch r.Mode {
		case cluster.DropResponse:
			a.drop = a.concerns(r) && r.touch()
		case cluster.DelayResponse:
			if a.concerns(r) && r.Delay > a.late && r.touch() {
				a.late, a.by = r.Delay, r
			}
		case cluster.DuplicateResponse:
			if a.concerns(r) && r.touch() {
				a.copies++
			}
		case cluster.RewriteError:
			a.rewrite(r)
		case cluster.StaleMetadata:
			a.stale(r)
		}
	}
	if a.changed && !a.drop {
		a.encode()
	}
}

// concerns says whether the answer names what the rule names.
func (a *answer) concerns(r *rule) bool {
	if r.Topic == "" {
		return true
	}
	return a.decode() && len(matching(places(a.response), r, a.c.proxy.topics.name)) > 0
}

// rewrite puts an error code into the chosen places.
func (a *answer) rewrite(r *rule) {
	if !a.decode() {
		return
	}
	targets := codes(matching(places(a.response), r, a.c.proxy.topics.name))
	if len(targets) == 0 || !r.touch() {
		return
	}
	for _, t := range targets {
		t.fail(r.code)
	}
	a.changed = true
}

// stale puts what was recorded in the place of what the broker says now.
func (a *answer) stale(r *rule) {
	if !a.decode() {
		return
	}
	now, ok := a.response.(*kmsg.MetadataResponse)
	if ok && !(r.Topic != "" && !a.concerns(r)) {
		if then := r.record(a.c.door.node); then != nil && r.touch() {
			outdate(now, then, r)
			a.changed = true
		}
	}
}

// decode reads the body; false if it cannot be read, and the answer passes as it came.
func (a *answer) decode() bool {
	if a.response != nil || a.unread {
		return a.response != nil
	}
	response := kmsg.ResponseForKey(a.call.key)
	if response == nil || a.call.version < 0 || a.call.version > response.MaxVersion() {
		a.unread = true
		return false
	}
	response.SetVersion(a.call.version)
	body, ok := responseHead, true
	if response.IsFlexible() && a.call.key != kmsg.ApiVersions.Int16() {
		body, ok = skipTags(a.frame, responseHead)
	}
	if !ok || !fits(response, a.frame[body:]) || response.ReadFrom(a.frame[body:]) != nil {
		a.unread = true
		return false
	}
	a.response, a.body = response, body
	return true
}

// encode writes the changed body behind the head that the frame had.
func (a *answer) encode() {
	frame := append([]byte(nil), a.frame[:a.body]...)
	frame = a.response.AppendTo(frame)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-sizeLength))
	a.frame = frame
}

// skipTags gives the place behind the tagged fields that begin at a place.
func skipTags(b []byte, at int) (int, bool) {
	number := func() (uint64, bool) {
		n, length := binary.Uvarint(b[at:])
		if length <= 0 || n > math.MaxInt32 {
			return 0, false
		}
		at += length
		return n, true
	}
	count, ok := number()
	for ; ok && count > 0; count-- {
		if _, ok = number(); !ok { // the tag
			break
		}
		var size uint64
		if size, ok = number(); ok {
			at += int(size)
			ok = at <= len(b)
		}
	}
	return at, ok
}
