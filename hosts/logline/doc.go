// Package logline reads what a line of a log says of itself: its format, time, level, message and
// fields, whether it goes on the line before it, and which request it belongs to.
//
// Everything is pure and takes a line as it stands in the log, cleaned or not. A line in no known
// format is a Record whose message is the line: nothing is ever lost by reading it.
//
// It imports hosts only.
package logline
