package linearize

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// How windows are cut.
const (
	// around is how many offsets to both sides of an anomaly belong to its window.
	around = 48
	// longest stretch of offsets that is taken of one anomaly or piece of evidence.
	longest = 256
	// alike is how many anomalies of one class in one partition have a window each.
	alike = 3
	// holeMax is the number of offsets between those of a window that are taken in too: what stands there must
	// have been appended by somebody.
	holeMax = 64
	// recordsMax of one window, as its table has a hash for each.
	recordsMax = 1 << 15
	// searched is how many appends there are in a window for each operation that it may have: each is read by
	// several readers, who are told watermarks too.
	searched = 4
)

// window is one part of a partition that is judged on its own.
type window struct {
	partition history.Partition
	place     *place
	why       string
	// anomaly that it is about, nil for none.
	anomaly *verify.Anomaly
	// from and to are which appends it is about, in order of acknowledgement; both 0 of an anomaly.
	from, to int
	offsets  offsets
	collected
}

// choose says where to look: at each anomaly, then where something happened, then anywhere.
func choose(s *survey, report verify.Report, cfg Config) (chosen []*window) {
	chosen = s.anomalies(report, cfg.Windows/2)
	rng := rand.New(rand.NewPCG(uint64(cfg.Seed), 0x10c))
	size := max(1, cfg.Operations/searched)
	places := sortedPlaces(s.places)
	var points, blocks []*window
	for _, p := range places {
		at := s.places[p]
		if !at.reached() {
			continue
		}
		var last *window
		for _, point := range at.points {
			if last != nil && point.appends < last.to-size/4 {
				if !strings.Contains(last.why, point.why) {
					last.why += ", " + point.why
				}
				continue
			}
			// A third before, the rest after: what a fault breaks shows when it is over.
			from := max(0, min(point.appends-size/3, at.appends-size))
			last = &window{partition: p, place: at, why: point.why, from: from, to: min(at.appends, from+size)}
			points = append(points, last)
		}
		for from := 0; from < at.appends; from += size {
			blocks = append(blocks, &window{partition: p, place: at, why: "drawn", from: from, to: min(at.appends, from+size)})
		}
	}
	for _, list := range [][]*window{points, blocks} {
		rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for _, w := range list {
			if len(chosen) < cfg.Windows && !covered(chosen, w) {
				chosen = append(chosen, w)
			}
		}
	}
	return chosen
}

// covered reports whether the appends of a window are those of others that were chosen.
func covered(chosen []*window, w *window) bool {
	left := offsets{{int64(w.from), int64(w.to)}}.size()
	var have offsets
	for _, c := range chosen {
		if c.partition == w.partition && c.anomaly == nil {
			have.add(int64(c.from), int64(c.to))
		}
	}
	for _, part := range have.within(int64(w.from), int64(w.to)) {
		left -= part.end - part.first
	}
	return left <= 0
}

// anomalies makes windows around the first of the listed anomalies of each class and partition that stand
// somewhere, at most so many in all.
func (s *survey) anomalies(report verify.Report, most int) (list []*window) {
	type sort struct {
		class     verify.Class
		partition history.Partition
	}
	looked := map[sort]int{}
	for _, rule := range report.Rules {
		for i := range rule.Anomalies {
			a := &rule.Anomalies[i]
			at := s.places[a.Partition]
			key := sort{a.Class, a.Partition}
			if at == nil || !at.reached() || len(list) == most || looked[key] == alike {
				continue
			}
			w := &window{partition: a.Partition, place: at, why: string(a.Class), anomaly: a}
			if a.Offset != history.Unset {
				w.near(a.Offset, a.Count)
			}
			for _, op := range a.Evidence {
				for _, run := range op.Runs {
					if run.Partition == a.Partition && run.FirstOffset != history.Unset {
						w.near(run.FirstOffset, int64(run.Count))
					}
				}
			}
			if len(w.offsets) > 0 {
				looked[key]++
				list = append(list, w)
			}
		}
	}
	return list
}

// near takes offsets into the window, and those around them.
func (w *window) near(first, count int64) {
	w.offsets.add(max(0, first-around), first+min(count, longest)+around)
}

func sortedPlaces(m map[history.Partition]*place) []history.Partition {
	keys := make([]history.Partition, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b history.Partition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Index, b.Index))
	})
	return keys
}
