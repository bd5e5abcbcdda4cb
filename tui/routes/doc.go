// Package routes is the screen of what proxies do with requests: nginx servers and locations, Envoy
// listeners down to endpoints and Traefik routers as one tree over all hosts, each target with what
// takes the traffic there and how that is.
//
// The tree is laid out by checks/routes in a command, because a large fleet takes longer than a
// key may; what is open and what is selected is kept by the IDs of the nodes. Everything else runs
// on the program's update loop.
package routes
