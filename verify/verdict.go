package verify

import "fmt"

// Verdict of a rule, an assumption or a run. The zero value is Inconclusive: what was not judged is
// never green.
type Verdict uint8

const (
	// Inconclusive says neither: nothing was judged, or what was judged cannot be relied on.
	Inconclusive Verdict = iota
	// Pass says that something was judged and no violation was found.
	Pass
	// Fail says that a violation was found.
	Fail
)

// rank orders verdicts: fail outranks inconclusive outranks pass.
func (v Verdict) rank() int {
	switch v {
	case Pass:
		return 0
	case Fail:
		return 2
	}
	return 1
}

// Worst is the verdict that outranks the other: fail before inconclusive before pass.
func Worst(a, b Verdict) Verdict {
	if b.rank() > a.rank() {
		return b
	}
	return a
}

// String is "pass", "fail" or "inconclusive".
func (v Verdict) String() string {
	switch v {
	case Pass:
		return "pass"
	case Fail:
		return "fail"
	}
	return "inconclusive"
}

// MarshalText implements encoding.TextMarshaler.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText takes what String gives.
func (v *Verdict) UnmarshalText(text []byte) error {
	for _, known := range []Verdict{Inconclusive, Pass, Fail} {
		if known.String() == string(text) {
			*v = known
			return nil
		}
	}
	return fmt.Errorf("unknown verdict %q: known are pass, fail, inconclusive", text)
}
