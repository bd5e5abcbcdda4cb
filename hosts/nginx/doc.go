// Package nginx reads nginx configuration as text and answers what nginx would do with a request.
//
// Parse turns the output of "nginx -T", or single files, into a tree of directives that keep their
// file and line; includes are expanded at each use, as nginx does, because inheritance depends on
// it. NewHTTP gives the tree its meaning: listen sockets, server and location choice, inherited
// values, variables, rewrites and the upstream a request ends in.
//
// The package is pure: it opens no file and runs nothing. What the configuration alone does not
// tell (does a file exist, what does a name resolve to) is said to be unknown. A Config is not
// changed after Parse, so any goroutine may read it.
package nginx
