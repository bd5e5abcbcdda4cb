// Package tui is the console: the root model that owns the terminal's size, the stacks of screens
// and overlays, the keys, the toasts and the write lease, and routes everything else.
//
// Screens are built by factories that the program passes in; the root knows their names only. It
// asks hosts, ops and logs through the small interfaces of package ui and imports neither transports
// nor processes, files or the network.
//
// Everything in Root runs on the program's update loop. Questions is the exception: transports call
// its Ask from any goroutine.
package tui
