package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/logproof/logproof/verify"
)

// The parts of a JUnit file that CI systems read.
type (
	junitFile struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name      string      `xml:"name,attr"`
		Tests     int         `xml:"tests,attr"`
		Failures  int         `xml:"failures,attr"`
		Errors    int         `xml:"errors,attr"`
		Skipped   int         `xml:"skipped,attr"`
		Time      string      `xml:"time,attr"`
		Timestamp string      `xml:"timestamp,attr"`
		Cases     []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Failure *junitOutcome `xml:"failure"`
		Error   *junitOutcome `xml:"error"`
		Skipped *junitOutcome `xml:"skipped"`
		Output  string        `xml:"system-out,omitempty"`
	}
	junitOutcome struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes one test case per rule, per budget and per assumption. A rule that found an anomaly is a failure;
// what could not be judged is an error, because JUnit has no third verdict and a skip would look
// green; a rule that nobody asked for is skipped.
func JUnit(w io.Writer, r Run) error { return writeSuites(w, []junitSuite{runSuite(r)}) }

// runSuite is the suite of one run.
func runSuite(r Run) junitSuite {
	suite := junitSuite{
		Name: "logproof." + r.Scenario, Time: fmt.Sprintf("%.3f", r.Duration.Seconds()),
		Timestamp: r.Started.UTC().Format(time.RFC3339),
	}
	for _, rule := range r.Report.Rules {
		if rule.Rule != verify.Availability { // its budgets are cases of their own
			suite.add(ruleCase(r.Scenario, rule))
		}
	}
	for _, b := range r.Report.Budgets {
		suite.add(budgetCase(r.Scenario, b))
	}
	for _, assumption := range r.AllAssumptions() {
		c := junitCase{Class: r.Scenario + ".assumption", Name: assumption.Name, Output: assumption.Detail}
		if assumption.Verdict != verify.Pass {
			c.Error = &junitOutcome{Message: assumption.Detail, Type: assumption.Verdict.String()}
		}
		suite.add(c)
	}
	return suite
}

func writeSuites(w io.Writer, suites []junitSuite) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(junitFile{Suites: suites}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// ruleCase is the test case of one rule.
func ruleCase(scenario string, rule verify.RuleResult) junitCase {
	c := junitCase{Class: scenario + ".rule", Name: string(rule.Rule), Output: judged(rule)}
	switch {
	case rule.Verdict == verify.Fail:
		var text []string
		kind := ""
		for _, anomaly := range rule.Anomalies {
			text = append(text, string(anomaly.Class)+": "+anomaly.Text)
			if kind == "" {
				kind = string(anomaly.Class)
			}
		}
		c.Failure = &junitOutcome{Message: "anomalies: " + count(rule.Total), Type: kind, Text: strings.Join(text, "\n")}
		if rule.Total == 0 {
			c.Failure.Message = judged(rule) // other rules list what is wrong
		}
	case !rule.Asked:
		c.Skipped = &junitOutcome{Message: judged(rule)}
	case rule.Verdict != verify.Pass:
		c.Error = &junitOutcome{Message: judged(rule), Type: rule.Verdict.String()}
	}
	return c
}

// add counts a case into the suite.
func (s *junitSuite) add(c junitCase) {
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}
