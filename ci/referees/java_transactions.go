package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

// Main classes of the tools for transactions and features.
const (
	featuresTool     = "org.apache.kafka.tools.FeatureCommand"
	transactionsTool = "org.apache.kafka.tools.TransactionsCommand"
)

// javaTransactions are the steps about transactions, after those that have made the topic orders.
func javaTransactions() []step {
	return []step{
		{"features describe", false, says(featuresTool, []string{"describe"}, "Feature: transaction.version", "SupportedMaxVersion: 2", "FinalizedVersionLevel: 2")},
		{"producer-performance, transactional", true, javaTransactionalPerformance},
		{"transactional-message-copier", false, javaCopy},
		{"console-consumer, read_committed", false, javaReadCommitted},
		{"transactions list, describe, describe-producers", false, javaDescribeTransactions},
		{"transactions find-hanging", false, says(transactionsTool, []string{"find-hanging", "--broker-id", "0"}, "Topic")},
		{"features downgrade, upgrade", false, javaFeatures},
	}
}

const transactionalRecords = 20_000

// javaTransactionalPerformance sends records in transactions of 50 ms. With transaction.version 2 Kafka's producer adds
// no partitions to them itself: the broker does.
func javaTransactionalPerformance(ctx context.Context, f *field) error {
	if _, err := f.call(ctx, "", f.binary, "topic", "create", "ledger", "--partitions", "3", "-b", f.cluster.servers); err != nil {
		return err
	}
	return javaTransact(ctx, f, "perf", transactionalRecords)
}

// javaTransact sends records in transactions.
func javaTransact(ctx context.Context, f *field, id string, records int) error {
	said, err := f.java(ctx, "", perfTool, "--topic", "ledger", "--num-records", fmt.Sprint(records), "--record-size", "100", "--throughput", "-1",
		"--transactional-id", id, "--transaction-duration-ms", "50", "--command-property", "bootstrap.servers="+f.cluster.servers, "acks=all")
	if err != nil {
		return err
	}
	return holds(said, fmt.Sprintf("%d records sent", records), "99th")
}

// javaReadCommitted reads as many records as were committed, with markers between them.
func javaReadCommitted(ctx context.Context, f *field) error {
	said, err := f.tool(ctx, consumerTool, "--topic", "ledger", "--from-beginning", "--isolation-level", "read_committed",
		"--max-messages", fmt.Sprint(transactionalRecords), "--timeout-ms", "60000")
	if err != nil {
		return err
	}
	if got := strings.Count(said, "\n"); got != transactionalRecords {
		return fmt.Errorf("it read %d records, want %d", got, transactionalRecords)
	}
	return nil
}

// javaDescribeTransactions finds the producer of the step before, by its id and in its partitions.
func javaDescribeTransactions(ctx context.Context, f *field) error {
	said, err := f.tool(ctx, transactionsTool, "list")
	if err != nil {
		return err
	}
	if !regexp.MustCompile(`(?m)^perf\s+\d+\s+\d+\s+CompleteCommit`).MatchString(said) {
		return fmt.Errorf("no transactional id perf that has committed: %q", shorten(said))
	}
	said, err = f.tool(ctx, transactionsTool, "describe", "--transactional-id", "perf")
	if err != nil {
		return err
	}
	if err := holds(said, "perf", "CompleteCommit"); err != nil {
		return err
	}
	said, err = f.tool(ctx, transactionsTool, "describe-producers", "--topic", "ledger", "--partition", "0")
	if err != nil {
		return err
	}
	if !regexp.MustCompile(`(?m)^\d+\s+\d+\s+\d+\s+-?\d+\s+\d+\s+None`).MatchString(said) {
		return fmt.Errorf("no producer without an open transaction: %q", shorten(said))
	}
	return nil
}

// javaFeatures has transactions of the first version for a while, and then of the second again: the same producer goes
// on with either.
func javaFeatures(ctx context.Context, f *field) error {
	for _, level := range []struct{ how, version, says string }{
		{"downgrade", "1", "transaction.version was downgraded to 1."}, {"upgrade", "2", "transaction.version was upgraded to 2."},
	} {
		said, err := f.tool(ctx, featuresTool, level.how, "--feature", "transaction.version="+level.version)
		if err != nil {
			return err
		}
		if err := holds(said, level.says); err != nil {
			return err
		}
		said, err = f.tool(ctx, featuresTool, "describe")
		if err != nil {
			return err
		}
		if !regexp.MustCompile(`Feature: transaction\.version\s.*FinalizedVersionLevel: ` + level.version).MatchString(said) {
			return fmt.Errorf("after the %s: %q", level.how, shorten(said))
		}
		if err := javaTransact(ctx, f, "perf", transactionalRecords/10); err != nil {
			return fmt.Errorf("after the %s: %w", level.how, err)
		}
	}
	return nil
}
