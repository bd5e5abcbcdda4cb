// Package deploy holds what a deploy is made of: definitions in TOML, read with every fault at once,
// their expressions, and the settings of each kind of step.
//
// It is pure: it opens no file and reaches no host, and what it returns is never changed after. The
// step kinds (ops/step) do what the settings say; the engine (ops/run) decides when.
package deploy
