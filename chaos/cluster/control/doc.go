// Package control lets another process act on a running cluster, through a unix socket in its directory.
//
//	Do(dir, Kill, 1) ──one line of JSON──> dir/control.sock ──> Server ──> Cluster.Kill(1)
//	                 <──one line of JSON── what was done, or why not
//
// A directory has one cluster: the server holds a lock on the directory for as long as it lives, which
// the kernel lets go of when its process dies, so that a socket left by a killed one is recognised and
// replaced. Who may write to the directory's socket is its owner only.
package control
