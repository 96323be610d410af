// Package figure writes numbers as people read them, in verdicts and reports alike.
//
//	1.63*time.Second  ── Span ────> "1.63 s"     a duration, with three digits
//	3214567*time.Microsecond ── Moment ──> "3.215 s"    a time since the start of the run
//	12.345            ── Digits ──> "12.3"       any other number with three digits
package figure
