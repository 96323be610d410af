package metadata

import (
	"maps"
	"slices"
)

// Names of the features that this cluster acts on.
const (
	// TransactionVersion is how transactions are done (KIP-890): 2 raises the epoch of a producer with every
	// transaction, and a produce request takes its partitions into the transaction; with 1 and 0 clients do that
	// themselves. Clients go by the level that is finalised.
	TransactionVersion = "transaction.version"
	// GroupVersion is which protocols of groups there are: 1 is that of KIP-848.
	GroupVersion = "group.version"
	// MetadataVersion is what the controllers write.
	MetadataVersion = "metadata.version"
	// ELRVersion 1 keeps eligible leader replicas (KIP-966).
	ELRVersion = "eligible.leader.replicas.version"
)

// Feature is something that all brokers of a cluster do alike, at a level that the cluster agrees on (KIP-584).
type Feature struct {
	Name string
	// Min and Max are the levels that this program can work at; 0 is to do without.
	Min, Max int16
	// Initial is the level of a cluster that was never told another.
	Initial int16
}

// features by name. Those of which this program has no choice have one level: what it writes has one form, and
// eligible leader replicas are always kept.
var features = [...]Feature{
	{Name: ELRVersion, Min: 1, Max: 1, Initial: 1},
	{Name: GroupVersion, Min: 0, Max: 0, Initial: 0},
	{Name: MetadataVersion, Min: 33, Max: 33, Initial: 33}, // what a client finds here is Apache Kafka 4.4's
	{Name: TransactionVersion, Min: 0, Max: 2, Initial: 2},
}

// Features are those that this program knows, by name. The slice must not be changed.
func Features() []Feature { return features[:] }

// FindFeature gives a feature by name; nil if this program does not know it.
func FindFeature(name string) *Feature {
	i, ok := slices.BinarySearchFunc(features[:], name, func(f Feature, name string) int { return CompareNames(f.Name, name) })
	if !ok {
		return nil
	}
	return &features[i]
}

// FeatureLevelRecord says at which level a feature is from now on, in the whole cluster.
type FeatureLevelRecord struct {
	Name  string `json:"name"`
	Level int16  `json:"level"`
}

// FeatureLevel is the level of a feature in the cluster: what was last said of it, or else its initial one; 0 if
// nobody knows it.
func (im *Image) FeatureLevel(name string) int16 {
	if level, ok := im.levels[name]; ok {
		return level
	}
	if f := FindFeature(name); f != nil {
		return f.Initial
	}
	return 0
}

// applyFeature takes note of a level.
func (im *Image) applyFeature(r *FeatureLevelRecord) {
	levels := maps.Clone(im.levels) // an older image has it too
	if levels == nil {
		levels = map[string]int16{}
	}
	levels[r.Name] = r.Level
	im.levels = levels
}
