// Package conformance is the suite that everything which claims to be a hosts.Conn has to pass: the
// local machine, SSH to the server in package sshd, SSH to a real OpenSSH, the demo fleet where its
// hosts run the commands used here. What passes may stand in for the others in tests.
//
// A test calls Run with a Host, which says how to open a connection and where the other side's files
// and services are. Machine is a backend for package sshd that runs real commands through sh.
//
// Only tests import this package.
package conformance
