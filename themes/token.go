package themes

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Token is the name of a colour by its meaning, as a theme file spells it.
type Token string

// The tokens. Background is what the theme is meant to be read on; it is not painted.
const (
	Background   Token = "background"
	TextColor    Token = "text" // on painted backgrounds; elsewhere text has the terminal's colour
	MutedColor   Token = "muted"
	FaintColor   Token = "faint"
	AccentColor  Token = "accent"
	OKColor      Token = "ok"
	WarnColor    Token = "warn"
	BadColor     Token = "bad"
	InfoColor    Token = "info"
	UnknownColor Token = "unknown"
	TitleColor   Token = "title"
	KeyColor     Token = "key"
	BorderColor  Token = "border"
	BorderFocus  Token = "border_focus"
	SelectionBg  Token = "selection_bg"
	SelectionFg  Token = "selection_fg"
	HeaderBg     Token = "header_bg"
	HeaderFg     Token = "header_fg"
	MatchBg      Token = "match_bg"
	MatchFg      Token = "match_fg"
	UnlockedBg   Token = "unlocked_bg"
	UnlockedFg   Token = "unlocked_fg"
	LevelTrace   Token = "level_trace"
	LevelDebug   Token = "level_debug"
	LevelInfo    Token = "level_info"
	LevelNotice  Token = "level_notice"
	LevelWarn    Token = "level_warn"
	LevelError   Token = "level_error"
	LevelFatal   Token = "level_fatal"
	Source1      Token = "source_1"
	Source2      Token = "source_2"
	Source3      Token = "source_3"
	Source4      Token = "source_4"
	Source5      Token = "source_5"
	Source6      Token = "source_6"
	Source7      Token = "source_7"
	Source8      Token = "source_8"
)

// All returns every token in the order above.
func All() []Token {
	return []Token{
		Background, TextColor, MutedColor, FaintColor, AccentColor, OKColor, WarnColor, BadColor, InfoColor,
		UnknownColor, TitleColor, KeyColor, BorderColor, BorderFocus, SelectionBg, SelectionFg, HeaderBg,
		HeaderFg, MatchBg, MatchFg, UnlockedBg, UnlockedFg, LevelTrace, LevelDebug, LevelInfo, LevelNotice,
		LevelWarn, LevelError, LevelFatal, Source1, Source2, Source3, Source4, Source5, Source6, Source7, Source8,
	}
}

// Color is "#rrggbb", or one of the 256 terminal colours as a number. ANSI is used where the
// terminal has sixteen colours; "" there means the terminal's own colour.
type Color struct {
	Hex  string
	ANSI string
}

// Tokens is a theme: a name, what it is made for, and a colour for every token.
type Tokens struct {
	Name   string
	Dark   bool
	Colors map[Token]Color
}

// Builtin returns the themes that come with midwatch, dark first.
func Builtin() []Tokens { return []Tokens{Dark(), Light()} }

// Named returns the built-in theme of that name.
func Named(name string) (Tokens, error) {
	for _, t := range Builtin() {
		if t.Name == name {
			return t, nil
		}
	}
	return Tokens{}, fmt.Errorf("theme %q: not one of dark, light", name)
}

// Parse returns base with the given colours in place of its own, under a new name. Every unknown
// token and malformed colour is reported, not only the first.
func Parse(name string, base Tokens, colors map[string]string) (Tokens, error) {
	out := Tokens{Name: name, Dark: base.Dark, Colors: maps.Clone(base.Colors)}
	known := All()
	var errs []error
	for _, k := range slices.Sorted(maps.Keys(colors)) {
		t := Token(k)
		if !slices.Contains(known, t) {
			errs = append(errs, fmt.Errorf("theme %s: unknown token %q%s", name, k, near(k, known)))
			continue
		}
		c, err := parseColor(colors[k])
		if err != nil {
			errs = append(errs, fmt.Errorf("theme %s: %s: %w", name, k, err))
			continue
		}
		out.Colors[t] = c
	}
	if len(errs) > 0 {
		return Tokens{}, errors.Join(errs...)
	}
	return out, nil
}

// parseColor accepts "#rrggbb", "#rgb" and "0" to "255". Where only the true colour is given the
// renderer finds the nearest of the sixteen itself.
func parseColor(s string) (Color, error) {
	if strings.HasPrefix(s, "#") {
		hex := s[1:]
		if len(hex) == 3 {
			hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
		}
		if _, err := strconv.ParseUint(hex, 16, 32); err != nil || len(hex) != 6 {
			return Color{}, fmt.Errorf("colour %q is not #rrggbb", s)
		}
		return Color{Hex: "#" + strings.ToLower(hex), ANSI: "#" + strings.ToLower(hex)}, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 255 {
		return Color{}, fmt.Errorf("colour %q is neither #rrggbb nor a number from 0 to 255", s)
	}
	return Color{Hex: strconv.Itoa(n), ANSI: strconv.Itoa(n)}, nil
}

// near suggests the known token that shares the longest beginning with the unknown one.
func near(k string, known []Token) string {
	best, length := "", 2
	for _, t := range known {
		n := 0
		for n < len(k) && n < len(t) && k[n] == t[n] {
			n++
		}
		if n > length {
			best, length = string(t), n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q", best)
}
