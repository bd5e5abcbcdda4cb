//go:build !race

package catalog

// raceFactor is how much slower the race detector makes us.
const raceFactor = 1
