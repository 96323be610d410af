package process

import "testing"

// Where Kafka keeps these groups in 50 partitions: the absolute value of Java's hash of the name, modulo 50. The
// hash of clerks is negative, and the last one's is the smallest number.
func TestGroupPartitions(t *testing.T) {
	for group, want := range map[string]int32{"": 0, "a": 47, "workers": 41, "grüße": 23, "clerks": 2, "polygenelubricants": 0} {
		if got := groupPartition(group, 50); got != want {
			t.Errorf("group %q is in partition %d, want %d", group, got, want)
		}
	}
}
