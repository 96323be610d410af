// Package plan turns a scenario and a seed into everything a run will do, before anything is started.
//
//	Spec + seed + Overrides ── Make ──> Plan ── String ──> people
//	                             │         └── JSON, Parse <──> plan.json of the run directory
//	                             └── spec.Errors: what cannot be done, and where the file asks for it
//
// Repetitions and sequences are written out, and mixes are drawn (expand.go), from nothing but the scenario
// and the seed: Schedule gives the same bytes for every placement.
//
// The package is pure: the same input gives the same bytes on every machine. Targets stay symbolic;
// the nemesis resolves them with the seed when they fire.
package plan
