// Package docker is the one place of midwatch that knows the Docker Engine API. A Client speaks to
// one engine over whatever connection it is given: a unix socket, a socket reached through SSH,
// TCP with TLS, or the demo's in-process engine; it never looks at DOCKER_HOST or any other
// variable of the environment.
//
// Reading is done in two stages. The client fetches the JSON of an API answer, redacts it (values
// of environment variables, labels and arguments that look secret) and the pure Parse functions
// make facts of it; Collect returns the redacted JSON itself as hosts.Evidence, and parsing that
// gives the same facts on any machine.
//
// A Client may be used from any goroutine. It starts none of its own that outlives a call. Short
// requests share few connections; each stream (events, logs, exec) has its own.
package docker
