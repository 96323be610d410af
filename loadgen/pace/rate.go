package pace

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Rate is a number of records in a span of time, kept as the two whole numbers it was written with.
// The zero Rate is "no load": it is not valid, and a schedule of it has no records.
type Rate struct {
	// Records due in every Per, at least 1.
	Records uint64
	// Per is the span, at least 1 ns.
	Per time.Duration
}

// PerSecond returns the rate of n records a second.
func PerSecond(n uint64) Rate { return Rate{Records: n, Per: time.Second} }

// Validate reports why r cannot pace a load, or nil.
func (r Rate) Validate() error {
	switch {
	case r.Records == 0:
		return errors.New("rate has no records: write for example 6000/s")
	case r.Per <= 0:
		return fmt.Errorf("rate is per %v: the span must be positive, for example 6000/s or 50/100ms", r.Per)
	}
	return nil
}

// RecordsPerSecond is the rate as people compare it; schedules do not use it.
func (r Rate) RecordsPerSecond() float64 {
	if r.Per <= 0 {
		return 0
	}
	return float64(r.Records) / r.Per.Seconds()
}

// spans that a rate names without a number, and the multipliers of its count. Both are read-only.
var (
	spanNames = [...]struct {
		name string
		span time.Duration
	}{
		{"s", time.Second}, {"ms", time.Millisecond}, {"us", time.Microsecond}, {"ns", time.Nanosecond},
		{"m", time.Minute}, {"h", time.Hour},
	}
	multipliers = [...]struct {
		suffix string
		factor uint64
	}{{"k", 1_000}, {"M", 1_000_000}, {"G", 1_000_000_000}}
)

// ParseRate reads "6000/s", "10k/s", "1.5M/s" or "50/100ms": a count with an optional suffix k, M or G
// (powers of 1000), a slash, and a span: a unit alone (ns, us, ms, s, m, h) or a Go duration.
func ParseRate(text string) (Rate, error) {
	count, span, found := strings.Cut(text, "/")
	if !found {
		return Rate{}, fmt.Errorf("rate %q has no span: write for example 6000/s or 50/100ms", text)
	}
	records, err := parseCount(strings.TrimSpace(count))
	if err != nil {
		return Rate{}, fmt.Errorf("rate %q: %w", text, err)
	}
	per, err := parseSpan(strings.TrimSpace(span))
	if err != nil {
		return Rate{}, fmt.Errorf("rate %q: %w", text, err)
	}
	r := Rate{Records: records, Per: per}
	if err := r.Validate(); err != nil {
		return Rate{}, fmt.Errorf("rate %q: %w", text, err)
	}
	return r, nil
}

// parseCount reads a whole number, or a decimal one whose suffix makes it whole ("1.5k").
func parseCount(text string) (uint64, error) {
	digits, factor := text, uint64(1)
	for _, m := range multipliers {
		if rest, ok := strings.CutSuffix(text, m.suffix); ok {
			digits, factor = rest, m.factor
		}
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	n, err := strconv.ParseUint(whole, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a count of records", text)
	}
	if n > math.MaxUint64/factor {
		return 0, fmt.Errorf("%q is more records than 64 bits hold", text)
	}
	n *= factor
	for _, digit := range fraction {
		factor /= 10
		if digit < '0' || digit > '9' || factor == 0 {
			return 0, fmt.Errorf("%q is not a whole count of records", text)
		}
		n += uint64(digit-'0') * factor
	}
	return n, nil
}

func parseSpan(text string) (time.Duration, error) {
	for _, s := range spanNames {
		if s.name == text {
			return s.span, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a span: write s, ms or a duration such as 100ms", text)
	}
	return d, nil
}

// String is the form that ParseRate reads back to the same Rate: "6000/s", "50/100ms".
func (r Rate) String() string {
	span := r.Per.String()
	for _, s := range spanNames {
		if s.span == r.Per {
			span = s.name
		}
	}
	return strconv.FormatUint(r.Records, 10) + "/" + span
}

// MarshalText writes String, so that a Rate in JSON or YAML is readable. The zero Rate is "".
func (r Rate) MarshalText() ([]byte, error) {
	if r == (Rate{}) {
		return nil, nil
	}
	return []byte(r.String()), nil
}

// UnmarshalText reads what ParseRate reads, and "" as the zero Rate.
func (r *Rate) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*r = Rate{}
		return nil
	}
	parsed, err := ParseRate(string(text))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}
