// Package file reads and replaces small files of an env.FS, each as a whole.
//
//	Replace: name.tmp ── write, sync ── rename to name ── sync the directory
//
// After a crash at any moment the name has all of the new content, or all of the old one.
package file
