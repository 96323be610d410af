// Package env is the only seam between the broker and the world: interfaces, nothing else.
//
//	       node (decides)
//	───────────┬───────────        env.FS, env.File
//	  real · mem · disk(any)       the machine · memory · a wrapper that misbehaves by rules
//
// There is no Spawn: nothing above this seam starts goroutines. Time arrives as an argument of
// Step, randomness as a seed; connections belong to broker/server.
package env
