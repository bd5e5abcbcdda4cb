package containers

import (
	"strconv"
	"strings"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// word is a state in a word, a sign and a role. A stale one keeps its word and loses its colour: a
// host that is gone has no healthy containers, only ones that were.
type word struct {
	text, glyph string
	role        themes.Role
}

func (w word) cell() ui.Cell {
	return ui.Cell{Text: w.text, Role: w.role, Glyph: w.glyph, GlyphRole: w.role}
}

// aged is w for facts that are stale.
func (w word) aged(st *themes.Styles) word {
	w.glyph = st.Glyphs.Stale
	if w.role == themes.OK || w.role == themes.Info || w.role == themes.Text {
		w.role = themes.Muted
	}
	return w
}

// stateWord says what the container does, with the exit code when it does nothing.
func stateWord(st *themes.Styles, it *item) word {
	g := &st.Glyphs
	c := it.c
	if c == nil {
		if it.h.Containers.Standing() == hosts.Unasked {
			return word{"reading", g.Pending, themes.Info}
		}
		return word{"unknown", g.Unknown, themes.Unknown}
	}
	if a := it.act; a != nil && a.pending() {
		if a.state == actQueued {
			return word{a.verb + " next", g.Pending, themes.Info}
		}
		return word{doing(a.verb), g.Restarting, themes.Info}
	}
	w := word{ui.Clean(c.State), g.Unknown, themes.Unknown}
	switch c.State {
	case "running":
		w = word{"running", g.Running, themes.OK}
	case "paused":
		w = word{"paused", g.Paused, themes.Warn}
	case "restarting":
		w = word{"restarting", g.Restarting, themes.Bad}
		if c.Exit != 0 {
			w.text += " " + strconv.Itoa(c.Exit)
		}
	case "created":
		w = word{"created", g.Stopped, themes.Muted}
	case "removing":
		w = word{"removing", g.Stopped, themes.Warn}
	case "dead":
		w = word{"dead", g.Bad, themes.Bad}
	case "exited":
		w = word{"exited " + strconv.Itoa(c.Exit), g.Stopped, themes.Muted}
		if c.Exit != 0 {
			w.glyph, w.role = g.Bad, themes.Bad
		}
	case "":
		w.text = "unknown"
	}
	if c.OOMKilled && c.State != "running" {
		w.text += " OOM"
		w.glyph, w.role = g.Bad, themes.Bad
	}
	if it.stale {
		return w.aged(st)
	}
	return w
}

// healthWord says what the healthcheck says. A container that does not run has no health, and one
// that was not inspected has none that is known.
func healthWord(st *themes.Styles, it *item) word {
	g := &st.Glyphs
	c := it.c
	if c == nil || !it.running() {
		return word{text: "-", role: themes.Faint}
	}
	var w word
	switch c.Health {
	case hosts.HealthNone:
		return word{text: "no check", role: themes.Faint}
	case hosts.HealthHealthy:
		w = word{"healthy", g.OK, themes.OK}
	case hosts.HealthUnhealthy:
		w = word{"unhealthy", g.Bad, themes.Bad}
	case hosts.HealthStarting:
		w = word{"starting", g.Pending, themes.Info}
	default:
		w = word{"unknown", g.Unknown, themes.Unknown}
	}
	if it.stale {
		return w.aged(st)
	}
	return w
}

// sinceText says for how long the container is in its state: "3h12m", "2m ago".
func sinceText(it *item) string {
	c := it.c
	if c == nil {
		return ""
	}
	text := "-"
	switch c.State {
	case "running", "paused":
		if !c.Started.IsZero() {
			text = ui.Age(it.asOf().Sub(c.Started))
		}
	case "created":
		text = ui.AgeOf(c.Created, it.now) + " ago"
	default:
		if c.Finished.After(c.Created) {
			text = ui.Age(it.now.Sub(c.Finished)) + " ago"
		}
	}
	return text
}

// note is the one thing more to know about a row: an action on it, why it is unknown or stale, the
// engine's own error.
func note(st *themes.Styles, it *item) ui.Cell {
	if it.act != nil {
		return it.act.cell(st)
	}
	h := it.h
	if it.c == nil {
		if h.Containers.Standing() == hosts.Unasked {
			return ui.Cell{Text: unknownText(h), Role: themes.Muted}
		}
		return ui.Cell{Text: unknownText(h), Role: themes.Warn}
	}
	if it.c.Error != "" {
		return ui.Cell{Text: ui.Clean(it.c.Error), Role: themes.Bad}
	}
	if it.stale {
		if it.headed { // the heading says why
			return ui.Cell{Text: "as of " + ui.Age(it.now.Sub(h.Containers.At)) + " ago", Role: themes.Warn}
		}
		return ui.Cell{Text: staleText(it), Role: themes.Warn}
	}
	if it.memTight() {
		s, _, _ := it.sample()
		return ui.Cell{Text: "memory at " + ui.Percent(share(s.Mem, it.c.MemLimit)) + " of its limit", Role: themes.Warn}
	}
	return ui.Cell{}
}

// unknownText says why the containers of a host are not known.
func unknownText(h *hosts.HostFacts) string {
	switch {
	case h.Link.State != hosts.StateConnected && h.Link.Reason != "":
		return "host " + h.Link.State.String() + ": " + ui.Clean(h.Link.Reason)
	case h.Containers.Standing() == hosts.Unasked:
		return "no answer yet"
	case h.Containers.Needs != "":
		return ui.Clean(h.Containers.Reason) + " (needs " + ui.Clean(h.Containers.Needs) + ")"
	}
	return ui.Clean(h.Containers.Reason)
}

// staleText says how old the facts are and why.
func staleText(it *item) string {
	h := it.h
	text := "as of " + ui.Age(it.now.Sub(h.Containers.At)) + " ago"
	switch {
	case h.Link.State != hosts.StateConnected:
		return strings.TrimSuffix(text+": host "+h.Link.State.String()+": "+ui.Clean(h.Link.Reason), ": ")
	case h.Containers.Reason != "":
		return text + ": " + ui.Clean(h.Containers.Reason)
	}
	return text
}
