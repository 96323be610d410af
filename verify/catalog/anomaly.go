package catalog

import (
	"slices"
	"strings"

	"github.com/logproof/logproof/verify"
)

// Anomaly is what there is to know about one class.
type Anomaly struct {
	Class verify.Class
	// Rule that finds it.
	Rule verify.Rule
	// Definition in one or two sentences, with the terms of Kafka.
	Definition string
	// Jepsen is the name that Jepsen's Kafka checker has for it; "" if that does not look for it.
	Jepsen string
	// Excused says where Jepsen lets it pass, "" if nowhere.
	Excused string
	// Causes that were seen in real systems, or that lead to it.
	Causes []string
}

// Anomalies lists all of them, in the order of the rules.
func Anomalies() []Anomaly {
	return slices.Concat(logAnomalies, answerAnomalies, groupAnomalies, transactionAnomalies)
}

// AnomalyOf finds the entry of a class; false if there is none.
func AnomalyOf(c verify.Class) (Anomaly, bool) {
	for _, a := range Anomalies() {
		if a.Class == c {
			return a, true
		}
	}
	return Anomaly{}, false
}

// Example is the history of the zoo that shows the class, the one of its name before all others; false if there is none.
func (a Anomaly) Example() (verify.Specimen, bool) {
	zoo, err := verify.Zoo()
	if err != nil {
		return verify.Specimen{}, false
	}
	var found *verify.Specimen
	for i := range zoo {
		s := &zoo[i]
		if len(s.Words) > 1 && s.Words[1] == string(a.Class) && (found == nil || s.Name == string(a.Class)) {
			found = s
		}
	}
	if found == nil {
		return verify.Specimen{}, false
	}
	return *found, true
}

// Judged is what verify says of a history: the texts of its anomalies.
func Judged(s verify.Specimen) (texts []string) {
	e := verify.New(s.Expect)
	for _, entry := range s.Entries {
		e.Observe(entry)
	}
	e.End(nil)
	for _, rule := range e.Report().Rules {
		for _, a := range rule.Anomalies {
			texts = append(texts, string(a.Class)+": "+a.Text)
		}
	}
	return texts
}

// lines are the operations of a history, and what its head says of them.
func lines(s verify.Specimen) (says string, operations []string) {
	for line := range strings.Lines(s.Text) {
		line = strings.TrimRight(line, " \n")
		comment, is := strings.CutPrefix(line, "# ")
		key, _, keyed := strings.Cut(comment, ": ")
		switch {
		case line == "" || is && keyed && !strings.Contains(key, " "): // "# expect: fail loss lost-write"
		case is:
			says += " " + comment
		default:
			operations = append(operations, line)
		}
	}
	return strings.TrimSpace(says), operations
}
