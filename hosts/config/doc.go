// Package config reads TOML files for people: typed values with the line of everything, every fault at
// once, and what was probably meant.
//
// The inventory (hosts/inventory) and the definitions of deploys (ops/deploy) are read with it. It is
// pure: text in, values and Faults out; a Reader belongs to one parse and one goroutine.
package config
