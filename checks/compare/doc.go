// Package compare lays the same service on several hosts side by side: a service of compose projects
// and stacks, the containers of one image, a systemd unit or the instances of a template, a server of
// nginx. Each property is put to the vote; what differs from the majority is the odd one out, and a tie
// is said to be one. What is unknown has no vote.
//
// The package is pure.
package compare
