package api

import "testing"

// The partition of a group is that of Apache Kafka, so that its tools read our topic: these are values of Java's
// String.hashCode.
func TestCoordinatorPartition(t *testing.T) {
	for group, want := range map[string]int32{
		"":                   0,
		"hello":              99162322 % 50,
		"a-group":            1575452179 % 50,
		"polygenelubricants": 0, // the smallest number, which has no counterpart
		"\u00e4\U0001F600":   (31*(31*228+55357) + 56832) % 50,
	} {
		if got := CoordinatorPartition(group, 50); got != want {
			t.Errorf("%q: partition %d, want %d", group, got, want)
		}
	}
}
