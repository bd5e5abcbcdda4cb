package tui

import (
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// Verdict is the state of the fleet in one line.
type Verdict struct {
	Level   hosts.Level // LevelInfo good, LevelWarn something to look at, LevelError something is down; LevelNone nothing known yet
	Text    string      // "2 hosts down · 3 units failed"
	Stale   int         // hosts whose data is older than it should be
	Unknown int         // hosts nothing is known of
}

// Summarize is the verdict of the root itself, for a console that was given none.
func Summarize(s *hosts.Snapshot, _ time.Time) Verdict {
	var v Verdict
	var down, paused, failed, unhealthy int
	for _, h := range s.Hosts {
		switch h.Link.State {
		case hosts.StateDisconnected, hosts.StateError:
			down++
		case hosts.StateMaintenance:
			paused++
		}
		switch {
		case !h.System.Known():
			v.Unknown++
		case h.Link.State != hosts.StateConnected && h.Link.State != hosts.StateMaintenance || h.System.Standing() == hosts.Stale:
			v.Stale++
		}
		for _, u := range h.Units.Value {
			failed += b2i(u.Active == "failed")
		}
		for _, c := range h.Containers.Value {
			unhealthy += b2i(c.Health == hosts.HealthUnhealthy)
		}
	}
	var parts []string
	add := func(n int, one, rest string) {
		if n > 0 {
			parts = append(parts, ui.Count(n, one)+rest)
		}
	}
	add(down, "host", " down")
	add(failed, "unit", " failed")
	add(unhealthy, "container", " unhealthy")
	add(paused, "host", " in maintenance")
	v.Text = strings.Join(parts, " · ")
	switch {
	case len(s.Hosts) == 0:
		v.Level, v.Text = hosts.LevelNone, "no hosts"
	case down > 0 || failed > 0 || unhealthy > 0:
		v.Level = hosts.LevelError
	case v.Unknown == len(s.Hosts):
		v.Level, v.Text = hosts.LevelNone, "reading "+ui.Count(len(s.Hosts), "host")
	case v.Unknown > 0 || v.Stale > 0:
		v.Level = hosts.LevelWarn
		if v.Text == "" {
			v.Text = "no fault seen"
		}
	case v.Text == "":
		v.Level, v.Text = hosts.LevelInfo, ui.Count(len(s.Hosts), "host")+" good"
	default:
		v.Level = hosts.LevelInfo
	}
	return v
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// look is the glyph and role of a verdict.
func (v Verdict) look(st *themes.Styles) (string, themes.Role) {
	switch {
	case v.Level >= hosts.LevelError:
		return st.Glyphs.Bad, themes.Bad
	case v.Level >= hosts.LevelWarn:
		return st.Glyphs.Warn, themes.Warn
	case v.Level >= hosts.LevelInfo:
		return st.Glyphs.OK, themes.OK
	default:
		return st.Glyphs.Unknown, themes.Unknown
	}
}
