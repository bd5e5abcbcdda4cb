// Package nginx answers what nginx would do with a request.
//
// Package read, below it, turns text into a Config: directives that keep their file and line, with
// includes expanded at each use, because inheritance depends on it. NewHTTP gives the tree its meaning: listen sockets, server and location choice, inherited
// values, variables, rewrites and the upstream a request ends in.
//
// The package is pure: it opens no file and runs nothing. What the configuration alone does not
// tell (does a file exist, what does a name resolve to) is said to be unknown. A Config is not
// changed after it was read, so any goroutine may read it.
package nginx
