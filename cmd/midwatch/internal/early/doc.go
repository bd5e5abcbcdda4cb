// Package early keeps the terminal quiet until main has decided whether to speak to it.
//
// Bubble Tea v1 asks the terminal for its background in an init function: it writes two queries and
// waits for an answer, 5 s on a terminal that gives none and a round trip on any other, in every
// command, "midwatch version" included. With TERM=dumb it does not ask. Go initializes packages in
// the order of their import paths as soon as what they import is ready; this one needs os only and
// sorts before os/signal, which Bubble Tea waits for, so it is always first. A test of the command
// on a terminal that stays silent fails should that ever change.
//
// Hush's effect ends when main calls Restore, before anything else.
package early
