// Package compose reads compose files and merges them as docker compose does with several -f. Every
// value of the merged project keeps the file and line it came from, so that a finding can point there.
//
// It is pure: it reads no disk, so extends from a file that is not given, include and env_file are
// noted and not followed. A key that the schema does not know is kept, a wrong type is skipped: the
// files are often not ours, and half a project is better than none. Its merging is held against
// compose-go in the tests.
package compose
