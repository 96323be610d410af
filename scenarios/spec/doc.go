// Package spec reads scenario files: strict YAML into a Spec, with all its errors at once.
//
//	demo.yaml ── parse ── decode (unknown keys, wrong types) ── check (values) ──> Spec
//	                                   │                            │
//	                                   └── Errors: file:line:column, the line, a suggestion
//
// A key that is not known is an error, never ignored: a misspelled floor would make every run pass.
// Each value keeps its place in the file, so that whoever finds out later that it cannot work
// (scenarios/plan: a target that does not exist) points at it too.
package spec
