package metadata

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// SettingType is the type of a setting's value, by Kafka's number for it in DescribeConfigs.
type SettingType int8

// Types of settings that topics have.
const (
	BoolSetting   SettingType = 1
	StringSetting SettingType = 2
	IntSetting    SettingType = 3
	LongSetting   SettingType = 5
	DoubleSetting SettingType = 6
	ListSetting   SettingType = 7
)

// Setting is one row of the table of topic settings.
type Setting struct {
	// Name as topics have it, Broker as a broker's own configuration has it: that is the value of
	// topics that say nothing.
	Name, Broker string
	Type         SettingType
	// Default is the value where neither a topic nor a broker says anything.
	Default string
	// Min and Max bound a number, both included.
	Min, Max float64
	// Values are all that a text or an item of a list may be; any if nil.
	Values []string
	// Internal settings are for tests: they are taken, and not listed (as in Kafka).
	Internal bool
	// Doc is one sentence for people.
	Doc string
	// field is where a Settings has the value: *bool, *string, *int64 or *float64; nil for a setting that
	// is kept and shown and that nothing here acts on.
	field func(*Settings) any
	// check refuses what type, bounds and values let through; nil if there is no more to check.
	check func(value string) error
}

// Parse checks a value and gives it in its canonical form: without blanks around it and its items.
// The error is what is allowed, to be put behind "want".
func (s *Setting) Parse(value string) (string, error) {
	value = strings.TrimSpace(value)
	if err := s.parse(value); err != nil {
		return "", err
	}
	if s.Type == ListSetting {
		return strings.Join(Items(value), ","), nil
	}
	if s.Type == BoolSetting {
		return strings.ToLower(value), nil
	}
	return value, nil
}

// parse gives what is allowed as an error.
func (s *Setting) parse(value string) error {
	if s.check != nil {
		if err := s.check(value); err != nil {
			return err
		}
	}
	switch s.Type {
	case BoolSetting:
		if v := strings.ToLower(value); v != "true" && v != "false" {
			return fmt.Errorf("true or false")
		}
	case IntSetting, LongSetting:
		if n, err := strconv.ParseInt(value, 10, 64); err != nil || float64(n) < s.Min || n > s.most() {
			return s.bounds()
		}
	case DoubleSetting:
		if x, err := strconv.ParseFloat(value, 64); err != nil || !(x >= s.Min && x <= s.Max) {
			return s.bounds()
		}
	case StringSetting:
		if s.Values != nil && !slices.Contains(s.Values, value) {
			return fmt.Errorf("one of %s", strings.Join(s.Values, ", "))
		}
	case ListSetting:
		return s.parseItems(Items(value))
	}
	return nil
}

func (s *Setting) parseItems(items []string) error {
	for i, item := range items {
		if s.Values != nil && !slices.Contains(s.Values, item) || slices.Contains(items[:i], item) {
			if s.Values == nil {
				return fmt.Errorf("every item once")
			}
			return fmt.Errorf("a list of %s, each at most once", strings.Join(s.Values, ", "))
		}
	}
	return nil
}

// most is the largest number that is allowed.
func (s *Setting) most() int64 {
	switch {
	case s.Max != 0:
		return int64(s.Max)
	case s.Type == IntSetting:
		return math.MaxInt32
	}
	return math.MaxInt64
}

func (s *Setting) bounds() error {
	if s.Type == DoubleSetting {
		return fmt.Errorf("a number from %v to %v", s.Min, s.Max)
	}
	return fmt.Errorf("a number from %d to %d", int64(s.Min), s.most())
}

// Items of a list setting, without blanks around them; none if the value is empty.
func Items(value string) (items []string) {
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// put sets the field of a value that Parse gave.
func (s *Setting) put(settings *Settings, value string) {
	if s.field == nil {
		return
	}
	// Parse has seen the value: it can be read.
	switch field := s.field(settings).(type) {
	case *bool:
		*field = value == "true"
	case *string:
		*field = value
	case *int64:
		*field, _ = strconv.ParseInt(value, 10, 64)
	case *float64:
		*field, _ = strconv.ParseFloat(value, 64)
	case *Cleanup:
		items := Items(value)
		*field = Cleanup{Delete: slices.Contains(items, "delete"), Compact: slices.Contains(items, "compact")}
	}
}
