package disk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/env/disk"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]disk.Rules{
		"":                               {},
		" ":                              {},
		"lose-unsynced":                  {LoseUnsynced: true},
		"sync-delay=5ms":                 {SyncDelay: 5 * time.Millisecond},
		"space=64MiB":                    {Space: 64 << 20},
		"space=5":                        {Space: 5},
		"space=5B":                       {Space: 5},
		"space=2TiB":                     {Space: 2 << 40},
		"sync-error=3":                   {SyncError: 3},
		"sync-error=now":                 {SyncFails: true},
		"write-error=now,write-delay=2s": {WriteFails: true, WriteDelay: 2 * time.Second},
		"sync-error=3, space=1536KiB ,sync-delay=1m30s,lose-unsynced": {
			SyncDelay: 90 * time.Second, LoseUnsynced: true, Space: 1536 << 10, SyncError: 3,
		},
	} {
		got, err := disk.Parse(text)
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", text, got, err, want)
		}
		if again, err := disk.Parse(got.String()); err != nil || again != got {
			t.Errorf("Parse(%q) prints as %q, which is read as %+v, %v", text, got, again, err)
		}
	}
}

func TestStringIsStable(t *testing.T) {
	rules := disk.Rules{SyncDelay: 5 * time.Millisecond, LoseUnsynced: true, Space: 64 << 20, SyncError: 7}
	if got, want := rules.String(), "sync-delay=5ms,lose-unsynced,space=64MiB,sync-error=7"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
	if got := (disk.Rules{}).String(); got != "" {
		t.Errorf("a disk without faults prints as %q", got)
	}
}

func TestParseErrors(t *testing.T) {
	for text, why := range map[string]string{
		"bitrot":                      "no such rule",
		"lose-unsynced,":              "no such rule",
		"lose-unsynced=yes":           "takes no value",
		"sync-delay":                  "invalid duration",
		"sync-delay=5":                "missing unit",
		"sync-delay=0s":               "more than 0",
		"sync-delay=-1s":              "more than 0",
		"space=":                      "not a whole number",
		"space=0":                     "not a whole number",
		"space=-1MiB":                 "not a whole number",
		"space=1.5GiB":                "not a whole number",
		"space=64MB":                  "not a whole number",
		"space=9000000TiB":            "too large",
		"space=9223372036854775808":   "not a whole number",
		"sync-error=0":                "counted from 1",
		"sync-error=first":            "invalid syntax",
		"sync-error=1,sync-error=now": "twice",
		"write-error":                 "only value is now",
		"write-error=3":               "only value is now",
		"write-delay=0s":              "more than 0",
		"space=1KiB,space=2KiB":       "twice",
		"lose-unsynced,lose-unsynced": "twice",
	} {
		_, err := disk.Parse(text)
		if err == nil {
			t.Errorf("Parse(%q) went well", text)
			continue
		}
		if !strings.Contains(err.Error(), why) {
			t.Errorf("Parse(%q): %v; want it to say %q", text, err, why)
		}
		for _, rule := range []string{"sync-delay=", "lose-unsynced", "space=", "sync-error="} {
			if why != "twice" && !strings.Contains(err.Error(), rule) {
				t.Errorf("Parse(%q): %v; it does not list %s", text, err, rule)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("sync-delay=5ms,lose-unsynced,space=64MiB,sync-error=1")
	f.Add("space=1KiB,,")
	f.Add("sync-error=now,write-error=now,write-delay=1s")
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := disk.Parse(text)
		if err != nil {
			return
		}
		again, err := disk.Parse(rules.String())
		if err != nil || again != rules {
			t.Errorf("%q is %+v, prints as %q, and is then %+v, %v", text, rules, rules, again, err)
		}
	})
}
