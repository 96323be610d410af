package history

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// The text forms of the enumerations. They are part of the JSONL format.
var (
	kindNames = [...]string{
		Produce: "produce", Fetch: "fetch", Scan: "scan", Barrier: "barrier", Fault: "fault",
		Commit: "commit", Resume: "resume", Own: "own", Transact: "transact",
	}
	outcomeNames = [...]string{Unknown: "unknown", OK: "ok", Fail: "fail"}
	stageNames   = [...]string{Inject: "inject", Prove: "prove", Heal: "heal", ProveHealed: "prove-healed"}

	isolationNames = [...]string{ReadUncommitted: "read_uncommitted", ReadCommitted: "read_committed"}
	decisionNames  = [...]string{Undecided: "none", DecideCommit: "commit", DecideAbort: "abort"}
)

// name returns the i-th of names, or a number that no parser takes.
func name(names []string, i uint8) string {
	if int(i) < len(names) && names[i] != "" {
		return names[i]
	}
	return "?" + strconv.Itoa(int(i))
}

// parse finds text among names; what says which kind of name it is, for the error.
func parse(what string, names []string, text string) (uint8, error) {
	for i, n := range names {
		if n == text && n != "" {
			return uint8(i), nil
		}
	}
	known := strings.Fields(strings.Join(names, " "))
	return 0, fmt.Errorf("unknown %s %q: known are %s", what, text, strings.Join(known, ", "))
}

// String is the kind's name in text and JSONL: "produce".
func (k Kind) String() string { return name(kindNames[:], uint8(k)) }

// MarshalText implements encoding.TextMarshaler.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText takes what String gives; anything else is an error that lists the known names.
func (k *Kind) UnmarshalText(text []byte) error {
	v, err := parse("kind of operation", kindNames[:], string(text))
	*k = Kind(v)
	return err
}

// String is the outcome's name in text and JSONL: "unknown", "ok", "fail".
func (o Outcome) String() string { return name(outcomeNames[:], uint8(o)) }

// MarshalText implements encoding.TextMarshaler.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText takes what String gives; anything else is an error that lists the known names.
func (o *Outcome) UnmarshalText(text []byte) error {
	v, err := parse("outcome", outcomeNames[:], string(text))
	*o = Outcome(v)
	return err
}

// String is the stage's name in text and JSONL: "prove-healed".
func (s Stage) String() string { return name(stageNames[:], uint8(s)) }

// MarshalText implements encoding.TextMarshaler.
func (s Stage) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes what String gives; anything else is an error that lists the known names.
func (s *Stage) UnmarshalText(text []byte) error {
	v, err := parse("stage of a fault", stageNames[:], string(text))
	*s = Stage(v)
	return err
}

// String is the partition as people write it: "orders/3".
func (p Partition) String() string { return p.Topic + "/" + strconv.Itoa(int(p.Index)) }

// MarshalText implements encoding.TextMarshaler, so that a partition can be a JSON string or key.
func (p Partition) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText takes "topic/index". Kafka's topic names have no slash, so the last one divides.
func (p *Partition) UnmarshalText(text []byte) error {
	s := string(text)
	slash := strings.LastIndexByte(s, '/')
	if slash < 0 {
		return fmt.Errorf("partition %q has no slash: want topic/index, like orders/3", s)
	}
	index, err := strconv.ParseInt(s[slash+1:], 10, 32)
	if err != nil {
		return fmt.Errorf("partition %q: its index is not a number of 32 bits: %w", s, err)
	}
	p.Topic, p.Index = s[:slash], int32(index)
	return nil
}

// MarshalJSON writes nanoseconds as a number, and Never as the string "never": as a number it would
// not survive the readers that hold numbers as floating point.
func (t Time) MarshalJSON() ([]byte, error) {
	if t == Never {
		return []byte(`"never"`), nil
	}
	return strconv.AppendInt(nil, int64(t), 10), nil
}

// UnmarshalJSON takes what MarshalJSON gives.
func (t *Time) UnmarshalJSON(data []byte) error {
	if string(data) == `"never"` {
		*t = Never
		return nil
	}
	return json.Unmarshal(data, (*int64)(t))
}
