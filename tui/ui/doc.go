// Package ui holds what the screens of midwatch are made of: the Screen contract, actions, the
// frame, lists and tables that render visible rows only, text fields, and the cell arithmetic below
// them.
//
// It may import themes and, for its plain values, hosts. It knows no network, no process and no
// file. Everything here runs on the program's update loop unless it says otherwise.
package ui
