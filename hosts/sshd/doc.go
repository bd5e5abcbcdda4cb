// Package sshd is an SSH server that lives inside the process. The demo fleet is served by it over
// in-memory connections, and the tests of the transports use it as the host that can be told to
// misbehave; both speak the real protocol, so the client side cannot tell it from another machine.
//
// It owns the protocol only: what a command does and what a dial reaches is decided by the Backend.
// It may import golang.org/x/crypto/ssh and the standard library.
//
// A Server may serve any number of connections at once. Every connection has its own goroutines;
// Serve returns after all of them ended, and they end when the connection or the context does.
package sshd
