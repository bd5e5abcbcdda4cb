// Package themes turns semantic colour tokens into lipgloss styles. It imports lipgloss only; no
// other package of midwatch names a colour.
package themes

// Styles is what screens draw with. It is built once per theme and never changed.
type Styles struct{}
