// Package traefik reads what Traefik routes, from its API (/api/rawdata, /api/overview, /api/version)
// or from the labels of containers and Swarm services, and answers which router takes a request.
//
// The package is pure; facts are the plain values of package hosts.
package traefik
