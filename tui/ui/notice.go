package ui

import (
	"time"

	"midwatch/hosts"
	"midwatch/themes"
)

// Notice is what a panel shows when it has nothing, or not all, to show.
type Notice struct {
	Role  themes.Role
	Glyph string
	Title string // "reading containers", "no container matches"
	Hint  string // what to do, or why
}

// Loading is the notice of data nobody has answered yet.
func Loading(st *themes.Styles, what string) Notice {
	return Notice{themes.Info, st.Glyphs.Pending, "reading " + what, ""}
}

// Empty is the notice of a list that is truly empty, with what to do about it.
func Empty(st *themes.Styles, title, hint string) Notice {
	return Notice{themes.Muted, st.Glyphs.Info, title, hint}
}

// Failed is the notice of data that could not be read: unknown, never shown as good.
func Failed(st *themes.Styles, what, reason, needs string) Notice {
	hint := reason
	if needs != "" {
		hint += " (needs " + needs + ")"
	}
	return Notice{themes.Bad, st.Glyphs.Unknown, what + " unknown", hint}
}

// StaleNotice is the notice above data that is older than it should be.
func StaleNotice(st *themes.Styles, what string, age time.Duration, reason string) Notice {
	return Notice{themes.Warn, st.Glyphs.Stale, what + " stale " + Age(age), reason}
}

// ReadOnly is the notice of an action that needs the write lease.
func ReadOnly(st *themes.Styles, key string) Notice {
	return Notice{themes.Warn, st.Glyphs.Locked, "read-only", "press " + key + " to unlock with a reason"}
}

// PartNotice is the notice a Part deserves, and whether it deserves one.
func PartNotice[T any](st *themes.Styles, what string, p hosts.Part[T], now time.Time) (Notice, bool) {
	switch p.Standing() {
	case hosts.Unasked:
		return Loading(st, what), true
	case hosts.Unknown:
		return Failed(st, what, p.Reason, p.Needs), true
	case hosts.Stale:
		return StaleNotice(st, what, p.Age(now), p.Reason), true
	default:
		return Notice{}, false
	}
}

// Line is the notice in one line of at most w cells.
func (n Notice) Line(st *themes.Styles, w int) string {
	text := n.Glyph + " " + n.Title
	if n.Hint == "" {
		return st.Normal.Render(n.Role, Trunc(Clean(text), w))
	}
	text = Trunc(Clean(text), w)
	hint := Trunc(": "+Clean(n.Hint), w-Width(text))
	return st.Normal.Render(n.Role, text) + st.Normal.Render(themes.Muted, hint)
}

// Lines centres the notice in a block of w by h.
func (n Notice) Lines(st *themes.Styles, w, h int) []string {
	out := make([]string, max(0, h))
	for i := range out {
		out[i] = Spaces(w)
	}
	if h <= 0 || w <= 0 {
		return out
	}
	lines := []string{st.Normal.Render(n.Role, Center(Clean(n.Glyph+" "+n.Title), w))}
	if n.Hint != "" {
		for _, l := range Wrap(Clean(n.Hint), max(1, min(w-4, 72))) {
			lines = append(lines, st.Normal.Render(themes.Muted, Center(l, w)))
		}
	}
	lines = lines[:min(len(lines), h)]
	copy(out[(h-len(lines))/2:], lines)
	return out
}

// AgeNote is the right-hand note of a frame: age and source, "stale" when the last read failed.
func AgeNote[T any](p hosts.Part[T], now time.Time) (note string, stale bool) {
	switch p.Standing() {
	case hosts.Unasked:
		return "reading", false
	case hosts.Unknown:
		return "unknown", true
	case hosts.Stale:
		return "stale " + Age(p.Age(now)) + " · " + Clean(p.Source), true
	default:
		return Age(p.Age(now)) + " · " + Clean(p.Source), false
	}
}
