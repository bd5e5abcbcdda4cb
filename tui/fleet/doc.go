// Package fleet is the screen that shows every host on a line: its state and why, what it carries,
// what fails on it and how old all that is; and one host in detail beside or below the list.
//
// A host that cannot be reached keeps its last values, marked as old, with the reason. What the
// facts mean (which are problems, how bad) is judged by a function the program passes in, the same
// one that the command line and the header use.
//
// Everything here runs on the program's update loop.
package fleet
