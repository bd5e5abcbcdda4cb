// Package themes turns semantic colour tokens into styles. It is the only place of midwatch that
// names a colour.
//
// A theme is a set of about forty tokens (text, warn, selection_bg, …), nothing per widget. New
// builds everything a screen draws with once: pens, which are the escape sequences of a role in
// advance, on the plain background, on the selection and on the header; glyphs and borders, which
// have an ASCII form. A pen costs one concatenation to use, so no style is ever made in a View.
//
// The background itself is never painted, and plain text keeps the terminal's own colour: a theme
// that was chosen wrongly stays readable.
//
// It imports lipgloss only. Styles never change after New and may be used by any goroutine.
package themes
