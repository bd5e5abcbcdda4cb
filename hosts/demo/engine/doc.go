// Package engine is the Docker Engine API over the simulated containers of hosts/demo/sim: the HTTP
// requests, status codes, error documents and stream framings of the real one, as the reference of
// API version 1.43 documents them and engine 27 writes them.
//
// A Server answers for one host. It keeps nothing but the list of exec instances; what it shows and
// changes is the simulation's. It may import the standard library, go-units (durations in Docker's
// words) and hosts/demo/sim. All of it may be used from any goroutine.
package engine
