// Package routes lays the routes of a fleet out as a tree: nginx servers and locations, Envoy
// listeners, filter chains, virtual hosts, routes, clusters and endpoints, Traefik routers and
// services. Each target is joined with the published port, container, unix socket or unit behind
// it and that one's health. It is pure.
package routes
