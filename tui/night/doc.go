// Package night drives the whole console in tests the way a person on call does: keys go in, and what
// is on the screen is waited for. A journey reads like the story of a night.
//
// It is imported by tests only.
package night
