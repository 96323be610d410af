package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lostInJepsen is a history in Jepsen's form: process 0 sends three values, and nobody is given the second one, though a later
// one was read.
const lostInJepsen = `{:type :invoke, :f :send, :value [[:send 0 1] [:send 0 2] [:send 0 3]], :time 10, :process 0, :index 0}
{:type :info, :f :start-kill, :process :nemesis, :time 21}
{:type :info, :f :start-kill, :process :nemesis, :value ["n1"], :time 22}
{:type :info, :f :stop-kill, :process :nemesis, :time 23}
{:type :info, :f :stop-kill, :process :nemesis, :value ["n1"], :time 24}
{:type :ok, :f :send, :value [[:send 0 [0 1]] [:send 0 [1 2]] [:send 0 [2 3]]], :time 25, :process 0, :index 1}
{:type :invoke, :f :poll, :value [[:poll]], :time 30, :process 1, :index 2}
{:type :ok, :f :poll, :value [[:poll {0 [[0 1] [2 3]]}]], :time 40, :process 1, :index 3}
{:type :invoke, :f :debug-topic-partitions, :value [0], :time 50, :process 1}
`

// A history of Jepsen is imported, judged, exported, and imported again with the same verdict; and so are JSON lines.
func TestImportAndExport(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) string {
		if err := os.WriteFile(at(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return at(name)
	}
	write("lost.edn", lostInJepsen)
	out := want(t, ExitPass, "8 operations", "history", "import", at("lost.edn"), "--dir", at("a"), "--topic", "orders")
	if !strings.Contains(out, "left out: line 9: operations :f :debug-topic-partitions (1 times)") {
		t.Errorf("it does not name what it left out: %s", out)
	}
	judged := want(t, ExitFail, "lost-write: orders/0: 1 acknowledged record of producer 0 (sequence 1, offset 1)", "verify", at("a"))
	if strings.Contains(judged, "in doubt") {
		t.Errorf("something is in doubt:\n%s", judged)
	}
	want(t, ExitPass, "", "history", "export", at("a"), "-o", at("b.edn"))
	want(t, ExitPass, "operations", "history", "import", at("b.edn"), "--dir", at("b"))
	want(t, ExitFail, "lost-write: orders/0: 1 acknowledged record of producer 0 (sequence 1, offset 1)", "verify", at("b"))
	want(t, ExitPass, "", "history", "export", at("a"), "-o", at("c.jsonl"))
	want(t, ExitPass, "operations", "history", "import", at("c.jsonl"), "--dir", at("c"))
	want(t, ExitFail, "lost-write: orders/0: 1 acknowledged record of producer 0 (sequence 1, offset 1)", "verify", at("c"))
	// What the claim allows does not fail.
	want(t, ExitPass, "", "history", "import", at("lost.edn"), "--dir", at("d"), "--delivery", "leader")
	want(t, ExitPass, "allowed: 1 lost-write, which its settings do not forbid", "verify", at("d"))
	// A tail that nobody read is neither lost nor there.
	tail := strings.Replace(lostInJepsen, "[[0 1] [2 3]]", "[[0 1] [1 2]]", 1)
	want(t, ExitPass, "", "history", "import", write("tail.edn", tail), "--dir", at("e"))
	want(t, ExitInconclusive, "unseen: 1 acknowledged records stand behind", "verify", at("e"))
}

func TestBadImports(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{"bad.edn": "{:type :invoke, :f :send, :value [[:append 0 1]], :process 0}", "bad.jsonl": "{}\n", "h.txt": "", "h": ""} {
		if err := os.WriteFile(at(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want(t, ExitUsage, "line 1: micro-operation [:append 0 1]: want :send or :poll", "history", "import", at("bad.edn"), "--dir", at("x"))
	if _, err := os.Stat(at("x")); !os.IsNotExist(err) {
		t.Errorf("a history that cannot be read leaves a directory behind: %v", err)
	}
	want(t, ExitUsage, "bad.jsonl: line 1", "history", "import", at("bad.jsonl"), "--dir", at("x"))
	want(t, ExitUsage, `unknown format "txt"`, "history", "import", at("h.txt"))
	want(t, ExitUsage, "add --format edn", "history", "import", at("h"))
	want(t, ExitUsage, "no such file", "history", "import", at("none.edn"), "--dir", at("x"))
	want(t, ExitUsage, `unknown profile "kafka-9"`, "history", "import", at("h"), "--format", "edn", "--dir", at("x"), "--profile", "kafka-9")
	want(t, ExitUsage, "choose another one with --dir", "history", "import", at("h"), "--format", "edn", "--dir", dir)
	want(t, ExitUsage, "history.bin", "history", "export", dir, "--format", "edn")
	want(t, ExitUsage, "import.json", "verify", func() string {
		if err := os.WriteFile(at("import.json"), []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
		return dir
	}())
}
