// Package lab drives the built midwatch against the lab: real hosts as containers, with systemd, sshd,
// journald, nginx and a Docker Engine of their own, started by testdata/lab/lab.sh (make lab-up).
//
// Everything but this file has the build tag "lab", so "go test ./..." neither needs nor notices it.
// Lab is what lab.sh left: addresses, keys, an ssh_config. Its methods look at a host behind midwatch's
// back (Exec), break the way to it (Cut, NewHostKey) and mend it again when the test ends; Program runs
// the binary as a person would, in a terminal of its own or without one, with private XDG directories.
//
// TestPicture puts the proxies, services and secrets of testdata/lab/picture on h1 and h2, asks the real
// nginx every request of pairs.txt and compares what midwatch says: the traces, of the hosts and of their
// capture, the status, the screens, and where the secrets are. With MIDWATCH_RECORD=1 it writes the
// answers and the capture to cmd/midwatch/testdata/lab, where a test without a lab compares the same:
//
//	make lab-up && MIDWATCH_RECORD=1 make lab-test && make lab-down
//
// TestPlantedFaults plants the faults that people are woken for, one after the other in five stages: sound,
// planted, mended as the finding says, planted again, sound. After each "midwatch check" has to be silent,
// or to name the very line or object. MIDWATCH_PLANT=scheme,port chooses faults by name.
//
// The tests TestStep… drive single kinds of steps against a host; TestDeploy… run the definitions cortex.toml
// and cxb.toml of testdata/lab with the binary, forward and back, and compare files with their modes and
// owners, image ids, units and nginx with how they were. What must go wrong goes wrong in TestDeployTroubles.
//
// A test skips, with its reason, where the lab is not up or lacks what the test needs. Times are measured
// and printed; they are asserted only in bounds that a loaded machine of two cores keeps.
package lab
