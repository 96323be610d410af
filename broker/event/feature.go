package event

import "fmt"

// FeatureChanged is another level of something that all brokers do alike, as of transactions. The active controller
// emits it when it is committed.
type FeatureChanged struct {
	Feature string `json:"feature"`
	Before  int16  `json:"before"`
	Level   int16  `json:"level"`
}

// Name implements Event.
func (FeatureChanged) Name() string { return "feature-changed" }

// String implements Event.
func (e FeatureChanged) String() string {
	return fmt.Sprintf("%s is at level %d, it was at %d", e.Feature, e.Level, e.Before)
}
