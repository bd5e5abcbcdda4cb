// Package logs is the screen that follows logs: containers and units of several hosts in one tail.
//
// Buffer keeps the lines in chunks under a byte budget, their texts one behind the other and 24 bytes for
// each beside them, and merges the sources by time within a short window. A scan finds the lines a filter
// or a search accepts, off the update loop, over chunks shared with the buffer; so do the counts over time,
// the patterns and the excerpts that are written down. Fitting a line to the width is done once per line
// and width, for visible lines only. Pair is the screen as it is opened: one log, or two.
//
// It may import tui/ui, themes and the plain values of hosts. Everything that changes a Buffer or a
// scan runs on the program's update loop; a command sees only a snapshot taken there.
package logs
