package verify

import (
	"fmt"
	"slices"
)

// Allowance is anomalies of one class that the claim of the run allows.
type Allowance struct {
	Class Class `json:"class"`
	Total int64 `json:"total"`
	// Records (or offsets) that they are about, together: of lost records it is what the setting costs.
	Records int64 `json:"records"`
	// Forbid is the setting under which they would be a violation; Because says why they are none.
	Forbid  string `json:"forbid"`
	Because string `json:"because"`
	// Anomalies are the first AnomaliesMax of Total.
	Anomalies []Anomaly `json:"anomalies"`
}

// String is the allowance as a clause for people: "12 duplicate (40 records), allowed: ...; enable.idempotence=true
// would forbid it".
func (a Allowance) String() string {
	return fmt.Sprintf("%d %s (%s), allowed: %s; %s would forbid it", a.Total, a.Class, plural(a.Records, "record"), a.Because, a.Forbid)
}

// strain is the anomalies of a rule that a claim allows together or not at all: of one class in one topic and of
// one group.
type strain struct {
	class        Class
	topic, group string
	total        int64
	records      int64
	first        []Anomaly // the first AnomaliesMax of total
}

// has reports whether an anomaly is of the strain.
func (s *strain) has(a *Anomaly) bool {
	return s.class == a.Class && s.topic == a.Partition.Topic && s.group == a.Group
}

// add takes an anomaly into the result.
func (r *RuleResult) add(a Anomaly) {
	a.Rule = r.Rule
	r.Total++
	if len(r.Anomalies) < AnomaliesMax {
		r.Anomalies = append(r.Anomalies, a)
	}
	i := slices.IndexFunc(r.strains, func(s strain) bool { return s.has(&a) })
	if i < 0 {
		i = len(r.strains)
		r.strains = append(r.strains, strain{class: a.Class, topic: a.Partition.Topic, group: a.Group})
	}
	s := &r.strains[i]
	s.total++
	s.records += a.Count
	if len(s.first) < AnomaliesMax {
		s.first = append(s.first, a)
	}
}

// separate takes out of a rule's result what the claim allows when so many replicas lost their data at once.
// The verdict is then that of what is left.
func (c *Claim) separate(r RuleResult, wiped int) RuleResult {
	if c == nil || r.Total == 0 {
		return r
	}
	kept := r
	kept.Anomalies, kept.strains = nil, nil
	for _, s := range r.strains {
		excuse, ok := c.excuse(&s, wiped)
		if !ok {
			kept.strains = append(kept.strains, s)
			continue
		}
		kept.Total -= s.total
		kept.allow(s, excuse)
	}
	if len(kept.Allowed) == 0 {
		return r
	}
	for _, s := range kept.strains {
		kept.Anomalies = append(kept.Anomalies, s.first[:min(len(s.first), AnomaliesMax-len(kept.Anomalies))]...)
	}
	if r.Verdict == Fail {
		kept.conclude()
	}
	return kept
}

// excuse reports why the claim allows anomalies of one strain.
func (c *Claim) excuse(s *strain, wiped int) (Excuse, bool) {
	for _, e := range c.Excuses(s.topic, s.group, wiped) {
		if slices.Contains(e.Classes, s.class) {
			return e, true
		}
	}
	return Excuse{}, false
}

// allow adds anomalies of one strain to those that are allowed.
func (r *RuleResult) allow(s strain, e Excuse) {
	i := slices.IndexFunc(r.Allowed, func(a Allowance) bool { return a.Class == s.class && a.Forbid == e.Forbid })
	if i < 0 {
		i = len(r.Allowed)
		r.Allowed = append(slices.Clip(r.Allowed), Allowance{Class: s.class, Forbid: e.Forbid, Because: e.Because})
	}
	a := &r.Allowed[i]
	a.Total += s.total
	a.Records += s.records
	a.Anomalies = append(a.Anomalies, s.first[:min(len(s.first), AnomaliesMax-len(a.Anomalies))]...)
}

// lists are the anomalies that are listed, allowed or not.
func (r *RuleResult) lists() [][]Anomaly {
	lists := [][]Anomaly{r.Anomalies}
	for i := range r.Allowed {
		lists = append(lists, r.Allowed[i].Anomalies)
	}
	return lists
}

// listed reports whether any rule lists an anomaly.
func (r *Report) listed() bool {
	for i := range r.Rules {
		if r.Rules[i].Total > 0 || len(r.Rules[i].Allowed) > 0 {
			return true
		}
	}
	return false
}
