package hosts

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// Secret is a value that must not be seen: it prints, logs and marshals as dots. Reveal is called
// only by the sink that needs the text (a password prompt, an HTTP header).
type Secret struct{ text string }

// Dots is what a secret looks like wherever it is shown.
const Dots = "•••"

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the text itself.
func (s Secret) Reveal() string { return s.text }

// Empty reports whether there is no text.
func (s Secret) Empty() bool { return s.text == "" }

func (Secret) String() string   { return Dots }
func (Secret) GoString() string { return Dots }

// Format keeps every verb, %#v and %x included, from printing the text.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Dots)) }

// MarshalText keeps encoders from writing the text.
func (Secret) MarshalText() ([]byte, error) { return []byte(Dots), nil }

// MarshalJSON keeps encoders from writing the text.
func (Secret) MarshalJSON() ([]byte, error) { return json.Marshal(Dots) }

// LogValue keeps slog from writing the text.
func (Secret) LogValue() slog.Value { return slog.StringValue(Dots) }
