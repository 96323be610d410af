package process

import (
	"path/filepath"
	"strconv"
)

// Broker is how the reference broker is started: `logproof broker ...`.
type Broker struct {
	// Flush is none, interval or commit.
	Flush string
	// Disk rules of the broker's --disk; "" is a plain disk.
	Disk string
	// Bugs to plant, comma-separated; "" is none.
	Bugs string
}

// Args are the command-line arguments of a node; it fits Config.Args.
func (b Broker) Args(self Endpoint, _ []Endpoint) []string {
	args := []string{
		"broker",
		"--node-id", strconv.Itoa(int(self.Node)),
		"--listen", self.Listen,
		"--metrics", self.Metrics,
		"--data", self.Data,
		"--flush", b.Flush,
		"--events", filepath.Join(self.Dir, "events.jsonl"),
	}
	if b.Disk != "" {
		args = append(args, "--disk", b.Disk)
	}
	if b.Bugs != "" {
		args = append(args, "--bug", b.Bugs)
	}
	return args
}
