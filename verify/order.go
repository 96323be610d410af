package verify

import (
	"cmp"
	"slices"

	"github.com/logproof/logproof/verify/history"
)

// comparePartitions orders partitions by topic and index, for reports that do not depend on maps.
func comparePartitions(a, b history.Partition) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Index, b.Index))
}

// sortWindows orders stale windows by partition and reader.
func sortWindows(list []staleWindow) {
	slices.SortFunc(list, func(a, b staleWindow) int {
		return cmp.Or(comparePartitions(a.partition, b.partition), cmp.Compare(a.process, b.process))
	})
}

// sortedPartitions lists the keys of a map in the order of reports.
func sortedPartitions[V any](m map[history.Partition]V) []history.Partition {
	keys := make([]history.Partition, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, comparePartitions)
	return keys
}
