// Package conformance is one suite of tests that every Docker engine midwatch is tried with must
// pass: a real one, and each fake that stands in for it. A fake that has not passed it may not be
// used. The suite makes its containers through the Fixture, looks at them through a docker.Client,
// and asks for the behaviour that the rest of midwatch relies on, down to the order of events and
// the lines of a log.
//
// Run it from a test: conformance.Run(t, fixture). prog is what runs in the containers of a real
// engine; a fake behaves as Spec says by whatever means it has.
package conformance
