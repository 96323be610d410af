package spec

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	millisecond = time.Millisecond
	second      = time.Second
)

// Duration is a time.Duration that is written and read as text: "500ms".
type Duration time.Duration

// String is the duration as Go writes it.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a number with a unit: "500ms", "2s", "1m30s".
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration: write a number with a unit, such as 500ms or 2s", text)
	}
	*d = Duration(parsed)
	return nil
}

// Size is a number of bytes that is written and read as text: "256B", "64KiB".
type Size int64

// units of a Size, largest first. Only powers of two: in these files a kilobyte of 1000 bytes would
// be a mistake more often than a wish.
var units = [...]struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// String is the size in the largest unit that divides it: "1MiB", "1000B".
func (s Size) String() string {
	for _, u := range units {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// MarshalText writes String.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a whole number with a unit: B, KiB, MiB or GiB; without one it is bytes.
func (s *Size) UnmarshalText(text []byte) error {
	number, factor := string(text), int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, factor = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not a size: write a whole number with a unit B, KiB, MiB or GiB, such as 256B", text)
	}
	if n > math.MaxInt64/factor || n < math.MinInt64/factor {
		return fmt.Errorf("%q is more bytes than 63 bits hold", text)
	}
	*s = Size(n * factor)
	return nil
}

// ByteRate is a number of bytes a second that is written and read as text: "64KiB/s".
type ByteRate int64

// String is the rate in the largest unit that divides it.
func (r ByteRate) String() string { return Size(r).String() + "/s" }

// MarshalText writes String.
func (r ByteRate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a Size for each second: "64KiB/s".
func (r *ByteRate) UnmarshalText(text []byte) error {
	size, ok := strings.CutSuffix(string(text), "/s")
	if !ok || (*Size)(r).UnmarshalText([]byte(size)) != nil {
		return fmt.Errorf("%q is not a rate: write bytes a second with a unit, such as 64KiB/s", text)
	}
	return nil
}

// Acks is how many replicas a producer waits for, in Kafka's words.
type Acks string

const (
	// AcksAll waits for every in-sync replica.
	AcksAll Acks = "all"
	// AcksLeader waits for the leader only.
	AcksLeader Acks = "1"
	// AcksNone waits for nobody.
	AcksNone Acks = "0"
)

// UnmarshalText takes any scalar, the numbers too; check reports the unknown ones.
func (a *Acks) UnmarshalText(text []byte) error {
	*a = Acks(text)
	return nil
}
