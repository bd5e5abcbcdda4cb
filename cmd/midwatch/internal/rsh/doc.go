// Package rsh lets a program that wants a remote shell, the system's rsync, use a connection that is open in
// this process already: one login, one place for jump hosts, agents and host keys.
//
// Serve listens on a unix socket in a directory of its own that only its owner may enter. rsync is given
// "midwatch __rsh SOCKET" as its remote shell; Main is that mode. It sends the command over the socket, then
// its standard input, and gets back frames of standard output, standard error and the exit status. The server
// runs the command through a shell on the host, as sshd does.
package rsh
