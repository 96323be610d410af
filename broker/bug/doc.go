// Package bug names the planted bugs of the reference broker.
//
// Each is one wrong decision in one place, off unless a configuration asks for it, and each is
// caught by one rule of verify in one scenario: `make known-bugs` proves it. A verifier that has
// never seen a bug proves nothing by its silence.
package bug
