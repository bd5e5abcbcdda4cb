// Package uitest holds what the tests of screens share: styles for a given terminal, a fixed clock,
// typed keys, the property every view must have, and golden views at the three sizes.
//
// It is imported by tests only.
package uitest
