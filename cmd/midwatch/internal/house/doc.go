// Package house holds no code of the program: its tests hold the whole tree to the rules of the house.
// They read the packages as "go list" sees them and the sources as go/parser does, so they need no
// linter, no network and no cache.
//
// The import rules: imports point down (cmd, tui, ops and checks, hosts; themes apart); ops and checks
// do not know each other; the screens know no network, no process and no file; everything below the
// screens shows nothing; the Docker client stays behind one package. The source rules: colours and
// styles only in themes, no init, no file over 500 lines, and a doc.go in every package.
package house
