// Package pipe is an in-memory connection for both ends of one process. The demo fleet and the tests
// put an SSH server on one end of it; the transports put it before things that are not quite a
// net.Conn (a forwarded channel, the standard input and output of a command), which gives those
// deadlines, half-close and a prompt Close.
//
// Unlike net.Pipe it is buffered and bounded, can be slow and can be frozen. It imports the standard
// library only and starts no goroutine.
package pipe
