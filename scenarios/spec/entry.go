package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/logproof/logproof/chaos/timeline"
)

// Limits of a timeline: more is a mistyped number.
const (
	maxRepeat = 10_000
	maxWeight = 1_000_000
	maxDraws  = 10_000
)

// entries checks the form of a timeline, or of a sequence in it: what the plan cannot see any more. The rest
// is timeline.Validate's.
func (c *checker) entries(at string, all []Fault) {
	for i, f := range all {
		at := fmt.Sprintf("%s[%d]", at, i)
		if c.written(at + ".repeat") {
			c.between(at+".repeat", int64(f.Repeat), 1, maxRepeat)
		}
		if f.Until != nil && c.written(at+".until.within") {
			c.positive(at+".until.within", f.Until.Within)
		}
		switch {
		case f.Mix != nil:
			c.only(at, "mix", "after", "until", "repeat")
			c.mix(at+".mix", f.Mix)
		case c.written(at + ".sequence"):
			c.only(at, "sequence", "until", "repeat")
			if len(f.Sequence) == 0 {
				c.errorf(at+".sequence", "a sequence without entries does nothing: remove it")
			}
			c.entries(at+".sequence", f.Sequence)
		default:
			c.params(at, f.Fault)
		}
	}
}

// written reports whether the file has a value.
func (c *checker) written(path string) bool {
	_, written := c.spec.source.places[path]
	return written
}

// only reports keys of an entry that do not go with what it is.
func (c *checker) only(at, what string, with ...string) {
	for path := range c.spec.source.keys {
		key, inside := strings.CutPrefix(path, at+".")
		if !inside || strings.ContainsAny(key, ".[") || key == what || slices.Contains(with, key) {
			continue
		}
		c.errorf(path, "%s does not go with %s, which takes %s beside it: remove it", key, what, strings.Join(with, ", "))
	}
}

// mix checks what faults are drawn from.
func (c *checker) mix(at string, m *Mix) {
	c.positive(at+".for", m.For)
	c.positive(at+".every", m.Every)
	if m.For > 0 && m.Every > 0 {
		if m.Every > m.For {
			c.errorf(at+".every", "every %v is longer than the mix, which takes %v", m.Every, m.For)
		}
		if m.For/m.Every > maxDraws {
			c.errorf(at+".every", "every %v for %v are more than %d draws", m.Every, m.For, maxDraws)
		}
	}
	if !(m.Calm >= 0 && m.Calm < 1) { // written so that NaN is wrong too
		c.errorf(at+".calm", "calm is %v: it is the part of the draws that draw no fault, from 0 to less than 1", m.Calm)
	}
	if len(m.Faults) == 0 {
		c.errorf(at+".faults", "a mix without faults draws nothing: write for example faults: [{fault: kill, target: any, hold: 1s}]")
	}
	for i, f := range m.Faults {
		at := fmt.Sprintf("%s.faults[%d]", at, i)
		c.between(at+".weight", int64(f.Weight), 1, maxWeight)
		c.params(at, f.Fault)
	}
}

// params reports parameters that are written and that the kind does not take.
func (c *checker) params(at string, kind timeline.Kind) {
	info, known := timeline.Lookup(kind)
	if !known {
		return // it is the plan's error
	}
	for _, name := range timeline.ParamNames() {
		if path := at + "." + string(name); c.written(path) && !info.Takes(name) {
			c.errorf(path, "%s", info.Refuse(name))
		}
	}
}

func (c *checker) guards() {
	if g := c.spec.Guards; c.written("guards.max_down") {
		c.between("guards.max_down", int64(g.MaxDown), 1, int64(max(1, c.spec.Brokers+c.spec.Controllers)))
	}
}
