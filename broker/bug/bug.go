package bug

import (
	"fmt"
	"sort"
	"strings"
)

// Name of a planted bug, as --bug takes it.
type Name string

const (
	// AckBeforeWrite acknowledges a produce request before its records are on disk.
	AckBeforeWrite Name = "ack-before-write"
	// NoDedupe ignores the sequence numbers of idempotent producers.
	NoDedupe Name = "no-dedupe"
	// RecoveryDropsTail cuts the last whole batch of every log when it recovers.
	RecoveryDropsTail Name = "recovery-drops-tail"
	// FlipOrder appends two batches of one producer in the wrong order, now and then.
	FlipOrder Name = "flip-order"
	// CorruptPayload changes a byte of a record and stamps a matching checksum, now and then.
	CorruptPayload Name = "corrupt-payload"
)

// all maps every planted bug to its description.
var all = map[Name]string{
	AckBeforeWrite:    "acknowledge a produce request before its records are on disk",
	NoDedupe:          "ignore the sequence numbers of idempotent producers",
	RecoveryDropsTail: "cut the last whole batch of every log at recovery",
	FlipOrder:         "append two batches of one producer in the wrong order",
	CorruptPayload:    "change a byte of a record and stamp a matching checksum",
}

// Set of planted bugs; nil is none.
type Set map[Name]bool

// Has reports whether the bug is planted.
func (s Set) Has(n Name) bool { return s[n] }

// String is the comma-separated form that Parse takes.
func (s Set) String() string {
	names := make([]string, 0, len(s))
	for n, on := range s {
		if on {
			names = append(names, string(n))
		}
	}
	sort.Strings(names)
	return strings.Join(names, ",")
}

// Names lists every planted bug, sorted.
func Names() []Name {
	names := make([]Name, 0, len(all))
	for n := range all {
		names = append(names, n)
	}
	sort.Slice(names, func(i, j int) bool { return names[i] < names[j] })
	return names
}

// Describe says in one line what the bug does wrong.
func Describe(n Name) string { return all[n] }

// Parse reads a comma-separated list of names; "" is none.
func Parse(list string) (Set, error) {
	if list == "" {
		return nil, nil
	}
	s := Set{}
	for _, name := range strings.Split(list, ",") {
		n := Name(strings.TrimSpace(name))
		if _, ok := all[n]; !ok {
			return nil, fmt.Errorf("unknown bug %q: known are %v", n, Names())
		}
		s[n] = true
	}
	return s, nil
}
