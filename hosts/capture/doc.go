// Package capture keeps the raw evidence of a fleet at one moment in one file, so that every screen,
// check and trace runs on it as it would on the fleet: tomorrow, on a colleague's machine, in a test.
//
// The file is zstd over JSON lines: a head with format and version, one line per piece of evidence,
// and a foot that counts them, so that a file cut short is noticed. What is secret is taken out as
// it is written; a capture that would still hold a known secret is refused. The package opens
// only the files it is told to and starts no goroutine.
package capture
