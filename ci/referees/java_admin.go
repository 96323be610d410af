package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

func javaDescribeGroup(ctx context.Context, f *field) error {
	said, err := f.tool(ctx, groupsTool, "--describe", "--group", "readers")
	if err != nil {
		return err
	}
	read := 0
	for line := range strings.Lines(said) {
		// GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG ...
		field := strings.Fields(line)
		if len(field) < 6 || field[0] != "readers" {
			continue
		}
		var committed, end, lag int
		if _, err := fmt.Sscan(strings.Join(field[3:6], " "), &committed, &end, &lag); err != nil {
			return fmt.Errorf("a line is %q: %w", line, err)
		}
		if committed != end || lag != 0 {
			return fmt.Errorf("the group is behind: %q", line)
		}
		read += committed
	}
	if read != javaLines {
		return fmt.Errorf("the group has committed %d records, want %d: %q", read, javaLines, shorten(said))
	}
	return nil
}

func javaResetGroup(ctx context.Context, f *field) error {
	said, err := f.tool(ctx, groupsTool, "--reset-offsets", "--group", "readers", "--topic", "orders", "--to-earliest", "--execute")
	if err != nil {
		return err
	}
	if n := len(regexp.MustCompile(`(?m)^readers\s+orders\s+\d+\s+0\s*$`).FindAllString(said, -1)); n < 3 {
		return fmt.Errorf("%d partitions were put to 0, want all: %q", n, shorten(said))
	}
	said, err = f.tool(ctx, groupsTool, "--describe", "--group", "readers", "--offsets")
	if err != nil {
		return err
	}
	return holds(said, "readers", "orders")
}

func javaGrow(ctx context.Context, f *field) error {
	if _, err := f.tool(ctx, topicsTool, "--alter", "--topic", "orders", "--partitions", "5"); err != nil {
		return err
	}
	return says(topicsTool, []string{"--describe", "--topic", "orders"}, "PartitionCount: 5")(ctx, f)
}

func javaConfigs(ctx context.Context, f *field) error {
	change := []string{"--alter", "--entity-type", "topics", "--entity-name", "orders", "--add-config", "max.message.bytes=2000000", "--delete-config", "retention.ms"}
	if err := says(configsTool, change, "Completed updating config for topic orders.")(ctx, f); err != nil {
		return err
	}
	said, err := f.tool(ctx, configsTool, "--describe", "--entity-type", "topics", "--entity-name", "orders")
	if err != nil {
		return err
	}
	if strings.Contains(said, "retention.ms=86400000") {
		return fmt.Errorf("a setting that was deleted is still there: %q", shorten(said))
	}
	return holds(said, "Dynamic configs for topic orders are:", "max.message.bytes=2000000")
}

// javaDeleteRecords empties a topic of its own up to an offset.
func javaDeleteRecords(ctx context.Context, f *field) error {
	if _, err := f.java(ctx, "1\n2\n3\n4\n5\n", producerTool, "--bootstrap-server", f.cluster.servers, "--topic", "emptied"); err != nil {
		return err
	}
	path, err := f.write("delete.json", `{"version":1,"partitions":[{"topic":"emptied","partition":0,"offset":3}]}`)
	if err != nil {
		return err
	}
	if err := says(deleteTool, []string{"--offset-json-file", path}, "partition: emptied-0\tlow_watermark: 3")(ctx, f); err != nil {
		return err
	}
	said, err := f.tool(ctx, offsetsTool, "--topic", "emptied", "--time", "earliest")
	if err != nil {
		return err
	}
	return holds(said, "emptied:0:3")
}

// javaReassign moves a partition to other replicas, waits for it, and looks.
func javaReassign(ctx context.Context, f *field) error {
	if _, err := f.tool(ctx, topicsTool, "--create", "--topic", "moved", "--replica-assignment", "0:1"); err != nil {
		return err
	}
	path, err := f.write("reassign.json", `{"version":1,"partitions":[{"topic":"moved","partition":0,"replicas":[2,1]}]}`)
	if err != nil {
		return err
	}
	if err := says(reassignTool, []string{"--execute", "--reassignment-json-file", path}, "Successfully started partition reassignment for moved-0")(ctx, f); err != nil {
		return err
	}
	var said string
	for range 10 {
		if said, err = f.tool(ctx, reassignTool, "--verify", "--reassignment-json-file", path, "--preserve-throttles"); err != nil {
			return err
		}
		if strings.Contains(said, "Reassignment of partition moved-0 is completed.") {
			return says(topicsTool, []string{"--describe", "--topic", "moved"}, "Replicas: 2,1")(ctx, f)
		}
	}
	return holds(said, "Reassignment of partition moved-0 is completed.")
}

// javaElect makes the first replica of a partition its leader again.
func javaElect(ctx context.Context, f *field) error {
	said, err := f.tool(ctx, electionTool, "--election-type", "preferred", "--topic", "moved", "--partition", "0")
	if err != nil {
		return err
	}
	if !strings.Contains(said, "Successfully completed leader election (PREFERRED) for partitions moved-0") {
		if err := holds(said, "Valid replica already elected for partitions moved-0"); err != nil {
			return err
		}
	}
	return says(topicsTool, []string{"--describe", "--topic", "moved"}, "Leader: 2")(ctx, f)
}

func javaQuorum(ctx context.Context, f *field) error {
	said, err := f.tool(ctx, quorumTool, "describe", "--status")
	if err != nil {
		return err
	}
	return holds(said, "ClusterId:", "LeaderId:", "LeaderEpoch:", "HighWatermark:", "CurrentVoters:")
}

func javaDelete(ctx context.Context, f *field) error {
	if _, err := f.tool(ctx, topicsTool, "--delete", "--topic", "orders"); err != nil {
		return err
	}
	said, err := f.tool(ctx, topicsTool, "--list")
	if err == nil && strings.Contains("\n"+said, "\norders\n") {
		err = fmt.Errorf("the topic is still there: %q", said)
	}
	return err
}
