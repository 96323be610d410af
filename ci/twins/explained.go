package twins

import (
	"regexp"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// put asks both twins one question in every version that both serve.
func put(q question, ours, theirs *Twin, asked map[string]bool) (found []difference) {
	key := q.ask(ours, 0).Key()
	lowest, highest, ok := both(ours, theirs, key)
	if !ok {
		return nil
	}
	asked[kmsg.NameForKey(key)] = true
	for version := max(lowest, q.from); version <= highest; version++ {
		answers := [2]map[string]string{}
		for i, t := range []*Twin{ours, theirs} {
			resp, err := t.Ask(q.ask(t, version), version)
			if err == nil && q.heard != nil {
				q.heard(t, resp)
			}
			answers[i] = t.flat(resp, err)
		}
		for _, path := range compare(answers[0], answers[1]) {
			found = append(found, difference{key, version, q.name, path, answers[0][path], answers[1][path]})
		}
	}
	return found
}

// explanation says why an answer may differ.
type explanation struct {
	// key of the request, -1 for any.
	key int16
	// question by its name, path of the field without its indices: patterns, "" for any.
	question, path string
	// why is for people.
	why string
}

var indices = regexp.MustCompile(`\[\d+\]`)

// explain finds what explains a difference; -1 for nothing.
func explain(d difference) int {
	for i, e := range explanations {
		if e.key >= 0 && e.key != d.key {
			continue
		}
		if matches(e.question, d.question) && matches(e.path, indices.ReplaceAllString(d.path, "")) {
			return i
		}
	}
	return -1
}

func matches(pattern, text string) bool {
	return pattern == "" || regexp.MustCompile("^(?:"+pattern+")$").MatchString(text)
}

// served says that both are asked about a key.
func served(ours, theirs *Twin, key int16) bool {
	if key < 0 {
		return true
	}
	_, _, ok := both(ours, theirs, key)
	return ok
}
