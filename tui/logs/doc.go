// Package logs is the screen that follows logs: containers and units of several hosts in one tail.
//
// Buffer keeps the lines in fixed chunks under a byte budget and merges the sources by time within
// a short window. A scan finds the lines a filter or a search accepts, off the update loop, over
// chunks shared with the buffer. Fitting a line to the width is done once per line and width, for
// visible lines only.
//
// It may import tui/ui, themes and the plain values of hosts. Everything that changes a Buffer or a
// scan runs on the program's update loop; a command sees only a snapshot taken there.
package logs
