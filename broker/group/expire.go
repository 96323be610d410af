package group

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Expire removes offsets that nobody has used for as long as they are kept, and then the groups of which nothing is
// left. Offsets of a group count from when it became empty, those of a consumer without a group from when they were
// committed, as do those of a topic that the members of a group no longer read (KIP-211).
func (m *Machine) Expire(now time.Time) {
	wall := m.cfg.Wall(now).UnixMilli()
	for _, g := range m.sorted() {
		var gone []partition
		for _, p := range sortedPartitions(g.offsets) {
			if g.inFlight[p] == 0 && !g.unstable(p) && wall >= m.expiry(g, p) {
				gone = append(gone, p)
			}
		}
		whole := g.state == Empty && g.stored && len(gone) == len(g.offsets) && len(g.inFlight)+len(g.pending)+len(g.promises.open) == 0
		if len(gone) > 0 || whole {
			m.remove(now, g, gone, whole, func(*kerr.Error) {}) // what could not be removed is found again
		}
	}
}

// expiry is when an offset is no longer kept, in milliseconds since 1970.
func (m *Machine) expiry(g *group, p partition) int64 {
	const never = 1<<63 - 1
	o := g.offsets[p]
	switch {
	case g.state != Empty && (!g.consumers() || g.state != Stable || g.subscribed(p.topic)):
		return never
	case o.expires >= 0:
		return o.expires
	case g.state == Empty && g.protocolType != "":
		return max(g.since.UnixMilli(), o.committed) + m.cfg.Retention.Milliseconds()
	}
	return o.committed + m.cfg.Retention.Milliseconds()
}

// Forget removes the offsets of topics that are gone, pending ones too, by name and id; the id is zero where none was
// kept.
func (m *Machine) Forget(now time.Time, isGone func(topic string, id [16]byte) bool) {
	for _, g := range m.sorted() {
		var gone []partition
		for _, p := range sortedPartitions(g.offsets) {
			if isGone(p.topic, g.offsets[p].topic) {
				gone = append(gone, p)
			}
		}
		for _, p := range sortedPartitions(g.promises.open) {
			o, _ := g.promised(p)
			if isGone(p.topic, o.topic) && !slices.Contains(gone, p) {
				gone = append(gone, p)
			}
		}
		if len(gone) > 0 {
			m.remove(now, g, gone, false, func(*kerr.Error) {})
		}
	}
}
