// Package forms knows the ways in which programs write a secret, for whoever takes secrets out of a text. It is
// pure, and apart from ops/secrets so that what only takes secrets out does not import what fetches them.
package forms
