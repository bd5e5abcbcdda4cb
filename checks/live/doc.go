// Package live knows the live probes of diagnoses: which requests show a fault, at which stations of their
// way they are asked, and what the answers prove.
//
// It is pure. The way comes from checks/trace; whoever asks the stations does so with requests that only
// read, after a person agreed, and puts what came back into the snapshot as hosts.Asked. Rules read the
// proofs from there, so that they stay questions about a snapshot.
package live
