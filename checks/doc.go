// Package checks holds the questions about a system: facts in, findings out. A Check is data and one
// pure function. It is asked about a World, which is made either of a hosts.Snapshot or of files that
// somebody wants looked at; a check about a nginx configuration does not know which of the two it has.
//
// Run asks checks and gives one Answer per check and subject: ok, finding, unknown with what could not
// be read, skipped, or muted. History compares reports: what is new, still there or gone, and what has
// not lasted long enough to be shown.
//
// The checks themselves are in the packages beside this one (nginxrules, composerules, envoyrules,
// hostrules); checks/catalog lists them all. Nothing here does I/O: what reads files for lint is
// checks/lint, and the parsers of nginx are behind it.
package checks
