// Package logfilter is the language that lines of a log are chosen with: a text, a regular expression, a
// level, a field of the line, where it comes from, and the negation of each. The Logs screen and "midwatch
// logs" read the same words in the same way.
//
// It is pure, and what Parse returns may be used by several goroutines at once.
package logfilter
