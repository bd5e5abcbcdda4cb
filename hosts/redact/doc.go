// Package redact takes secrets out of what hosts say before it is shown, stored or sent: values of
// environment variables, labels, arguments and lines whose name says secret, passwords in URLs,
// Authorization headers, bearer tokens, private keys.
//
// Redacting twice gives the same as redacting once, so evidence that is parsed again passes through
// the same code as a live answer. The package is pure and keeps nothing.
package redact
