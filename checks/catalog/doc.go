// Package catalog lists all checks and the diagnoses made of them. It is the one place that knows all
// packages of rules.
package catalog
