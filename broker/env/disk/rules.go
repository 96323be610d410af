package disk

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Rules say how the disk misbehaves. The zero value is a disk without faults.
type Rules struct {
	// SyncDelay is the least time that each Sync of a file or a directory takes.
	SyncDelay time.Duration
	// LoseUnsynced keeps what is written in the memory of the process until Sync.
	LoseUnsynced bool
	// Space is the most bytes that all files together may have; 0 is no limit.
	Space int64
	// SyncError is the number of the Sync, counted from 1 over all files since the rules came into force,
	// that fails with EIO; from then on every Sync of that file fails. 0 is none.
	SyncError int
	// SyncFails makes every Sync fail with EIO that has something to make durable, from now on. What it
	// was to cover is given up, as Linux does it: it can still be read, it is never written to disk, and a
	// second Sync says that all is well. Without LoseUnsynced there is nothing that could be given up.
	SyncFails bool
	// WriteDelay is the least time that each write takes.
	WriteDelay time.Duration
	// WriteFails makes every write, cut and new file fail with EIO from now on.
	WriteFails bool
}

// Known is the language of Parse, for messages and for help.
const Known = "sync-delay=DURATION, lose-unsynced, space=SIZE, sync-error=N or now, write-delay=DURATION, write-error=now"

// Parse reads rules separated by commas, such as "sync-delay=5ms,lose-unsynced,space=64MiB". The empty
// string is a disk without faults. A duration is written as time.ParseDuration reads it, a size as a number
// with B, KiB, MiB, GiB, TiB or nothing for bytes.
func Parse(text string) (Rules, error) {
	var rules Rules
	if strings.TrimSpace(text) == "" {
		return rules, nil
	}
	seen := map[string]bool{}
	for word := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(word), "=")
		if err := rules.set(name, value); err != nil {
			return Rules{}, fmt.Errorf("disk rule %q: %w; the rules are %s", strings.TrimSpace(word), err, Known)
		}
		if seen[name] {
			return Rules{}, fmt.Errorf("disk rule %q is given twice; give each rule once", name)
		}
		seen[name] = true
	}
	return rules, nil
}

// set reads one rule. A value that would switch the rule off is an error: it can only be a mistake.
func (r *Rules) set(name, value string) (err error) {
	switch name {
	case "sync-delay":
		r.SyncDelay, err = parseDelay(value)
	case "write-delay":
		r.WriteDelay, err = parseDelay(value)
	case "lose-unsynced":
		r.LoseUnsynced = true
		if value != "" {
			err = errors.New("it takes no value")
		}
	case "space":
		r.Space, err = parseSize(value)
	case "write-error":
		if r.WriteFails = value == now; !r.WriteFails {
			err = errors.New("its only value is now")
		}
	case "sync-error":
		if r.SyncFails = value == now; r.SyncFails {
			return nil
		}
		r.SyncError, err = strconv.Atoi(value)
		if err == nil && r.SyncError < 1 {
			err = errors.New("syncs are counted from 1")
		}
	default:
		err = errors.New("no such rule")
	}
	return err
}

// now is the value of an error that begins with the rule.
const now = "now"

func parseDelay(text string) (time.Duration, error) {
	delay, err := time.ParseDuration(text)
	if err == nil && delay <= 0 {
		err = errors.New("the delay must be more than 0")
	}
	return delay, err
}

// String prints the rules as Parse reads them; a disk without faults is the empty string.
func (r Rules) String() string {
	var words []string
	if r.SyncDelay != 0 {
		words = append(words, "sync-delay="+r.SyncDelay.String())
	}
	if r.LoseUnsynced {
		words = append(words, "lose-unsynced")
	}
	if r.Space != 0 {
		words = append(words, "space="+formatSize(r.Space))
	}
	if r.SyncError != 0 {
		words = append(words, "sync-error="+strconv.Itoa(r.SyncError))
	}
	if r.SyncFails {
		words = append(words, "sync-error="+now)
	}
	if r.WriteDelay != 0 {
		words = append(words, "write-delay="+r.WriteDelay.String())
	}
	if r.WriteFails {
		words = append(words, "write-error="+now)
	}
	return strings.Join(words, ",")
}

// units of a size, largest first; the empty one stands for bytes when reading.
var units = [...]struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}

func parseSize(text string) (int64, error) {
	for _, unit := range units {
		digits, ok := strings.CutSuffix(text, unit.name)
		if !ok {
			continue
		}
		number, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || number < 1 {
			return 0, fmt.Errorf("size %q is not a whole number above 0 with B, KiB, MiB, GiB or TiB", text)
		}
		if number > math.MaxInt64/unit.bytes {
			return 0, fmt.Errorf("size %q is too large", text)
		}
		return number * unit.bytes, nil
	}
	panic("disk: the empty unit fits every text")
}

// formatSize uses the largest unit that loses nothing.
func formatSize(bytes int64) string {
	for _, unit := range units {
		if bytes%unit.bytes == 0 {
			return strconv.FormatInt(bytes/unit.bytes, 10) + unit.name
		}
	}
	panic("disk: every size is a whole number of bytes")
}
