// Package plan turns a scenario and a seed into everything a run will do, before anything is started.
//
//	Spec + seed + Overrides ── Make ──> Plan ── String ──> people
//	                             │         └── JSON, Parse <──> plan.json of the run directory
//	                             └── spec.Errors: what cannot be done, and where the file asks for it
//
// The package is pure: the same input gives the same bytes on every machine. Targets stay symbolic;
// the nemesis resolves them with the seed when they fire.
package plan
