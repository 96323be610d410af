package proxy

import (
	"encoding/binary"
	"math"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The library that decodes bodies trusts what they say of themselves: an array gets as much memory as it
// claims to need, and tagged fields are read as often as a count says. So every answer is walked here by
// its shape first: what it says must lie within the frame. An answer whose shape is not known, or that
// has another one, passes unchanged.

// elementsMax is how many elements and tagged fields one answer may have.
const elementsMax = 1 << 18

// part of a body; structure is a struct of the protocol: its parts, and in flexible versions its tagged
// fields, of which those that are known have parts as well.
type (
	part      func(*walk)
	structure struct {
		parts  []part
		tagged map[uint64][]part
	}
)

func of(parts ...part) structure { return structure{parts: parts} }

// tags are those that are known, by number.
func (s structure) tags(tagged map[uint64][]part) structure {
	s.tagged = tagged
	return s
}

// text is a string or null, blob are bytes or null.
func text(w *walk) { w.skip(w.length(2)) }
func blob(w *walk) { w.skip(w.length(4)) }

// fixed is fields that have so many bytes together.
func fixed(size int64) part { return func(w *walk) { w.skip(size) } }

// numbers is an array of fields of a size.
func numbers(size int64) part { return list(structure{parts: []part{fixed(size)}}, false) }

// structs is an array of structs.
func structs(s structure) part { return list(s, true) }

func list(s structure, tags bool) part {
	return func(w *walk) {
		for n := w.elements(w.length(4)); n > 0 && !w.bad; n-- {
			if tags {
				w.structure(s)
			} else {
				w.parts(s.parts)
			}
		}
	}
}

// between is parts of some versions only, from of all after one.
func between(low, high int16, parts ...part) part {
	return func(w *walk) {
		if w.version >= low && w.version <= high {
			w.parts(parts)
		}
	}
}

func from(low int16, parts ...part) part { return between(low, math.MaxInt16, parts...) }

// inline is a struct in a field.
func inline(s structure) part { return func(w *walk) { w.structure(s) } }

// topicUntil is how a topic is named: by its name up to a version, then by its id.
func topicUntil(version int16) part {
	name, id := between(0, version, text), from(version+1, fixed(16))
	return func(w *walk) { name(w); id(w) }
}

var (
	leaderTag  = []part{inline(of(fixed(8)))}
	brokersTag = map[uint64][]part{0: {structs(of(fixed(4), text, fixed(4), text))}}
	errorParts = structs(of(fixed(4 + 2))) // partition, error
	replicas   = structs(of(fixed(4), from(2, fixed(16)), fixed(8), from(1, fixed(16))))
)

// answerShapes are those of the answers that rules can look into.
var answerShapes = map[int16]structure{
	kmsg.Produce.Int16(): of(structs(of(topicUntil(12), structs(of(fixed(14), from(2, fixed(8)), from(5, fixed(8)),
		from(8, structs(of(fixed(4), text)), text)).tags(map[uint64][]part{0: leaderTag})))), from(1, fixed(4))).tags(brokersTag),
	kmsg.Fetch.Int16(): of(from(1, fixed(4)), from(7, fixed(6)), structs(of(topicUntil(12), structs(of(fixed(14), from(4, fixed(8)), from(5, fixed(8)),
		from(4, structs(of(fixed(16)))), from(11, fixed(4)), blob).tags(map[uint64][]part{0: {inline(of(fixed(12)))}, 1: leaderTag, 2: {inline(of(fixed(12)))}}))))).tags(brokersTag),
	kmsg.ListOffsets.Int16(): of(from(2, fixed(4)), structs(of(text, structs(of(fixed(6), between(0, 0, numbers(8)), from(1, fixed(16)), from(4, fixed(4))))))),
	kmsg.Metadata.Int16(): of(from(3, fixed(4)), structs(of(fixed(4), text, fixed(4), from(1, text))), from(2, text), from(1, fixed(4)),
		structs(of(fixed(2), text, from(10, fixed(16)), from(1, fixed(1)), structs(of(fixed(10), from(7, fixed(4)), numbers(4), numbers(4), from(5, numbers(4)))),
			from(8, fixed(4)))), between(8, 10, fixed(4)), from(13, fixed(2))),
	kmsg.OffsetCommit.Int16(): of(from(3, fixed(4)), structs(of(topicUntil(9), errorParts))),
	kmsg.OffsetFetch.Int16(): of(from(3, fixed(4)), between(0, 7, structs(of(text, structs(of(fixed(12), from(5, fixed(4)), text, fixed(2)))))), between(2, 7, fixed(2)),
		from(8, structs(of(text, structs(of(topicUntil(9), structs(of(fixed(16), text, fixed(2))))), fixed(2))))),
	kmsg.FindCoordinator.Int16(): of(from(1, fixed(4)), between(0, 3, fixed(2)), between(1, 3, text), between(0, 3, fixed(4), text, fixed(4)),
		from(4, structs(of(text, fixed(4), text, fixed(6), text)))),
	kmsg.JoinGroup.Int16():  of(from(2, fixed(4)), fixed(6), from(7, text), text, text, from(9, fixed(1)), text, structs(of(text, from(5, text), blob))),
	kmsg.Heartbeat.Int16():  of(from(1, fixed(4)), fixed(2)),
	kmsg.LeaveGroup.Int16(): of(from(1, fixed(4)), fixed(2), from(3, structs(of(text, text, fixed(2))))),
	kmsg.SyncGroup.Int16():  of(from(1, fixed(4)), fixed(2), from(5, text, text), blob),
	kmsg.ApiVersions.Int16(): of(fixed(2), structs(of(fixed(6))), from(1, fixed(4))).tags(map[uint64][]part{
		0: {structs(of(text, fixed(4)))}, 1: {fixed(8)}, 2: {structs(of(text, fixed(4)))}, 3: {fixed(1)}}),
	kmsg.CreateTopics.Int16(): of(from(2, fixed(4)), structs(of(text, from(7, fixed(16)), fixed(2), from(1, text), from(5, fixed(6)),
		from(5, structs(of(text, text, fixed(3))))).tags(map[uint64][]part{0: {fixed(2)}}))),
	kmsg.DeleteTopics.Int16():         of(from(1, fixed(4)), structs(of(text, from(6, fixed(16)), fixed(2), from(5, text)))),
	kmsg.InitProducerID.Int16():       of(fixed(16)),
	kmsg.OffsetForLeaderEpoch.Int16(): of(from(2, fixed(4)), structs(of(text, structs(of(fixed(6), from(1, fixed(4)), fixed(8)))))),
	kmsg.AddPartitionsToTxn.Int16():   of(fixed(4), from(4, fixed(2), structs(of(text, structs(of(text, errorParts))))), between(0, 3, structs(of(text, errorParts)))),
	kmsg.AddOffsetsToTxn.Int16():      of(fixed(6)),
	kmsg.EndTxn.Int16():               of(fixed(6), from(5, fixed(10))),
	kmsg.TxnOffsetCommit.Int16():      of(fixed(4), structs(of(topicUntil(5), errorParts))),
	kmsg.AlterPartition.Int16():       of(fixed(6), structs(of(topicUntil(1), structs(of(fixed(14), numbers(4), from(1, fixed(1)), fixed(4)))))),
	kmsg.BrokerHeartbeat.Int16():      of(fixed(9)),
	kmsg.DescribeQuorum.Int16(): of(fixed(2), from(2, text), structs(of(text, structs(of(fixed(6), from(2, text), fixed(16), replicas, replicas)))),
		from(2, structs(of(fixed(4), structs(of(text, text, fixed(2))))))),
}

// walk passes over a body.
type walk struct {
	rest     []byte
	version  int16
	flexible bool
	count    int64
	// bad says that the body is not as it says.
	bad bool
}

// fits says whether a body has the shape of its kind, from its first byte to its last.
func fits(response kmsg.Response, body []byte) bool {
	shape, ok := answerShapes[response.Key()]
	w := walk{rest: body, version: response.GetVersion(), flexible: response.IsFlexible()}
	if ok {
		w.structure(shape)
	}
	return ok && !w.bad && len(w.rest) == 0
}

func (w *walk) structure(s structure) {
	w.parts(s.parts)
	if !w.flexible {
		return
	}
	for n := w.elements(w.uvarint()); n > 0 && !w.bad; n-- {
		tag, size := w.uvarint(), w.uvarint()
		inner := *w
		if w.skip(size); w.bad {
			return
		}
		inner.rest = inner.rest[:size]
		inner.parts(s.tagged[uint64(tag)])
		w.bad, w.count = inner.bad, inner.count
	}
}

func (w *walk) parts(parts []part) {
	for _, p := range parts {
		if p(w); w.bad {
			return
		}
	}
}

func (w *walk) skip(n int64) {
	if n > int64(len(w.rest)) {
		w.bad = true
		return
	}
	w.rest = w.rest[max(n, 0):]
}

// length of a string (two bytes in versions that are not flexible), of bytes or an array (four); -1 is null.
func (w *walk) length(size int) (n int64) {
	switch {
	case w.flexible:
		return w.uvarint() - 1
	case len(w.rest) < size:
		w.bad = true
		return 0
	case size == 2:
		n = int64(int16(binary.BigEndian.Uint16(w.rest)))
	default:
		n = int64(int32(binary.BigEndian.Uint32(w.rest)))
	}
	w.rest = w.rest[size:]
	return n
}

// elements counts n elements, each of which has a byte at least; 0 of null.
func (w *walk) elements(n int64) int64 {
	w.count += max(n, 0)
	w.bad = w.bad || n > int64(len(w.rest)) || w.count > elementsMax
	return n
}

func (w *walk) uvarint() int64 {
	n, size := binary.Uvarint(w.rest)
	if size <= 0 || n > math.MaxUint32 {
		w.bad = true
		return 0
	}
	w.rest = w.rest[size:]
	return int64(n)
}
