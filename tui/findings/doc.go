// Package findings holds two screens: the findings of the checks, and the guide that answers a symptom in
// the words of the person who has it, question by question.
//
// Checks are pure and may take a while on a large fleet, so they run in a command, on a snapshot that is
// never changed; the update loop only takes their report. What was found before is kept in a Memory that
// outlives the screens.
package findings
