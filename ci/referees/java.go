package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func javaVersion(_ context.Context, opt options) (string, error) {
	if _, err := exec.LookPath("java"); err != nil {
		return "", fmt.Errorf("java %w: install Java 17 (Debian: openjdk-17-jre-headless)", errMissing)
	}
	version, err := os.ReadFile(filepath.Join(opt.kafka, "complete"))
	if err != nil {
		return "", fmt.Errorf("Apache Kafka's jars: %w: run make kafka", errMissing)
	}
	return strings.TrimSpace(string(version)), nil
}

// java runs the main class of a tool. Its start is most of what a call costs: the flags shorten it.
func (f *field) java(ctx context.Context, stdin, class string, args ...string) (string, error) {
	return f.call(ctx, stdin, "java", append([]string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256M", "-cp", filepath.Join(f.kafka, "libs", "*"), class}, args...)...)
}

// tool runs a tool that takes --bootstrap-server.
func (f *field) tool(ctx context.Context, class string, args ...string) (string, error) {
	return f.java(ctx, "", class, append([]string{"--bootstrap-server", f.cluster.servers}, args...)...)
}

// says runs a tool that takes --bootstrap-server, and wants it to say some things.
func says(class string, args []string, parts ...string) func(context.Context, *field) error {
	return func(ctx context.Context, f *field) error {
		said, err := f.tool(ctx, class, args...)
		if err != nil {
			return err
		}
		return holds(said, parts...)
	}
}

// write puts a file into the folder of the suite, for tools that want one.
func (f *field) write(name, text string) (string, error) {
	path := filepath.Join(f.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// Main classes of the tools, as Apache Kafka's own scripts name them.
const (
	topicsTool    = "org.apache.kafka.tools.TopicCommand"
	configsTool   = "kafka.admin.ConfigCommand"
	groupsTool    = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
	offsetsTool   = "org.apache.kafka.tools.GetOffsetShell"
	reassignTool  = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"
	electionTool  = "org.apache.kafka.tools.LeaderElectionCommand"
	quorumTool    = "org.apache.kafka.tools.MetadataQuorumCommand"
	logDirsTool   = "org.apache.kafka.tools.LogDirsCommand"
	deleteTool    = "org.apache.kafka.tools.DeleteRecordsCommand"
	producerTool  = "org.apache.kafka.tools.ConsoleProducer"
	consumerTool  = "org.apache.kafka.tools.consumer.ConsoleConsumer"
	perfTool      = "org.apache.kafka.tools.ProducerPerformance"
	latencyTool   = "org.apache.kafka.tools.EndToEndLatency"
	verifyingSend = "org.apache.kafka.tools.VerifiableProducer"
	verifyingRead = "org.apache.kafka.tools.VerifiableConsumer"
)

func runJava(ctx context.Context, f *field) ([]result, error) {
	steps := []step{
		{"topics --create", true, says(topicsTool, []string{"--create", "--topic", "orders", "--partitions", "3", "--replication-factor", "3", "--config", "retention.ms=86400000"},
			"Created topic orders.")},
		{"topics --describe", true, says(topicsTool, []string{"--describe", "--topic", "orders"},
			"PartitionCount: 3", "ReplicationFactor: 3", "retention.ms=86400000", "Partition: 2", "Isr: ")},
		{"console-producer", true, javaProduce},
		{"console-consumer --group", true, javaConsume},
		{"consumer-groups --describe", true, javaDescribeGroup},
		{"get-offsets", true, javaOffsets},
		{"topics --list", false, says(topicsTool, []string{"--list"}, "orders\n")},
		{"topics --alter --partitions", false, javaGrow},
		{"configs --alter, --describe", false, javaConfigs},
		{"configs --describe of a broker", false, says(configsTool, []string{"--describe", "--entity-type", "brokers", "--entity-name", "0", "--all"}, "All configs for broker 0 are:", "log.retention.ms=")},
		{"consumer-groups --list --state", false, says(groupsTool, []string{"--list", "--state"}, "readers", "Empty")},
		{"consumer-groups --reset-offsets", false, javaResetGroup},
		{"consumer-groups --delete-offsets", false, says(groupsTool, []string{"--delete-offsets", "--group", "readers", "--topic", "orders:0"}, "orders", "Successful")},
		{"consumer-groups --delete", false, says(groupsTool, []string{"--delete", "--group", "readers"}, "Deletion of requested consumer groups ('readers') was successful.")},
		{"delete-records", false, javaDeleteRecords},
		{"reassign-partitions", false, javaReassign},
		{"leader-election", false, javaElect},
		{"metadata-quorum --status", false, javaQuorum},
		{"log-dirs", false, says(logDirsTool, []string{"--describe", "--topic-list", "orders"}, `"partition":"orders-0"`, `"broker":2`, `"offsetLag":0`)},
		{"producer-performance", false, javaPerformance},
		{"end-to-end-latency", false, javaLatency},
		{"verifiable-producer", false, javaVerifiableProducer},
		{"verifiable-consumer", false, javaVerifiableConsumer},
		{"topics --delete", false, javaDelete},
	}
	steps = slices.Insert(steps, len(steps)-1, javaTransactions()...)
	return f.walk(ctx, steps)
}
