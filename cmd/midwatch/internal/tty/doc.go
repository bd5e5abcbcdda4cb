// Package tty is what the command does with the terminal itself, before and after the console owns
// it: asking for the background with a deadline, keeping a late answer away from the keys, saving
// the state and giving it back however the program ends.
//
// Everything here is for one goroutine at a time, except State.Restore.
package tty
