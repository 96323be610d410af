package run

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/logproof/logproof/scenarios/report"
)

// environment is what a run ran on. What cannot be read is left out: it is for people, and judges nothing.
func environment() []report.Fact {
	facts := []report.Fact{
		{Name: "logproof", Value: Version()}, {Name: "Go", Value: runtime.Version()},
		{Name: "platform", Value: runtime.GOOS + "/" + runtime.GOARCH},
		{Name: "processors", Value: fmt.Sprintf("%d, of which Go uses %d", runtime.NumCPU(), runtime.GOMAXPROCS(0))},
	}
	add := func(name, value string) {
		if value = strings.TrimSpace(value); value != "" {
			facts = append(facts, report.Fact{Name: name, Value: value})
		}
	}
	add("processor", valueOf("/proc/cpuinfo", "model name"))
	add("memory", valueOf("/proc/meminfo", "MemTotal"))
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		add("kernel", string(text))
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		if parts := strings.Fields(string(text)); len(parts) > 3 {
			add("load average", strings.Join(parts[:3], ", ")+" over 1, 5 and 15 minutes when the run ended")
		}
	}
	return facts
}

// valueOf finds the first line "name : value" of a file of /proc; "" where there is none.
func valueOf(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return value
		}
	}
	return ""
}
