package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"
)

func kcatVersion(ctx context.Context, _ options) (string, error) {
	path, err := exec.LookPath("kcat")
	if err != nil {
		return "", fmt.Errorf("kcat %w: install it (Debian: kcat)", errMissing)
	}
	said, _ := exec.CommandContext(ctx, path, "-V").CombinedOutput()
	found := regexp.MustCompile(`Version ([\d.]+).*librdkafka ([\d.]+)`).FindStringSubmatch(string(said))
	if found == nil {
		return "", fmt.Errorf("kcat -V says %q", shorten(string(said)))
	}
	return found[1] + ", librdkafka " + found[2], nil
}

// kcat calls it on the cluster.
func (f *field) kcat(ctx context.Context, stdin string, args ...string) (string, error) {
	return f.call(ctx, stdin, "kcat", append([]string{"-b", f.cluster.servers, "-m", "20"}, args...)...)
}

// codecsByNumber are the codecs by their number in a batch.
var codecsByNumber = []string{"none", "gzip", "snappy", "lz4", "zstd"}

func runKcat(ctx context.Context, f *field) ([]result, error) {
	steps := []step{
		{"list brokers (-L)", true, kcatList},
		{"keys, headers, null", true, kcatRecords},
		{"offsets by timestamp (-Q)", true, kcatOffsets},
		{"last records (-o -5)", true, kcatTail},
		{"idempotent producer", true, kcatIdempotent},
		{"group (-G)", true, kcatGroup},
		{"group of two (-G)", false, kcatTwoMembers},
	}
	for _, codec := range codecsByNumber {
		steps = append(steps, step{"codec " + codec, true, func(ctx context.Context, f *field) error { return kcatCodec(ctx, f, codec) }})
	}
	return f.walk(ctx, steps)
}

func kcatList(ctx context.Context, f *field) error {
	if _, err := f.kcat(ctx, "x\n", "-P", "-t", "listed"); err != nil {
		return err
	}
	said, err := f.kcat(ctx, "", "-L")
	if err != nil {
		return err
	}
	return holds(said, fmt.Sprintf(" %d brokers:\n", clusterNodes), `topic "listed" with 1 partitions:`, "replicas: ", "isrs: ")
}

func kcatRecords(ctx context.Context, f *field) error {
	if _, err := f.kcat(ctx, "a:1\nb:\nc:3\n", "-P", "-t", "keyed", "-K", ":", "-Z", "-H", "source=kcat", "-p", "0"); err != nil {
		return err
	}
	said, err := f.kcat(ctx, "", "-C", "-t", "keyed", "-e", "-q", "-f", `%p/%o %k=%s(%S) %h\n`)
	if err != nil {
		return err
	}
	return equal(said, "0/0 a=1(1) source=kcat\n0/1 b=(-1) source=kcat\n0/2 c=3(1) source=kcat\n")
}

func kcatOffsets(ctx context.Context, f *field) error {
	for _, text := range []string{"one\n", "two\n", "three\n"} {
		if _, err := f.kcat(ctx, text, "-P", "-t", "timed"); err != nil {
			return err
		}
	}
	said, err := f.kcat(ctx, "", "-C", "-t", "timed", "-e", "-q", "-f", `%T\n`)
	if err != nil {
		return err
	}
	times := strings.Fields(said)
	if len(times) != 3 {
		return fmt.Errorf("it read the timestamps %q, want three", said)
	}
	for i, at := range times {
		said, err := f.kcat(ctx, "", "-Q", "-t", "timed:0:"+at)
		if err != nil {
			return err
		}
		if err := holds(said, fmt.Sprintf("timed [0] offset %d", i)); err != nil {
			return err
		}
	}
	later := fmt.Sprintf("timed:0:%d", time.Now().Add(time.Hour).UnixMilli())
	if said, err = f.kcat(ctx, "", "-Q", "-t", later); err != nil {
		return err
	}
	return holds(said, "timed [0] offset -1")
}

func kcatTail(ctx context.Context, f *field) error {
	if _, err := f.kcat(ctx, numbered(20), "-P", "-t", "tailed", "-p", "0"); err != nil {
		return err
	}
	said, err := f.kcat(ctx, "", "-C", "-t", "tailed", "-p", "0", "-o", "-5", "-e", "-q", "-f", `%o `)
	if err != nil {
		return err
	}
	return equal(said, "15 16 17 18 19 ")
}

func kcatIdempotent(ctx context.Context, f *field) error {
	if _, err := f.kcat(ctx, numbered(2000), "-P", "-t", "idempotent", "-X", "enable.idempotence=true", "-X", "batch.num.messages=50"); err != nil {
		return err
	}
	return f.readsAll(ctx, "idempotent", 2000)
}

// kcatCodec also looks at the disk: a client that sees a higher minimum version of Produce than 0 drops
// compression and says nothing (KAFKA-18659).
func kcatCodec(ctx context.Context, f *field, codec string) error {
	topic := "codec-" + codec
	// The client stores a batch of a record or two as it is, if it would not get smaller: none is sent so early.
	if _, err := f.kcat(ctx, numbered(2000), "-P", "-t", topic, "-p", "0", "-z", codec, "-X", "linger.ms=1000"); err != nil {
		return err
	}
	if err := f.readsAll(ctx, topic, 2000); err != nil {
		return err
	}
	files, err := f.cluster.segments(topic, 0)
	if err != nil {
		return err
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if len(content) == 0 {
			return fmt.Errorf("%s is empty", file)
		}
		stored, err := storedCodecs(content)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if !slices.Equal(stored, []string{codec}) {
			return fmt.Errorf("%s has batches with the codecs %v, want %s only", file, stored, codec)
		}
	}
	return nil
}

// storedCodecs are the codecs of the batches of a segment, each once. It reads the bytes by itself: the judge
// shares no code with the accused.
func storedCodecs(segment []byte) (names []string, err error) {
	const framing, attributes, header = 12, 21, 61
	for len(segment) > 0 {
		if len(segment) < header {
			return nil, errors.New("it ends within the header of a batch")
		}
		size := framing + int(binary.BigEndian.Uint32(segment[8:]))
		number := int(binary.BigEndian.Uint16(segment[attributes:]) & 7)
		if size < header || size > len(segment) || number >= len(codecsByNumber) {
			return nil, fmt.Errorf("a batch of %d bytes with codec %d in the last %d", size, number, len(segment))
		}
		if name := codecsByNumber[number]; !slices.Contains(names, name) {
			names = append(names, name)
		}
		segment = segment[size:]
	}
	return names, nil
}

func kcatGroup(ctx context.Context, f *field) error {
	if _, err := f.kcat(ctx, numbered(100), "-P", "-t", "grouped"); err != nil {
		return err
	}
	read := func() (string, error) {
		return f.kcat(ctx, "", "-G", "kcat-group", "-X", "auto.offset.reset=earliest", "-e", "-q", "-f", `%s\n`, "grouped")
	}
	said, err := read()
	if err != nil {
		return err
	}
	if err := equal(said, numbered(100)); err != nil {
		return err
	}
	if _, err := f.kcat(ctx, "one more\n", "-P", "-t", "grouped"); err != nil {
		return err
	}
	if said, err = read(); err != nil {
		return err
	}
	return equal(said, "one more\n")
}

// kcatTwoMembers lets two members of a group read a topic of four partitions: every record is read once.
func kcatTwoMembers(ctx context.Context, f *field) error {
	if _, err := f.call(ctx, "", f.binary, "topic", "create", "shared", "-p", "4", "-b", f.cluster.servers); err != nil {
		return err
	}
	var want []string
	for p := range 4 {
		text := fmt.Sprintf("record of %d\n", p)
		if _, err := f.kcat(ctx, text, "-P", "-t", "shared", "-p", fmt.Sprint(p)); err != nil {
			return err
		}
		want = append(want, text)
	}
	type answer struct {
		said string
		err  error
	}
	answers := make(chan answer, 2)
	for range 2 {
		go func() {
			said, err := f.kcat(ctx, "", "-G", "kcat-pair", "-X", "auto.offset.reset=earliest", "-e", "-q", "-f", `%s\n`, "shared")
			answers <- answer{said, err}
		}()
	}
	var got []string
	for range 2 {
		a := <-answers
		if a.err != nil {
			return a.err
		}
		got = slices.AppendSeq(got, strings.Lines(a.said))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		return fmt.Errorf("both members together read %q, want %q", got, want)
	}
	return nil
}

// readsAll is nil if a topic of one partition holds the numbered lines.
func (f *field) readsAll(ctx context.Context, topic string, n int) error {
	said, err := f.kcat(ctx, "", "-C", "-t", topic, "-e", "-q")
	if err != nil {
		return err
	}
	return equal(said, numbered(n))
}

// numbered is lines that compress well and are all different.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "this is line %d of a text that repeats itself, repeats itself\n", i)
	}
	return b.String()
}

func equal(got, want string) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("it read %d bytes %q, want %d bytes %q", len(got), shorten(got), len(want), shorten(want))
}
