// Package trace follows a request through the fleet as its configuration promises: name, edge
// listener, filter chain, virtual host, route, cluster, endpoint, published port, container, nginx
// server and location, upstream, unix socket, unit. Any chain of these, in any order, over several
// hosts, from one hosts.Snapshot.
//
// It is pure: names are resolved by a function it is given, and asking the hops for real is somebody
// else's work, for which every hop says where and how it would be asked. What the snapshot does not
// tell is an unknown hop with its reason, never an assumption.
package trace
