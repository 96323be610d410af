// Package report writes what a finished run found: for people on a terminal, for programs, for CI and for pull requests.
//
//	verify.Report ──┐           ┌─> Text         stdout, the verdict first
//	loadgen's sums ─┼─ Run ─────┼─> verdict.json what was judged and how        logproof.verdict/v1
//	faults, paths ──┘           ├─> result.json  the same and every measurement logproof.result/v1
//	                            ├─> junit.xml    one test case per rule, budget and assumption
//	                            ├─> summary.md   for a pull request
//	course, excerpts ── Page ───┴─> report.html  one page that needs nothing else: pictures, and the same as tables
//
// The page is a template over a view of the Run; what it draws is made by package picture.
//
// No number stands before the verdict, and a run that broke a promise shows what it broke instead of
// how fast it was. Nothing here judges: the one thing it adds is that a run whose accounting does not
// add up is inconclusive at best.
package report
