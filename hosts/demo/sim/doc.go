// Package sim is the life of the demo fleet: machines, units, containers and logs that change with
// time as real ones do, from a seed and a clock and nothing else.
//
// A Site is one copy of a world: hosts that share a clock, a queue of things to come and one lock.
// Nothing runs by itself. Whoever looks locks the site, and Lock first lets everything happen that
// was due until now, each thing at its own moment, so what is seen does not depend on how often
// somebody looks. Same seed and same clock, same history. Quantities that only move (load, memory,
// CPU time) are functions of time and cost nothing while nobody asks.
//
// Fields of the types here are read and changed with the site locked. The package imports the
// standard library and hosts/demo/vfs.
package sim
