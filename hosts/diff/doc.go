// Package diff says what changed between two snapshots: hosts, containers, images by digest, units,
// listening ports, routes, mounts and configuration files. Volatile numbers (load, ages, counters of
// bytes) are not changes. A part that is unknown on one side is reported as not comparable, never as
// removed. The package is pure.
package diff
