package sshd

import (
	"context"
	"io"
	"net"
)

// Backend is the machine behind the server. Its methods are called from many goroutines at once.
type Backend interface {
	// Exec runs a command, or a shell when r.Command is empty, and returns its exit status. The
	// context ends when the client closed the channel, sent the signal KILL or went away; Exec must
	// return soon after.
	Exec(ctx context.Context, r *Request) int
	// Dial opens a connection as the machine sees it; network is "tcp" or "unix". The text of its
	// error is sent to the client.
	Dial(ctx context.Context, network, address string) (net.Conn, error)
}

// Request is one command on one session channel.
type Request struct {
	User    string
	Command string            // as sent, for a shell to interpret; "" asks for a login shell
	Env     map[string]string // what the client set by env requests
	Stdin   io.Reader         // io.EOF when the client ended its input
	// Stdout and Stderr block while the client does not read, as a full pipe would.
	Stdout, Stderr io.Writer
	// Term is the pseudo-terminal that was asked for, nil without one. Output then goes to Stdout.
	Term *Term
	// Resize delivers later sizes of the terminal; older ones are dropped when nobody reads.
	Resize <-chan Size
	// Signals delivers the names of signals (TERM, INT, …) in order, dropped when nobody reads. KILL
	// also ends the context.
	Signals <-chan string
	// ExitSignal is set by Exec when the command was killed: its name without SIG. The client is
	// then sent exit-signal instead of the exit status.
	ExitSignal string
}

// Term is a pseudo-terminal request.
type Term struct {
	Name string // TERM
	Size
}

// Size is a terminal size in cells.
type Size struct{ Cols, Rows int }
