// Package health joins all that says whether a service is well: probes as the inventory names them,
// healthchecks of containers and of Swarm services, and what stands behind the upstreams of nginx and
// the clusters of Envoy. It is pure.
//
// Nobody is called healthy who has not said so lately: an answer that is overdue, a host that is away
// and a check that never ran are unknown, and that something listens is only that.
package health
