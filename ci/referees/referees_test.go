package main

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// What test2json says becomes one result for each test: those inside count, the one around them only if it
// failed by itself.
func TestReadTests(t *testing.T) {
	const in = `{"Action":"run","Test":"TestPass"}
{"Action":"pass","Test":"TestPass","Elapsed":1.5}
not json
{"Action":"output","Output":"PASS\n"}
{"Action":"run","Test":"TestGroup"}
{"Action":"run","Test":"TestGroup/classic"}
{"Action":"run","Test":"TestGroup/classic/848"}
{"Action":"output","Test":"TestGroup/classic","Output":"    group_test.go:7: deleting topic x\n"}
{"Action":"output","Test":"TestGroup/classic","Output":"    group_test.go:9: saw a record twice\n"}
{"Action":"output","Test":"TestGroup/classic","Output":"    group_test.go:10: and again\n"}
{"Action":"fail","Test":"TestGroup/classic","Elapsed":2}
{"Action":"output","Test":"TestGroup/classic/848","Output":"    group_test.go:3: broker does not support KIP-848\n"}
{"Action":"skip","Test":"TestGroup/classic/848"}
{"Action":"fail","Test":"TestGroup"}
{"Action":"run","Test":"TestAround"}
{"Action":"run","Test":"TestAround/inside"}
{"Action":"pass","Test":"TestAround/inside"}
{"Action":"output","Test":"TestAround","Output":"    x_test.go:1: the end was wrong\n"}
{"Action":"fail","Test":"TestAround"}
{"Action":"run","Test":"TestHangs"}
`
	got, err := readTests(strings.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	want := []result{
		{"TestPass", pass, "", 1500 * time.Millisecond},
		{"TestGroup/classic", fail, "group_test.go:9: saw a record twice", 2 * time.Second},
		{"TestGroup/classic/848", skip, "broker does not support KIP-848", 0},
		{"TestAround", fail, "x_test.go:1: the end was wrong", 0},
		{"TestAround/inside", pass, "", 0},
		{"TestHangs", fail, "it did not end", 0},
	}
	if !slices.Equal(got, want) {
		t.Errorf("results are\n%v\nwant\n%v", got, want)
	}
}

func TestTable(t *testing.T) {
	rows := []row{
		{"kgo", "v1", []result{{name: "a"}, {name: "b", outcome: fail, reason: "x"}, {name: "c", outcome: fail, reason: "x"}, {name: "d", outcome: skip, reason: "no | here"}, {name: "e", outcome: skip, reason: "no | here"}}},
		{"kcat", "2", []result{{name: "a"}}},
	}
	const want = "| referee | version | run | pass | fail | skipped |\n|---|---|---|---|---|---|\n" +
		"| kgo | v1 | 3 | 1 | 2 (`b`; `c`) | 2: no / here |\n| kcat | 2 | 1 | 1 | 0 | 0 |\n\nWritten today.\n"
	got := table(rows, "Written today.")
	if got != want {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
	readme := "# x\n" + tableBegin + "\nold\n" + tableEnd + "\nmore\n"
	changed, err := withTable(readme, got)
	if err != nil || changed != "# x\n"+tableBegin+"\n"+want+tableEnd+"\nmore\n" {
		t.Errorf("README is %q, %v", changed, err)
	}
	for _, bad := range []string{"# x\n", tableBegin, readme + readme} {
		if _, err := withTable(bad, got); err == nil {
			t.Errorf("%q: no error about its markers", bad)
		}
	}
}

func TestOptions(t *testing.T) {
	opt, err := parse([]string{"--chaos", "--records", "7"})
	if err != nil || !slices.Equal(opt.only, []string{"kgo", "kcat", "java", "kgo-chaos"}) || opt.records != 7 {
		t.Errorf("options are %+v, %v", opt, err)
	}
	for _, args := range [][]string{{"--only", "librdkafka"}, {"--records", "0"}, {"kgo"}, {"--fast"}} {
		if _, err := parse(args); !errors.Is(err, errUsage) {
			t.Errorf("%v: %v, want an error of usage", args, err)
		}
	}
	for want, err := range map[int]error{0: nil, 1: errFailed, 2: fmt.Errorf("%w: x", errUsage), 3: errors.New("x"), 75: fmt.Errorf("kcat %w", errMissing)} {
		if got := code(err, false); got != want {
			t.Errorf("%v: exit code %d, want %d", err, got, want)
		}
	}
	if got := code(errors.New("x"), true); got != 130 {
		t.Errorf("interrupted: exit code %d", got)
	}
	if got := code(flag.ErrHelp, false); got != 0 {
		t.Errorf("help: exit code %d", got)
	}
}

// A batch that is not compressed is seen among compressed ones.
func TestStoredCodecs(t *testing.T) {
	batch := func(codec uint16) []byte {
		b := make([]byte, 70)
		binary.BigEndian.PutUint32(b[8:], 70-12)
		binary.BigEndian.PutUint16(b[21:], codec|0x10)
		return b
	}
	got, err := storedCodecs(slices.Concat(batch(3), batch(3), batch(0)))
	if err != nil || !slices.Equal(got, []string{"lz4", "none"}) {
		t.Errorf("codecs are %v, %v", got, err)
	}
	for _, bad := range [][]byte{batch(3)[:40], batch(3)[:65], batch(7)} {
		if _, err := storedCodecs(bad); err == nil {
			t.Errorf("%d bytes: no error", len(bad))
		}
	}
}

// Tests that reach a cluster by functions of functions are found, others are not.
func TestClusterTests(t *testing.T) {
	dir := t.TempDir()
	const text = `package kgo
func getSeedBrokers() {}
func client() { getSeedBrokers() }
func TestDirect(t *T) { getSeedBrokers() }
func TestThrough(t *T) { func() { client() }() }
func TestAlone(t *T) { other() }
func other() {}
`
	if err := os.WriteFile(filepath.Join(dir, "a_test.go"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := clusterTests(dir)
	if err != nil || !slices.Equal(got, []string{"TestDirect", "TestThrough"}) {
		t.Errorf("tests are %v, %v", got, err)
	}
	if _, err := clusterTests(t.TempDir()); err == nil {
		t.Error("a folder without such tests: no error")
	}
	if got := explain("broker does not support KIP-848 (key 68)"); !strings.Contains(got, "is not served") {
		t.Errorf("explained as %q", got)
	}
}

// Every name that is quick is that of a test, written as one.
func TestNames(t *testing.T) {
	name := regexp.MustCompile(`^Test\w+$`)
	for _, n := range kgoQuick {
		if !name.MatchString(n) {
			t.Errorf("%q is no name of a test", n)
		}
	}
}

func TestMessages(t *testing.T) {
	if got := lastLine("a\norg.x.FooException: no\n at y\n"); got != "org.x.FooException: no" {
		t.Errorf("the line is %q", got)
	}
	if got := lastLine("a\nb \n\n"); got != "b" {
		t.Errorf("the line is %q", got)
	}
	if err := holds("abc", "a", "c"); err != nil {
		t.Error(err)
	}
	if err := holds("abc", "d"); err == nil || !strings.Contains(err.Error(), `"d"`) {
		t.Errorf("what is missing is told as %v", err)
	}
	if equal("a", "a") != nil || equal("a", "b") == nil {
		t.Error("equal is wrong")
	}
}
