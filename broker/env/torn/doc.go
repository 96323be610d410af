// Package torn says what a disk may make of a write that a power cut met: pages kept, lost or torn.
//
//	before ─┐
//	        ├─ Mixed(number) ──> before, after, or sectors of both
//	after ──┘
//	old size, new size ── Grown(draw) ──> one of the two, or a page boundary between them
//
// It holds no randomness: numbers are drawn by whoever cuts the power, and equal numbers give equal results.
package torn
