// Package endpoint reads what answers over HTTP or from inside containers: Envoy's admin interface,
// Traefik's API, Dokploy's API, an agent hub, health endpoints, and the nginx of containers.
//
// It follows the rule of all collectors: a Reader does the I/O and returns hosts.Evidence, redacted;
// Apply, which is pure, makes facts of it, live or from a capture. Everything is asked the way the
// host sees it, through the connection that is already open. Readers may be used from any goroutine
// and keep nothing between calls.
package endpoint
