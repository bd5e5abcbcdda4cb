package runs

import (
	"time"

	"midwatch/ops/run"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// rows makes the lines of the steps anew, and follows the run with the cursor.
func (s *Run) rows() {
	if !s.known {
		return
	}
	var out []line
	phase, crossed := "", false
	next := s.next()
	for i := range s.state.Steps {
		st := &s.state.Steps[i]
		if st.NoReturn && !crossed {
			crossed = true
			role := themes.Warn
			if st.State != run.StepPending && st.State != run.StepSkipped {
				role = themes.Bad
			}
			out = append(out, line{key: "no return", draw: func(pal *themes.Palette, w int) string {
				return rule(s.d.Styles, pal, w, role, s.d.Styles.Glyphs.Warn+" point of no return")
			}})
		}
		if st.Phase != phase {
			phase = st.Phase
			if phase != "" {
				out = append(out, line{key: "phase " + phase + itoa(i), draw: across(seg{themes.Title, ui.Clean(phase)})})
			}
		}
		out = s.stepLines(out, st, st.ID == next)
	}
	if len(s.state.Steps) == 0 {
		out = append(out, line{key: "none", draw: across(seg{themes.Muted, "no step has been written down yet"})})
	}
	s.out.set(out)
	if s.follow {
		s.toCurrent()
	}
	if s.details {
		s.drawPane()
	}
	s.fit()
}

// next is the step that comes next; "" when none does.
func (s *Run) next() string {
	if s.state.Phase.Ended() {
		return ""
	}
	for i := range s.state.Steps {
		if s.state.Steps[i].State == run.StepPending {
			return s.state.Steps[i].ID
		}
	}
	return ""
}

// current is the step the run is at: the one that asks, goes on, or went wrong, else the last that ended.
func (s *Run) current() *run.StepState {
	if q := s.asked(); q != nil {
		if st := s.step(q.Step); st != nil {
			return st
		}
	}
	var last *run.StepState
	for i := range s.state.Steps {
		if st := &s.state.Steps[i]; live(st.State) {
			return st
		} else if st.State != run.StepPending && st.State != run.StepSkipped {
			last = st
		}
	}
	if bad := s.failed(); bad != nil {
		return bad
	}
	if last == nil && len(s.state.Steps) > 0 {
		return &s.state.Steps[0]
	}
	return last
}

func (s *Run) toCurrent() {
	st := s.current()
	if st == nil {
		return
	}
	best, host := -1, ""
	for i := range st.Hosts {
		if n := urgency(st.Hosts[i].State); n > best {
			best, host = n, st.Hosts[i].Host
		}
	}
	if !s.out.to("host " + st.ID + " " + host) {
		s.out.to("step " + st.ID)
	}
}

// stepLines writes a step, and its hosts where there are several.
func (s *Run) stepLines(out []line, st *run.StepState, next bool) []line {
	key := "step " + st.ID
	l := line{key: key, of: ref(st.ID, anyHost)}
	switch len(st.Hosts) {
	case 0:
		l.of = ref(st.ID, "")
	case 1:
		l.of = ref(st.ID, st.Hosts[0].Host)
	default:
		l.fold, l.open = key, s.out.isOpen(key, live(st.State) || troubled(st.State))
	}
	l.draw = func(pal *themes.Palette, w int) string { return s.drawStep(pal, w, st, l.fold != "", l.open, next) }
	out = append(out, l)
	if !l.open {
		return out
	}
	for i := range st.Hosts {
		h := &st.Hosts[i]
		out = append(out, line{
			key: "host " + st.ID + " " + h.Host, of: ref(st.ID, h.Host),
			draw: func(pal *themes.Palette, w int) string { return s.drawHost(pal, w, st, h) },
		})
	}
	return out
}

// wordCells is what the longest word of a state takes, with a space behind it.
const wordCells = 12

// stepColumns are the cells of a step's title and timer in w.
func stepColumns(w int) (title, clock int) {
	clock = 16
	if w < 60 {
		clock = 8
	}
	if w < 90 {
		return max(10, (w-wordCells-clock)/2), clock
	}
	title = min(44, (w-wordCells-clock)*2/5)
	return title, clock
}

// drawStep draws one step: sign, title, state, what was seen, and the time against the usual one.
func (s *Run) drawStep(pal *themes.Palette, w int, st *run.StepState, folds, open, next bool) string {
	g := &s.d.Styles.Glyphs
	title, clock := stepColumns(w)
	l := stepLook(g, st.State)
	fold := " "
	switch {
	case folds && open:
		fold = g.Open
	case folds:
		fold = g.Closed
	}
	indent := ""
	if st.Group != "" {
		indent = "  "
	}
	role := themes.Text
	if live(st.State) || next {
		role = themes.Strong
	}
	head := paint(pal, title-1, seg{themes.Faint, fold + " "}, seg{l.role, l.glyph + " "}, seg{role, indent + name(st.ID, st.Title)}, gateMark(st)) + pal.Render(themes.Text, " ")
	text := []seg{{themes.Text, oneLine(st.Line)}}
	if next && st.Line == "" {
		text = []seg{{themes.Accent, "next"}}
	}
	if len(st.Hosts) == 1 {
		text = s.hostText(st, &st.Hosts[0], true)
	} else if len(st.Hosts) > 1 && !open {
		text = append([]seg{{themes.Muted, tally(st) + "  "}}, text...)
	}
	return head + pal.Render(l.role, ui.Fit(l.word, wordCells)) + paint(pal, max(0, w-title-wordCells-clock), text...) + s.clock(pal, clock, st.Started, st.Ended, st.Usual)
}

func gateMark(st *run.StepState) seg {
	if st.Gate {
		return seg{themes.Accent, " must pass"}
	}
	return seg{}
}

// drawHost draws one host of a step.
func (s *Run) drawHost(pal *themes.Palette, w int, st *run.StepState, h *run.HostState) string {
	title, clock := stepColumns(w)
	l := stepLook(&s.d.Styles.Glyphs, h.State)
	head := paint(pal, title-1, seg{themes.Text, "    "}, seg{l.role, l.glyph + " "}, seg{themes.Muted, hostName(h.Host)}) + pal.Render(themes.Text, " ")
	return head + pal.Render(l.role, ui.Fit(l.word, wordCells)) + paint(pal, max(0, w-title-wordCells-clock), s.hostText(st, h, false)...) + s.clock(pal, clock, h.Started, h.Ended, 0)
}

// hostText is what a host says of a step: its try, how far a transfer is, what it waits for, what was seen.
func (s *Run) hostText(st *run.StepState, h *run.HostState, named bool) []seg {
	var out []seg
	if named && h.Host != "" {
		out = append(out, seg{themes.Muted, hostName(h.Host) + "  "})
	}
	if h.Try > 1 {
		out = append(out, seg{themes.Warn, "try " + itoa(h.Try) + "  "})
	}
	if live(h.State) {
		if p := progress(h.Done, h.Total); p != "" {
			if h.Total > 0 {
				const bar = 10
				out = append(out, seg{themes.Info, ui.Gauge(s.d.Styles, float64(h.Done)*100/float64(h.Total), bar) + " "})
			}
			out = append(out, seg{themes.Text, p + "  "})
		}
		if h.Note != "" {
			out = append(out, seg{themes.Info, oneLine(h.Note) + "  "})
		}
	}
	text := h.Line
	if text == "" && named {
		text = st.Line
	}
	if text == "" && named && st.ID == s.next() {
		return append(out, seg{themes.Accent, "next"})
	}
	return append(out, seg{themes.Text, oneLine(text)})
}

// tally counts the hosts of a step that have ended well.
func tally(st *run.StepState) string {
	done, bad := 0, 0
	for i := range st.Hosts {
		switch p := st.Hosts[i].State; {
		case troubled(p):
			bad++
		case !live(p) && p != run.StepPending:
			done++
		}
	}
	text := itoa(done) + "/" + ui.Count(len(st.Hosts), "host")
	if bad > 0 {
		text += ", " + itoa(bad) + " in trouble"
	}
	return text
}

func (s *Run) clock(pal *themes.Palette, w int, started, ended time.Time, usual time.Duration) string {
	role := themes.Muted
	if overdue(started, ended, s.seen(), usual) {
		role = themes.Warn
	}
	text := timer(started, ended, s.seen(), usual)
	if ui.Width(text) >= w {
		text = timer(started, ended, s.seen(), 0)
	}
	return pal.Render(role, ui.FitRight(text, w))
}
