// Package worlds describes the operations of the demo fleet: which machines there are, what runs on
// them, what they write into their logs, what answers on their ports, and what is wrong with them.
//
// A World is data and a Build function that makes machines of it. The faults that each world plants on
// purpose are listed at its declaration; they are the ones its owner tells of, because checks and
// traces are demonstrated on them. Addresses go through a Plan, so that a world can be copied.
//
// The package imports hosts/demo/sim, hosts/demo/vfs and the standard library. Handlers here are
// called from any goroutine and lock the site themselves; everything else runs with the site locked.
package worlds
