package process

import (
	"io"
	"os"
	"strings"
)

// LogTail is the end of what a node wrote, for people who look for why it did not do something.
type LogTail struct {
	Node int32
	// File that it is the end of.
	File string
	// Lines are the last ones, none if the node wrote nothing.
	Lines []string
}

// LogTails are the ends of the logs of all nodes.
func (c *Cluster) LogTails() []LogTail {
	all := make([]LogTail, len(c.ids))
	for i, id := range c.ids {
		all[i] = LogTail{Node: id, File: c.nodes[id].logPath(), Lines: lastLines(c.nodes[id].logPath())}
	}
	return all
}

// lastLines is the end of a file: what could be read of it is better than nothing.
func lastLines(name string) []string {
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > tailBytes {
		f.Seek(-tailBytes, io.SeekEnd)
	}
	data, _ := io.ReadAll(io.LimitReader(f, tailBytes))
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) == 1 && lines[0] == "" {
		return nil
	}
	return lines[max(0, len(lines)-tailLines):]
}
