// Package read turns nginx configuration as text into the tree that package nginx gives a meaning
// to: the output of "nginx -T", or single files, with every include expanded at each use.
//
// nginx-go-crossplane does the reading, one file at a time and leniently; what it gives up on is
// read by a small tokenizer of our own, so that one odd file does not hide the others. The package
// is pure and opens no file. It stands apart from package nginx so that the screens, which need
// the meaning, do not pull the reader in.
package read
