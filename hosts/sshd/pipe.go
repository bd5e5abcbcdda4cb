package sshd

import "midwatch/hosts/pipe"

// PipeOptions shape an in-memory connection.
type PipeOptions = pipe.Options

// PipeConn is one end of an in-memory connection.
type PipeConn = pipe.Conn

// Pipe returns the two ends of an in-memory connection, one for a client and one for Serve.
func Pipe(o PipeOptions) (*PipeConn, *PipeConn) { return pipe.New(o) }
