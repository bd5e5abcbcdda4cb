// Package shell is what answers a command on a host of the demo fleet: a real shell (mvdan.cc/sh)
// over the simulated machine of hosts/demo/sim, and the programs it can call, each printing in the
// format of the one it is named after, because the parsers that read them are the ones that read
// real hosts.
//
// Nothing here touches the machine midwatch runs on: files come from hosts/demo/vfs, processes and
// units from the simulation, the network from the Machine's Dial. A command ends when its context
// does, waits when nobody reads its output, and sees the permissions of the account it runs as.
// All of it may be used from any goroutine.
package shell
