// Package inventory reads hosts.toml: which hosts there are, how each is reached, what runs on it and
// what is asked of it.
//
// Parse is pure: text in, an Inventory and every fault out. A fault names the file, the line, what is
// wrong and what was probably meant; all faults are reported at once, because a person who fixes a
// file one message at a time gives up. Keys are inherited: a host sees its own, then those of its
// groups in the order it names them (each group before its parents), then [defaults].
//
// Secrets are never written in the file. It says where they come from (Secret), and they are fetched
// when they are needed (Secret.Resolve). Import writes a first hosts.toml from the user's OpenSSH
// configuration.
//
// It imports hosts and a TOML parser. Nothing here keeps a goroutine; values are not changed after
// Parse returned them and may be read by any goroutine.
package inventory
