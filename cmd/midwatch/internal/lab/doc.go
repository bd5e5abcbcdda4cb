// Package lab drives the built midwatch against the lab: real hosts as containers, with systemd, sshd,
// journald, nginx and a Docker Engine of their own, started by testdata/lab/lab.sh (make lab-up).
//
// Everything but this file has the build tag "lab", so "go test ./..." neither needs nor notices it.
// Lab is what lab.sh left: addresses, keys, an ssh_config. Its methods look at a host behind midwatch's
// back (Exec), break the way to it (Cut, NewHostKey) and mend it again when the test ends; Program runs
// the binary as a person would, in a terminal of its own or without one, with private XDG directories.
//
// A test skips, with its reason, where the lab is not up or lacks what the test needs. Times are measured
// and printed; they are asserted only in bounds that a loaded machine of two cores keeps.
package lab
