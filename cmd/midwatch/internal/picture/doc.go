// Package picture compares what a trace promises with what a real nginx answered.
//
// The configurations of testdata/lab/picture make every server and location of a real nginx sign its
// answer: a header X-Way for each nginx that a request passed, and X-Answered-By and X-Saw of the service
// at the end. Promised puts a trace into the same words, by looking up the signature that stands on the
// lines which the trace names. The lab asks the real hosts; the plain test does the same from a capture
// and the answers that were recorded with it.
package picture
