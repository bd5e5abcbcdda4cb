// Package containers is the screen of containers: a table over all hosts or one, grouped by compose
// project, the details of one container, and the actions on one or several of them.
//
// An item is what is known of one container at one moment; everything shown is made from items by
// pure functions. What a host said before it went away stays, marked as stale and never in green.
// Actions run under the program's context, so leaving the screen does not cut them short.
//
// It may import tui/ui, themes and the plain values of hosts.
package containers
