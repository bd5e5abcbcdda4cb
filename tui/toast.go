package tui

import (
	"time"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// toasts are lines that are shown for a few seconds and kept for the list of messages.
type toasts struct {
	past []toast // oldest first, bounded
}

type toast struct {
	ui.ToastMsg
	at, until time.Time
}

const (
	toastLimit = 100
	toastShown = 3
)

func (t *toasts) add(m ui.ToastMsg, now time.Time) {
	d := 4 * time.Second
	if m.Level >= hosts.LevelWarn {
		d = 10 * time.Second
	}
	// The same line again is one line that stays longer.
	if n := len(t.past); n > 0 && t.past[n-1].ToastMsg == m && now.Before(t.past[n-1].until) {
		t.past[n-1].until = now.Add(d)
		return
	}
	t.past = append(t.past, toast{m, now, now.Add(d)})
	if len(t.past) > toastLimit {
		t.past = append(t.past[:0:0], t.past[len(t.past)-toastLimit:]...)
	}
}

// expire takes from sight what has been shown long enough.
func (t *toasts) expire(now time.Time) {
	for i := range t.past {
		if !t.past[i].until.IsZero() && !now.Before(t.past[i].until) {
			t.past[i].until = time.Time{}
		}
	}
}

// lines are the newest toasts still shown, each with a frame of spaces, at most w cells wide.
func (t *toasts) lines(st *themes.Styles, w int) []string {
	var out []string
	for i := len(t.past) - 1; i >= 0 && len(out) < toastShown; i-- {
		if m := t.past[i]; !m.until.IsZero() {
			out = append([]string{toastLine(st, m, w)}, out...)
		}
	}
	return out
}

func toastLine(st *themes.Styles, m toast, w int) string {
	glyph, role := toastLook(st, m.Level)
	text := ui.Trunc(ui.Clean(m.Text), max(0, w-5))
	return st.Header.Render(role, " "+glyph+" ") + st.Header.Render(themes.Text, text+" ")
}

func toastLook(st *themes.Styles, l hosts.Level) (string, themes.Role) {
	switch {
	case l >= hosts.LevelError:
		return st.Glyphs.Bad, themes.Bad
	case l >= hosts.LevelWarn:
		return st.Glyphs.Warn, themes.Warn
	default:
		return st.Glyphs.OK, themes.OK
	}
}

// openMessages lists what toasts have said, newest first.
func (r *Root) openMessages() {
	past := append([]toast(nil), r.toasts.past...)
	r.push(newReader(r.p.Deps.Styles, "messages", func(st *themes.Styles, w int) []string {
		if len(past) == 0 {
			return []string{ui.Fit("no messages yet", min(w, 40))}
		}
		var out []string
		for i := len(past) - 1; i >= 0; i-- {
			glyph, role := toastLook(st, past[i].Level)
			for j, l := range ui.Wrap(ui.Clean(past[i].Text), max(1, w-12)) {
				head := ui.Spaces(11)
				if j == 0 {
					head = st.Normal.Render(themes.Muted, past[i].at.Format(time.TimeOnly)) + " " + st.Normal.Render(role, glyph) + " "
				}
				out = append(out, head+l)
			}
		}
		return out
	}))
}
