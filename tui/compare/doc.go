// Package compare is the screen that lays the same service on several hosts side by side, with the odd
// one out marked. Opened without an object it lists what can be compared; checks/compare does the work,
// in a command.
//
// Everything here belongs to the update loop.
package compare
