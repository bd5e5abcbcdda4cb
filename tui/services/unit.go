package services

import (
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// trouble grades an item for sorting and headings.
type trouble int

const (
	fine trouble = iota
	busy         // on its way from one state to another, as it should be
	uncertain
	odd
	broken
)

// word is a state in a word, a sign and a role.
type word struct {
	text, glyph string
	role        themes.Role
}

func (w word) cell() ui.Cell {
	return ui.Cell{Text: w.text, Role: w.role, Glyph: w.glyph, GlyphRole: w.role}
}

// aged is w for facts that are stale: the word stays, and what was good is no longer green.
func (w word) aged(st *themes.Styles) word {
	w.glyph = st.Glyphs.Stale
	if w.role == themes.OK || w.role == themes.Info || w.role == themes.Text {
		w.role = themes.Muted
	}
	return w
}

// judged is what is said of an item: its state, how bad that is, and the one thing more to know.
type judged struct {
	word
	bad  trouble
	note string
}

const (
	// stormWindow and stormRestarts: as many restarts in that time are a storm, and so are as many as
	// stormTotal altogether of a unit that has just come up.
	stormWindow   = 10 * time.Minute
	stormRestarts = 3
	stormTotal    = 10
)

// storm reports that a unit is restarted again and again, and how often of late. One with a high
// counter that waits for its restart, or has just had one, storms too, though we have only begun to
// look.
func storm(u *hosts.Unit, now time.Time) (recent int, is bool) {
	recent = u.RestartsSince(now.Add(-stormWindow))
	waiting := u.Active == "activating" && u.Sub == "auto-restart"
	justUp := !u.Since.IsZero() && now.Sub(u.Since) < time.Minute
	return recent, recent >= stormRestarts || (waiting || justUp && recent > 0) && u.Restarts >= stormRestarts ||
		justUp && u.Restarts >= stormTotal
}

// oftenText says how often a unit was restarted.
func oftenText(u *hosts.Unit, recent int) string {
	text := "restarted " + ui.Count(u.Restarts, "time")
	if recent > 0 && recent < u.Restarts {
		text += ", " + strconv.Itoa(recent) + " in " + ui.Age(stormWindow)
	}
	return text
}

// judgeUnit decides what a unit is called at a moment.
func judgeUnit(st *themes.Styles, u *hosts.Unit, now time.Time) judged {
	g := &st.Glyphs
	recent, storms := storm(u, now)
	often := oftenText(u, recent)
	switch u.Active {
	case "failed":
		return judgeFailed(st, u)
	case "deactivating":
		return judgeDraining(st, u, now)
	case "activating":
		switch {
		case storms:
			return judged{word{"restart storm", g.Restarting, themes.Bad}, broken, join(often, exitText(u))}
		case u.Sub == "auto-restart":
			return judged{word{"restarting", g.Restarting, themes.Warn}, odd, join("it ended and will be started again", exitText(u))}
		}
		return judged{word{"starting", g.Pending, themes.Info}, busy, subNote(u)}
	case "reloading":
		return judged{word{"reloading", g.Pending, themes.Info}, busy, ""}
	case "active":
		switch {
		case storms:
			return judged{word{"restart storm", g.Restarting, themes.Bad}, broken, join(often, exitText(u))}
		case recent > 0:
			return judged{word{u.Sub, g.Running, themes.OK}, odd, often}
		}
		return judged{word{u.Sub, g.Running, themes.OK}, fine, ""}
	case "inactive":
		w := word{"stopped", g.Stopped, themes.Muted}
		switch {
		case u.Load == "not-found":
			return judged{word{"not found", g.Unknown, themes.Muted}, fine, "something names it and there is no such unit"}
		case u.Load == "masked":
			return judged{word{"masked", g.Stopped, themes.Muted}, fine, ""}
		case u.Result != "" && u.Result != "success":
			return judged{w, fine, "last: " + join(u.Result, exitText(u))}
		}
		return judged{w, fine, ""}
	}
	return judged{word{ui.Clean(u.Active), g.Unknown, themes.Unknown}, uncertain, ""}
}

func judgeFailed(st *themes.Styles, u *hosts.Unit) judged {
	j := judged{word{"failed", st.Glyphs.Bad, themes.Bad}, broken, join(resultText(u.Result), exitText(u))}
	switch {
	case u.Result == "start-limit-hit":
		j.text = "start limit hit"
		j.note = join("systemd gave up restarting it", exitText(u))
	case u.Result == "":
		j.note = "reading why"
	case u.ExitCode == "exited" && u.Result == "exit-code":
		j.text = "failed " + strconv.Itoa(u.ExitStatus)
	default: // timeout, oom-kill, core-dump, …: the word says more than a signal
		j.text = "failed " + ui.Clean(u.Result)
		if j.note == "" {
			j.note = u.Result
		}
	}
	return j
}

// judgeDraining tells how long systemd still waits. Stopping is not failing, however long it takes;
// only a unit that systemd itself should have killed by now is odd.
func judgeDraining(st *themes.Styles, u *hosts.Unit, now time.Time) judged {
	j := judged{word{"draining", st.Glyphs.Pending, themes.Info}, busy, subNote(u)}
	end := u.DrainEnd()
	switch {
	case u.StopTimeout < 0:
		j.note = join(j.note, "it may take for ever (TimeoutStopSec=infinity)")
	case end.IsZero():
		j.note = join(j.note, "reading how long it may take")
	case now.Before(end):
		j.text += " " + ui.Countdown(end.Sub(now))
		j.note = join(j.note, "may take "+span(u.StopTimeout)+", then it is killed")
	default:
		j.role, j.bad = themes.Warn, odd
		j.text += " +" + ui.Age(now.Sub(end))
		j.note = join("past its "+span(u.StopTimeout), "systemd kills it; what remains is stuck in the kernel or has another timeout")
	}
	return j
}

// subNote is the sub-state and the job that systemd does.
func subNote(u *hosts.Unit) string {
	job := ""
	if strings.HasPrefix(u.Job, "restart") {
		job = "then it is started again"
	}
	return join(u.Sub, job)
}

func join(parts ...string) string {
	out := ""
	for _, p := range parts {
		if p == "" {
			continue
		}
		if out != "" {
			out += "; "
		}
		out += ui.Clean(p)
	}
	return out
}

// span writes a setting exactly: "28s", "1m30s", "5m".
func span(d time.Duration) string {
	s := d.Round(time.Millisecond).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	return s
}
