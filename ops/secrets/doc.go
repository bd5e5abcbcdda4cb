// Package secrets fetches the secrets of deploys from where their definitions say they are, and takes them
// out of everything else.
//
// The first defence is the type: a secret is a hosts.Secret, which prints as dots, and a definition that
// writes one where it would be seen is refused (ops/deploy). A Vault is the rest: it fetches a secret the
// first time that a run needs it, once a run, tells the audit log its name, and overwrites what it kept when
// it is closed. Redact is the last defence: it finds every secret that was fetched, in the forms that
// programs print them in, in lines that go to a screen, a journal or a log.
//
// It imports ops/deploy and hosts/inventory, which knows how to read files and run commands for secrets.
// All methods may be called from any goroutine.
package secrets
