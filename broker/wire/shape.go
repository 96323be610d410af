package wire

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The library that decodes bodies trusts what they say of themselves: an array gets as many elements of
// memory as it claims, and tagged fields are read as often as a count says, whether there is anything to
// read or not. So before it sees a body, that is walked here, by its shape: every length must lie within the
// frame, and all arrays together may have elementsMax elements.

// elementsMax is how many elements and tagged fields one request may have: some tens of megabytes, decoded.
const elementsMax = 1 << 18

// shapes of the bodies of requests, in the order of the protocol:
//
//	1 2 4 8 16  a field of so many bytes      s  a string, null or not    b  bytes, null or not
//	*4 *s       an array of such fields       [ ... ]  an array of structs
//	?{ ... }    a struct that may be missing
//	#1{ ... }   a tagged field that is a struct; other tagged fields need no mention
//	v3+:  v3-5:  before a field: in these versions only
var shapes = compile(map[int16]string{
	kmsg.Produce.Int16(): "v3+:s 2 4 [ v3-12:s v13+:16 [ 4 b ] ]",
	kmsg.Fetch.Int16(): `v0-14:4 4 4 4 1 v7+:4 v7+:4
		[ v0-12:s v13+:16 [ 4 v9+:4 8 v12+:4 v5+:8 4 ] ] v7+:[ v0-12:s v13+:16 *4 ] v11+:s v15+:#1{ 4 8 }`,
	kmsg.ListOffsets.Int16():                "4 v2+:1 [ s [ 4 v4+:4 8 ] ] v10+:4",
	kmsg.Metadata.Int16():                   "[ v10+:16 s ] v4+:1 v8-10:1 v8+:1",
	kmsg.ApiVersions.Int16():                "v3+:s v3+:s v5+:s v5+:4",
	kmsg.CreateTopics.Int16():               "[ s 4 2 [ 4 *4 ] [ s s ] ] 4 1",
	kmsg.DeleteTopics.Int16():               "v0-5:*s v6+:[ s 16 ] 4",
	kmsg.InitProducerID.Int16():             "s 4 v3+:8 v3+:2",
	kmsg.OffsetForLeaderEpoch.Int16():       "v3+:4 [ s [ 4 4 4 ] ]",
	kmsg.ElectLeaders.Int16():               "v1+:1 [ s *4 ] 4",
	kmsg.AlterPartitionAssignments.Int16():  "4 v1+:1 [ s [ 4 *4 ] ]",
	kmsg.ListPartitionReassignments.Int16(): "4 [ s *4 ]",
	kmsg.DescribeTopicPartitions.Int16():    "[ s ] 4 ?{ s 4 }",
	kmsg.DescribeQuorum.Int16():             "[ s [ 4 ] ]",
	kmsg.AlterPartition.Int16():             "4 8 [ 16 [ 4 4 [ 4 8 ] 1 4 ] ]",
	kmsg.BrokerRegistration.Int16():         "4 s 16 [ s s 2 2 ] [ s 2 2 ] s 1 *16 8",
	kmsg.BrokerHeartbeat.Int16():            "4 8 8 1 1",
})

// field is one part of a shape.
type field struct {
	min, max int16 // versions
	kind     byte  // 'f' fixed, 's' string, 'b' bytes, '*' array of fields, '[' of structs, '?' struct or not, '#' tagged
	size     int   // of 'f', or the number of a tag
	of       []field
}

func compile(texts map[int16]string) map[int16][]field {
	all := map[int16][]field{}
	for key, text := range texts {
		words := strings.Fields(text)
		all[key] = parseShape(&words)
	}
	return all
}

// parseShape reads fields up to the end, or of its struct.
func parseShape(words *[]string) (fields []field) {
	for len(*words) > 0 {
		word := (*words)[0]
		*words = (*words)[1:]
		if word == "]" || word == "}" {
			break
		}
		f := field{max: 1<<15 - 1}
		if versions, rest, ok := strings.Cut(word, ":"); ok {
			word = rest
			from, to, between := strings.Cut(strings.TrimSuffix(versions[1:], "+"), "-")
			f.min = number(from)
			if between {
				f.max = number(to)
			}
		}
		switch f.kind = word[0]; f.kind {
		case '*':
			rest := []string{word[1:]}
			f.of = parseShape(&rest)
		case '[', '?':
			f.of = parseShape(words)
		case '#':
			f.size = int(number(strings.TrimSuffix(word[1:], "{")))
			f.of = parseShape(words)
		case 's', 'b':
		default:
			f.kind, f.size = 'f', int(number(word))
		}
		fields = append(fields, f)
	}
	return fields
}

func number(text string) int16 {
	n, err := strconv.ParseInt(text, 10, 16)
	if err != nil {
		panic(err) // a shape that is written wrongly: every test would find it
	}
	return int16(n)
}

// walker passes over a body.
type walker struct {
	rest     []byte
	version  int16
	flexible bool
	elements int
}

// checkShape says what is wrong with the body of a request; what comes after its end is not looked at.
func checkShape(body kmsg.Request, src []byte) (rest []byte, err error) {
	shape, ok := shapes[body.Key()]
	if !ok {
		return nil, nil // the private ones, which read themselves
	}
	w := walker{rest: src, version: body.GetVersion(), flexible: body.IsFlexible()}
	if err := w.structure(shape); err != nil {
		return nil, fmt.Errorf("%w at byte %d of %d", err, len(src)-len(w.rest), len(src))
	}
	return w.rest, nil
}

func (w *walker) structure(shape []field) error {
	for i := range shape {
		f := &shape[i]
		if w.version < f.min || w.version > f.max || f.kind == '#' {
			continue
		}
		if err := w.field(f); err != nil {
			return err
		}
	}
	if !w.flexible {
		return nil
	}
	return w.tags(shape)
}

func (w *walker) field(f *field) error {
	switch f.kind {
	case 'f':
		return w.skip(int64(f.size))
	case 's', 'b':
		n, err := w.length(f.kind == 's')
		if err != nil {
			return err
		}
		return w.skip(max(n, 0))
	case '?':
		present := w.rest
		if err := w.skip(1); err != nil || int8(present[0]) == -1 {
			return err
		}
		return w.structure(f.of)
	}
	n, err := w.length(false)
	if err != nil {
		return err
	}
	if n > int64(len(w.rest)) {
		return fmt.Errorf("an array of %d elements in %d bytes", n, len(w.rest))
	}
	if err := w.count(uint64(max(n, 0))); err != nil {
		return err
	}
	for ; n > 0 && err == nil; n-- {
		if f.kind == '[' {
			err = w.structure(f.of)
		} else {
			err = w.field(&f.of[0])
		}
	}
	return err
}

// length reads how long a string, bytes or an array is; -1 is null.
func (w *walker) length(short bool) (int64, error) {
	switch {
	case w.flexible:
		n, err := w.uvarint()
		return int64(n) - 1, err
	case short && len(w.rest) >= 2:
		n := int16(binary.BigEndian.Uint16(w.rest))
		w.rest = w.rest[2:]
		return int64(n), nil
	case !short && len(w.rest) >= 4:
		n := int32(binary.BigEndian.Uint32(w.rest))
		w.rest = w.rest[4:]
		return int64(n), nil
	}
	return 0, fmt.Errorf("the end is missing")
}

// tags passes the tagged fields of a struct.
func (w *walker) tags(shape []field) error {
	count, err := w.uvarint()
	if err == nil {
		err = w.count(uint64(count))
	}
	for ; count > 0 && err == nil; count-- {
		tag, bad := w.uvarint()
		size, bad2 := w.uvarint()
		if bad != nil || bad2 != nil || uint64(size) > uint64(len(w.rest)) {
			return fmt.Errorf("tagged field %d has %d bytes, %d are left", tag, size, len(w.rest))
		}
		inner := *w
		inner.rest = w.rest[:size]
		w.rest = w.rest[size:]
		for i := range shape {
			if f := &shape[i]; f.kind == '#' && f.size == int(tag) && w.version >= f.min && w.version <= f.max {
				err = inner.structure(f.of)
			}
		}
		w.elements = inner.elements
	}
	return err
}

func (w *walker) count(n uint64) error {
	if n > elementsMax || w.elements+int(n) > elementsMax {
		return fmt.Errorf("more than %d elements", elementsMax)
	}
	w.elements += int(n)
	return nil
}

func (w *walker) skip(n int64) error {
	if n > int64(len(w.rest)) {
		return fmt.Errorf("a field of %d bytes, %d are left", n, len(w.rest))
	}
	w.rest = w.rest[n:]
	return nil
}

// uvarint of at most 32 bits, as all lengths and counts are.
func (w *walker) uvarint() (uint32, error) {
	n, size := binary.Uvarint(w.rest)
	if size <= 0 || n > 1<<32-1 {
		return 0, fmt.Errorf("a length is cut short, or too long")
	}
	w.rest = w.rest[size:]
	return uint32(n), nil
}
