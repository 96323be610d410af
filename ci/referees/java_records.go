package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// javaLines are what the console producer writes; they have keys, so that they spread.
const javaLines = 300

func javaText() string {
	var b strings.Builder
	for i := range javaLines {
		fmt.Fprintf(&b, "key-%d:value %d\n", i, i)
	}
	return b.String()
}

func javaProduce(ctx context.Context, f *field) error {
	_, err := f.java(ctx, javaText(), producerTool, "--bootstrap-server", f.cluster.servers, "--topic", "orders", "--compression-codec", "zstd",
		"--reader-property", "parse.key=true", "--reader-property", "key.separator=:")
	return err
}

// javaConsume reads all of it as a group, in any order of the partitions, and commits.
func javaConsume(ctx context.Context, f *field) error {
	said, err := f.tool(ctx, consumerTool, "--topic", "orders", "--from-beginning", "--max-messages", fmt.Sprint(javaLines), "--group", "readers",
		"--formatter-property", "print.key=true", "--formatter-property", "key.separator=:", "--timeout-ms", "60000")
	if err != nil {
		return err
	}
	got, want := slices.Sorted(strings.Lines(said)), slices.Sorted(strings.Lines(javaText()))
	if !slices.Equal(got, want) {
		return fmt.Errorf("it read %d lines %q, want the %d that were written", len(got), shorten(said), len(want))
	}
	return nil
}

// javaOffsets adds up the ends of the partitions.
func javaOffsets(ctx context.Context, f *field) error {
	said, err := f.tool(ctx, offsetsTool, "--topic", "orders", "--time", "latest")
	if err != nil {
		return err
	}
	total := int64(0)
	for line := range strings.Lines(said) {
		parts := strings.Split(strings.TrimSpace(line), ":")
		var offset int64
		if len(parts) != 3 || parts[0] != "orders" {
			return fmt.Errorf("a line is %q, want orders:PARTITION:OFFSET", line)
		}
		if _, err := fmt.Sscan(parts[2], &offset); err != nil {
			return fmt.Errorf("a line is %q: %w", line, err)
		}
		total += offset
	}
	if total != javaLines {
		return fmt.Errorf("the ends add up to %d, want %d: %q", total, javaLines, said)
	}
	return nil
}

const performanceRecords = 20000

func javaPerformance(ctx context.Context, f *field) error {
	said, err := f.java(ctx, "", perfTool, "--topic", "orders", "--num-records", fmt.Sprint(performanceRecords), "--record-size", "100", "--throughput", "-1",
		"--command-property", "bootstrap.servers="+f.cluster.servers, "acks=all", "compression.type=lz4")
	if err != nil {
		return err
	}
	return holds(said, fmt.Sprintf("%d records sent", performanceRecords), "99th")
}

// javaLatency makes the topic before: the tool makes it by one broker and asks another for it at once, and gives
// up if that does not know it yet, with Apache Kafka as with this broker.
func javaLatency(ctx context.Context, f *field) error {
	if _, err := f.call(ctx, "", f.binary, "topic", "create", "latency", "-b", f.cluster.servers); err != nil {
		return err
	}
	said, err := f.tool(ctx, latencyTool, "--topic", "latency", "--num-records", "200", "--producer-acks", "all", "--record-size", "100")
	if err != nil {
		return err
	}
	return holds(said, "Avg latency:", "Percentiles: 50th")
}

const verifiableRecords = 1000

// toolData is what the verifiable tools print, one object a line.
type toolData struct {
	Name  string `json:"name"`
	Sent  int    `json:"sent"`
	Acked int    `json:"acked"`
	Count int    `json:"count"`
}

func javaVerifiableProducer(ctx context.Context, f *field) error {
	said, err := f.tool(ctx, verifyingSend, "--topic", "verifiable", "--max-messages", fmt.Sprint(verifiableRecords), "--acks", "-1")
	if err != nil {
		return err
	}
	for line := range strings.Lines(said) {
		var d toolData
		if json.Unmarshal([]byte(line), &d) == nil && d.Name == "tool_data" {
			if d.Sent != verifiableRecords || d.Acked != verifiableRecords {
				return fmt.Errorf("%d records were sent and %d acknowledged, want %d", d.Sent, d.Acked, verifiableRecords)
			}
			return nil
		}
	}
	return fmt.Errorf("it has printed no sum: %q", shorten(said))
}

func javaVerifiableConsumer(ctx context.Context, f *field) error {
	said, err := f.tool(ctx, verifyingRead, "--topic", "verifiable", "--group-id", "verifiable", "--max-messages", fmt.Sprint(verifiableRecords), "--reset-policy", "earliest")
	if err != nil {
		return err
	}
	consumed := 0
	for line := range strings.Lines(said) {
		var d toolData
		if json.Unmarshal([]byte(line), &d) == nil && d.Name == "records_consumed" {
			consumed += d.Count
		}
	}
	if consumed != verifiableRecords {
		return fmt.Errorf("it consumed %d records, want %d: %q", consumed, verifiableRecords, shorten(said))
	}
	return holds(said, `"name":"partitions_assigned"`, `"name":"offsets_committed"`, `"success":true`)
}
