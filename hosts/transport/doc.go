// Package transport holds the connections to hosts. A Link is one host as everybody else uses it: it
// implements hosts.Conn, connects by itself, keeps the connection alive, and says how it stands.
//
// Three ways lead to a host: the local machine (os/exec), SSH (one client connection for all
// commands, streams and dials, and one for each jump host before it), and a Docker engine over TCP,
// which has no shell. What a command is (quoting, sudo, limits, deadlines) is the same for all; see
// runner. The suite in package conformance is what every way has to pass.
//
// SSH settings come from ssh -G, so the user's own configuration holds; a Target overrides them. Host
// keys are always verified unless a Target says otherwise, and that is shown as Link.Warning.
//
// All exported methods may be called from any goroutine. A Link's goroutines end on Close or with the
// context given to Open. The package imports hosts and hosts/pipe of ours, and no user interface:
// questions go through Params.Ask.
package transport
