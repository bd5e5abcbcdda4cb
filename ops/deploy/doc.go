// Package deploy holds what a deploy is made of: definitions in TOML, read with every fault at once,
// their expressions, and the settings of each kind of step.
//
// Parse is pure, Load alone reads files; what they return is never changed after. Expand fills in what the
// expressions mean on a host, all but the secrets, which only Reveal puts into a Sensitive. The
// step kinds (ops/step) do what the settings say; the engine (ops/run) decides when.
package deploy
