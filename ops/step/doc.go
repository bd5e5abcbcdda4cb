// Package step does the steps of a deploy on one host: each kind says what it would change, records what
// undoing needs, acts, looks whether the effect is there, and takes it back.
//
// A kind keeps nothing between calls: everything it must remember after a crash is in its undo record, which
// the engine stores before it lets the kind act. It imports hosts for values and ops/deploy for settings;
// what reaches a host comes in through Env.
package step
