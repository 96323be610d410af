package main

import (
	"context"
	"fmt"
	"strings"
)

// copiedRecords are what the copier copies, so many in a transaction. It aborts some of them, as it likes.
const (
	copiedRecords = 200
	copiedInOne   = 20
	copierTool    = "org.apache.kafka.tools.TransactionalMessageCopier"
)

func copiedText() string {
	var b strings.Builder
	for i := range copiedRecords {
		fmt.Fprintf(&b, "value %d\n", i)
	}
	return b.String()
}

// javaCopy copies a partition in transactions, with the offsets in them (KIP-447), and reads what was committed: every
// record once, in order.
func javaCopy(ctx context.Context, f *field) error {
	for _, topic := range []string{"uncopied", "copied"} {
		if _, err := f.call(ctx, "", f.binary, "topic", "create", topic, "--partitions", "1", "-b", f.cluster.servers); err != nil {
			return err
		}
	}
	if _, err := f.java(ctx, copiedText(), producerTool, "--bootstrap-server", f.cluster.servers, "--topic", "uncopied"); err != nil {
		return err
	}
	said, err := f.java(ctx, "", copierTool, "--broker-list", f.cluster.servers, "--input-topic", "uncopied", "--input-partition", "0", "--output-topic", "copied",
		"--max-messages", fmt.Sprint(copiedRecords), "--transaction-size", fmt.Sprint(copiedInOne), "--consumer-group", "copiers", "--transactional-id", "copier", "--enable-random-aborts")
	if err != nil {
		return err
	}
	if err := holds(said, `"stage":"ShutdownComplete"`, fmt.Sprintf(`"totalProcessed":%d`, copiedRecords), `"remaining":0`); err != nil {
		return err
	}
	committed, err := f.tool(ctx, consumerTool, "--topic", "copied", "--from-beginning", "--isolation-level", "read_committed", "--max-messages", fmt.Sprint(copiedRecords), "--timeout-ms", "60000")
	if err != nil {
		return err
	}
	if committed != copiedText() {
		return fmt.Errorf("what is committed is not what was copied: %q", shorten(committed))
	}
	return nil
}
