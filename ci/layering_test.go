package ci

import (
	"fmt"
	"path"
	"strings"
	"testing"
)

// matches says whether an import is what a pattern of the table means.
func matches(pattern string, imp imported) bool {
	if pattern == "*" {
		return true
	}
	if prefix, ok := outside[pattern]; ok {
		return !imp.own && (imp.path == prefix || strings.HasPrefix(imp.path, prefix+"/"))
	}
	return (imp.own || imp.standard()) && inRoom(pattern, imp.path)
}

// inRoom says whether a folder is what a pattern means: "a" is itself, "a/..." is it and all below.
func inRoom(pattern, folder string) bool {
	if tree, ok := strings.CutSuffix(pattern, "/..."); ok {
		return folder == tree || strings.HasPrefix(folder, tree+"/")
	}
	return folder == pattern
}

// rowOf finds the row that holds for a package; ok is false if the table has none.
func rowOf(rows []row, pkg string) (row, bool) {
	for _, r := range rows {
		if inRoom(r.room, pkg) {
			return r, true
		}
	}
	return row{}, false
}

// forbidden says why a package may not have an import, or "".
func forbidden(r row, imp imported) string {
	for _, pattern := range r.not {
		if matches(pattern, imp) {
			return fmt.Sprintf("%s may not import %s of the standard library", r.room, pattern)
		}
	}
	if imp.standard() || !r.leaf && imp.own && imp.path == "dashboards/catalog" {
		return ""
	}
	for _, pattern := range r.may {
		if matches(pattern, imp) {
			return ""
		}
	}
	if len(r.may) == 0 {
		return r.room + " may import the standard library only"
	}
	return fmt.Sprintf("%s may import only %s", r.room, strings.Join(r.may, ", "))
}

// layering lists every import that the table forbids.
func layering(rows []row, files []source) []string {
	var found []string
	for _, file := range files {
		if file.nested {
			continue // its imports are its own module's
		}
		if file.test {
			found = append(found, accused(file)...)
			continue
		}
		r, ok := rowOf(rows, file.pkg)
		if !ok {
			found = append(found, fmt.Sprintf("%s: package %s has no row in the table of ci/layering_table_test.go; give it one", file.name, file.pkg))
			continue
		}
		for _, imp := range file.imports() {
			if rule := forbidden(r, imp); rule != "" {
				found = append(found, fmt.Sprintf("%s: import of %q: %s (%s)", imp.at, imp.path, rule, r.why))
			}
		}
	}
	return found
}

// accused finds imports of the broker in verify's tests. Other tests may import what they like.
func accused(file source) []string {
	if !inRoom("verify/...", file.pkg) {
		return nil
	}
	var found []string
	for _, imp := range file.imports() {
		if imp.own && inRoom("broker/...", imp.path) {
			found = append(found, fmt.Sprintf("%s: import of %q: verify's tests never import the broker (a shared bug would be invisible to both)", imp.at, imp.path))
		}
	}
	return found
}

func TestLayering(t *testing.T) {
	for _, violation := range layering(table, goFiles(t)) {
		t.Error(violation)
	}
}

// TestLayeringCatches gives each rule an import that it must find, and a twin that it must not.
func TestLayeringCatches(t *testing.T) {
	own := modulePath + "/"
	for _, c := range []struct{ file, bad, good string }{
		{"main.go", own + "broker", own + "scenarios/command"},
		{"main.go", outside["cobra"], "os"},
		{"verify/history/codec.go", own + "dashboards/catalog", "encoding/binary"},
		{"dashboards/catalog/broker.go", outside["metrics"] + "/prometheus", "slices"},
		{"chaos/timeline/parse.go", own + "verify/history", "time"},
		{"broker/bug/bug.go", outside["kmsg"], "fmt"},
		{"broker/actor/actor.go", own + "broker/env", "time"},
		{"verify/loss.go", own + "broker/batch", own + "verify/history"},
		{"verify/loss.go", own + "loadgen/payload", outside["porcupine"]},
		{"verify/linearize/model.go", outside["kgo"], own + "verify"},
		{"verify/loss_test.go", own + "broker", own + "loadgen"},
		{"loadgen/pace/pace.go", "os", "math/bits"},
		{"loadgen/payload/payload.go", "math/rand/v2", "hash/crc32"},
		{"loadgen/client/tap.go", own + "verify", own + "verify/history"},
		{"loadgen/load.go", own + "chaos/timeline", outside["hdrhistogram"]},
		{"loadgen/load.go", own + "broker", own + "dashboards/catalog"},
		{"broker/partition/leader.go", own + "broker/env/real", own + "broker/env"},
		{"broker/partition/leader.go", own + "broker/controller", own + "broker/batch"},
		{"broker/env/fs.go", "os", "io/fs"},
		{"broker/env/real/fs.go", own + "broker/log", "os"},
		{"broker/node/node.go", "net", own + "broker/api"},
		{"broker/node/node.go", own + "broker/server", own + "broker/log"},
		{"broker/wire/frame.go", "net", "io"},
		{"broker/api/00_produce.go", "sync", own + "broker/partition"},
		{"broker/log/log.go", outside["kgo"], "sync"},
		{"broker/server/server.go", own + "verify/history", outside["metrics"] + "/prometheus/promhttp"},
		{"broker/server/server.go", outside["cobra"], outside["kmsg"]},
		{"chaos/nemesis.go", own + "broker", own + "chaos/cluster"},
		{"chaos/fault/kill.go", own + "loadgen", own + "verify/history"},
		{"chaos/cluster/cluster.go", own + "chaos", own + "chaos/timeline"},
		{"chaos/cluster/process/start.go", own + "verify", outside["kmsg"]},
		{"chaos/cluster/process/start.go", outside["docker"], own + "broker"},
		{"chaos/cluster/container/start.go", own + "loadgen", outside["docker"]},
		{"chaos/proxy/link.go", own + "broker/log", own + "broker"},
		{"chaos/sim/heap.go", own + "loadgen/client", own + "loadgen/pace"},
		{"scenarios/embed.go", own + "scenarios/spec", "embed"},
		{"scenarios/plan/plan.go", "os", own + "scenarios/spec"},
		{"scenarios/spec/decode.go", own + "broker/bug", outside["yaml"]},
		{"scenarios/report/text.go", outside["cobra"], own + "verify"},
		{"scenarios/report/text.go", own + "scenarios/run", own + "scenarios/plan"},
		{"scenarios/run/run.go", own + "scenarios/command", own + "scenarios/report"},
		{"dashboards/live/live.go", own + "verify", own + "dashboards/catalog"},
		{"nowhere/new.go", "fmt", ""},
	} {
		if found := layering(table, []source{importing(t, c.file, c.bad)}); len(found) != 1 {
			t.Errorf("%s importing %s: found %q, want one violation", c.file, c.bad, found)
		} else if !strings.HasPrefix(found[0], c.file) || !strings.Contains(found[0], path.Base(c.bad)) && c.good != "" {
			t.Errorf("the message names not both file and import: %s", found[0])
		}
		if c.good == "" {
			continue
		}
		if found := layering(table, []source{importing(t, c.file, c.good)}); found != nil {
			t.Errorf("%s importing %s: found %q, want nothing", c.file, c.good, found)
		}
	}
	if found := layering(table, []source{importing(t, "scenarios/command/root.go", outside["cobra"])}); found != nil {
		t.Errorf("scenarios/command importing cobra: found %q", found)
	}
	hidden := mustParse(t, "broker/log/log_plan9.go", "//go:build plan9\n\npackage log\n\nimport _ \""+own+"loadgen\"\n")
	if found := layering(table, []source{hidden}); len(found) != 1 {
		t.Errorf("a file behind a build tag: found %q, want one violation", found)
	}
}

// TestCobraHasOneImporter reads the rule off the table: no row but that of scenarios/command allows cobra.
func TestCobraHasOneImporter(t *testing.T) {
	for _, r := range table {
		if forbidden(r, imported{path: outside["cobra"]}) == "" && r.room != "scenarios/command" {
			t.Errorf("the row of %s allows cobra", r.room)
		}
	}
}

// TestTableRowsAreReachable finds rows that can never hold, because an earlier one takes their room.
func TestTableRowsAreReachable(t *testing.T) {
	for i, r := range table {
		member := r.room
		if tree, ok := strings.CutSuffix(r.room, "/..."); ok {
			member = tree + "/below"
		}
		if first, ok := rowOf(table[:i], member); ok {
			t.Errorf("row %s is hidden by the earlier row %s", r.room, first.room)
		}
		for _, pattern := range r.may {
			if _, named := outside[pattern]; !named && strings.Contains(pattern, ".") && !strings.HasSuffix(pattern, "/...") {
				t.Errorf("row %s: %q is neither a folder nor a name of outside", r.room, pattern)
			}
		}
	}
}

// importing is a file with one import.
func importing(t *testing.T, name, path string) source {
	t.Helper()
	return mustParse(t, name, "package p\n\nimport _ \""+path+"\"\n")
}
