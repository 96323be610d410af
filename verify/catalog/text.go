package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/logproof/logproof/verify"
)

// Names lists everything that Text explains, without aliases: promises, anomalies, Jepsen's names, profiles.
func Names() (names []string) {
	for _, p := range Promises() {
		names = append(names, p.Name)
	}
	for _, a := range Anomalies() {
		names = append(names, string(a.Class))
	}
	for _, j := range JepsenNames() {
		names = append(names, j.Name)
	}
	for _, p := range verify.Profiles() {
		names = append(names, p.Name)
	}
	return names
}

// Known lists every word that Text takes, aliases and rules too.
func Known() []string {
	names := Names()
	for _, p := range Promises() {
		names = append(names, p.Alias...)
	}
	for _, r := range rules() {
		if !slices.Contains(names, string(r)) { // early-read is an anomaly too, exactly-once a promise
			names = append(names, string(r))
		}
	}
	return names
}

// rules are the rules that find anything, in the order of reports.
func rules() []verify.Rule { return append(verify.Rules(), verify.Availability) }

// Text explains a name in lines of so many characters. Case does not matter. It is false for a name that nobody
// knows.
func Text(name string, width int) (string, bool) {
	t := &text{width: width}
	lower := strings.ToLower(name)
	if a, ok := AnomalyOf(verify.Class(lower)); ok {
		t.anomaly(a)
		return t.String(), true
	}
	if p, ok := PromiseOf(lower); ok {
		t.promise(p)
		return t.String(), true
	}
	for _, j := range JepsenNames() {
		if strings.EqualFold(j.Name, name) {
			t.jepsen(j)
			return t.String(), true
		}
	}
	if p, ok := verify.ProfileOf(lower); ok {
		t.profile(p)
		return t.String(), true
	}
	if slices.Contains(rules(), verify.Rule(lower)) {
		t.rule(verify.Rule(lower))
		return t.String(), true
	}
	return "", false
}

// Overview lists what can be explained.
func Overview(width int) string {
	t := &text{width: width}
	t.head("Promises, and which settings make them")
	for _, p := range Promises() {
		t.item(p.Name, p.Title)
	}
	for _, r := range rules() {
		t.blank()
		t.head("Anomalies that " + string(r) + " finds")
		for _, a := range Anomalies() {
			if a.Rule == r {
				first, _, _ := strings.Cut(a.Definition, ". ")
				t.item(string(a.Class), strings.TrimSuffix(first, "."))
			}
		}
	}
	t.blank()
	t.head("Jepsen's names for the same, or for what is not judged")
	for _, j := range JepsenNames() {
		t.item(j.Name, j.Verdict)
	}
	t.blank()
	t.head("Claims of systems")
	for _, p := range verify.Profiles() {
		t.item(p.Name, p.Title)
	}
	return t.String()
}

func (t *text) anomaly(a Anomaly) {
	t.head(string(a.Class))
	t.paragraph(a.Definition)
	t.blank()
	t.field("found by", "rule "+string(a.Rule))
	jepsen := a.Jepsen
	if jepsen == "" {
		jepsen = "has no name for it"
	}
	t.field("Jepsen", jepsen)
	if a.Excused != "" {
		t.field("excused there", a.Excused)
	}
	for _, l := range verify.Levels() {
		for _, e := range l.Excuses {
			if slices.Contains(e.Classes, a.Class) {
				t.field("allowed", fmt.Sprintf("at %s (%s): %s; %s would forbid it", l.Level, l.Code, e.Because, e.Forbid))
			}
		}
	}
	t.list("usual causes", a.Causes)
	s, ok := a.Example()
	if !ok {
		return
	}
	t.blank()
	t.head("Example: " + s.Name + " of the zoo")
	says, operations := lines(s)
	t.paragraph(says)
	t.blank()
	for _, line := range operations {
		t.raw("  " + line)
	}
	t.blank()
	for _, found := range Judged(s) {
		t.field("verdict", "fail, "+found)
	}
}

func (t *text) promise(p Promise) {
	t.head(p.Name + ": " + p.Title)
	t.paragraph(p.Says)
	for _, level := range p.Levels {
		info, ok := verify.LevelOf(level)
		if !ok {
			continue
		}
		t.blank()
		who := "producer"
		if info.Consumer {
			who = "consumer group"
		}
		t.head(fmt.Sprintf("%s %s (%s): %s", who, info.Level, info.Code, info.Promise))
		t.list("settings", info.Settings)
		t.field("promises", info.Holds)
		t.field("does not", info.Not)
		for _, e := range info.Excuses {
			t.field("allows", fmt.Sprintf("%s, because %s; %s would forbid it", classes(e.Classes), e.Because, e.Forbid))
		}
	}
	t.blank()
	var names []string
	for _, r := range p.Rules {
		names = append(names, string(r))
	}
	t.field("judged by", strings.Join(names, ", "))
	t.list("beware", p.Notes)
}

func (t *text) jepsen(j Jepsen) {
	t.head(j.Name + " (Jepsen)")
	t.paragraph(j.Definition)
	t.blank()
	t.field("in Jepsen", j.Verdict)
	t.field("here", j.Here)
}

func (t *text) profile(p verify.Profile) {
	t.head(p.Name + ": what " + p.Title + " claims")
	t.paragraph(profileText(p) + ".")
	t.blank()
	t.paragraph("A violation that the settings of a run do not forbid on this system is reported as allowed, and does not fail the run.")
}

func (t *text) rule(r verify.Rule) {
	t.head("rule " + string(r))
	for _, a := range Anomalies() {
		if a.Rule == r {
			t.item(string(a.Class), a.Definition)
		}
	}
}

func classes(list []verify.Class) string {
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = string(c)
	}
	return strings.Join(names, ", ")
}
