// Package command is every command of logproof, one file each.
//
//	main ── args, stdout, stderr ──> Main ── exit code
//
// Results go to stdout, progress and errors to stderr. Exit codes are those of exit.go. This is
// the only package that knows cobra, and the only one that may import every box.
package command
