package metadata

import (
	"bytes"
	"slices"
	"testing"
)

// What is said of a feature counts from then on, and an older image does not hear of it; what nobody has said is as in
// a new cluster.
func TestFeatureLevels(t *testing.T) {
	fresh := NewImage("c", nil)
	told := fresh.Apply([]Record{{FeatureLevel: &FeatureLevelRecord{TransactionVersion, 1}}})
	off := told.Apply([]Record{{FeatureLevel: &FeatureLevelRecord{TransactionVersion, 0}}, {FeatureLevel: &FeatureLevelRecord{"of.later", 7}}})
	for _, c := range []struct {
		im   *Image
		name string
		want int16
	}{
		{fresh, TransactionVersion, 2}, {fresh, GroupVersion, 0}, {fresh, ELRVersion, 1}, {fresh, "of.later", 0},
		{told, TransactionVersion, 1}, {told, ELRVersion, 1}, {off, TransactionVersion, 0}, {off, "of.later", 7},
	} {
		if got := c.im.FeatureLevel(c.name); got != c.want {
			t.Errorf("after %d records %s is %d, want %d", c.im.Offset, c.name, got, c.want)
		}
	}
	again, err := FromSnapshot(off.Snapshot())
	if err != nil || !bytes.Equal(again.Snapshot(), off.Snapshot()) || again.FeatureLevel(TransactionVersion) != 0 {
		t.Errorf("from a snapshot: %d, %v", again.FeatureLevel(TransactionVersion), err)
	}
	if bytes.Contains(fresh.Snapshot(), []byte("Levels")) {
		t.Error("a cluster that was told nothing has it in its snapshot")
	}
}

func TestFeatureTable(t *testing.T) {
	if !slices.IsSortedFunc(Features(), func(a, b Feature) int { return CompareNames(a.Name, b.Name) }) {
		t.Error("not by name: they are searched for")
	}
	for _, f := range Features() {
		if f.Min > f.Initial || f.Initial > f.Max || FindFeature(f.Name).Name != f.Name {
			t.Errorf("%+v", f)
		}
	}
	if FindFeature("share.version") != nil {
		t.Error("there are no share groups")
	}
}
