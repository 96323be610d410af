// Package envtest is the conformance suite of env.FS: one set of tests that every implementation passes.
//
//	real_test ─┐
//	mem_test  ─┼─▶ envtest.Run(t, open) ─▶ names · entries · bytes · handles · model · many goroutines
//	disk_test ─┘
//
// It asks for what code above the seam relies on and for nothing about durability: what survives a power
// cut differs by implementation and is tested where it is promised.
package envtest
