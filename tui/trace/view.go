package trace

import (
	"midwatch/themes"
	"midwatch/tui/ui"
)

// rects are the parts of the screen below its head; a width or height of 0 is a part that is not
// there.
type rects struct {
	headH          int
	tableW, tableH int
	tableY         int
	paneX, paneY   int
	paneW, paneH   int
}

const (
	// wide is where the details stand at the right, tall where they stand below.
	wide, tall = 150, 36
	paneRight  = 66
	paneBelow  = 14
	leastW     = 40
	leastH     = 8
	// verdictLines bounds what the verdict takes; all of it stands with the hop.
	verdictLines = 3
)

// layout divides w by h cells; head is the lines of the request and the verdict.
func layout(w, h, head int, full, hidden bool) rects {
	l := rects{headH: min(head, h), tableY: min(head, h)}
	rest := max(0, h-l.headH)
	switch {
	case full:
		l.paneY, l.paneW, l.paneH = l.headH, w, rest
		return l
	case hidden:
	case w >= wide:
		l.tableW, l.tableH = w-paneRight, rest
		l.paneX, l.paneY, l.paneW, l.paneH = w-paneRight, l.headH, paneRight, rest
		return l
	case h >= tall:
		l.tableW, l.tableH = w, rest-paneBelow
		l.paneY, l.paneW, l.paneH = l.headH+l.tableH, w, paneBelow
		return l
	}
	l.tableW, l.tableH = w, rest
	return l
}

func (s *Screen) layout() rects {
	return layout(s.w, s.h, len(s.top), s.full && s.now.shown != nil, s.hidden || s.now.shown == nil)
}

// head is the request and what became of it.
func (s *Screen) head() []string {
	st := s.d.Styles
	if s.req.URL == "" {
		return nil
	}
	right := st.Normal.Render(themes.Muted, s.req.options(st.Glyphs.Separator))
	out := []string{ui.Between(" "+st.Normal.Render(themes.Strong, ui.Clean(s.req.URL)), right+" ", s.w)}
	switch {
	case s.now.err != nil:
		out = append(out, st.Normal.Render(themes.Bad, ui.Fit(" "+st.Glyphs.Bad+" "+ui.Clean(s.now.err.Error()), s.w)))
	case s.now.shown == nil:
		out = append(out, st.Normal.Render(themes.Info, ui.Fit(" "+st.Glyphs.Pending+" following the request", s.w)))
	default:
		g, _, role := mark(st, s.now.shown.Status())
		lines := ui.Wrap(ui.Clean(s.now.shown.Verdict), max(1, s.w-4))
		for i, l := range lines {
			if i == verdictLines {
				break
			}
			if i == verdictLines-1 && len(lines) > verdictLines {
				l = ui.Trunc(l+" "+lines[i+1], max(1, s.w-4))
			}
			if i > 0 {
				g = " "
			}
			out = append(out, st.Normal.Render(role, ui.Fit(" "+g+" "+l, s.w)))
		}
	}
	return out
}

// View draws the screen.
func (s *Screen) View() string {
	st := s.d.Styles
	if s.w <= 0 || s.h <= 0 {
		return ui.Join(nil, s.w, s.h)
	}
	if s.w < leastW || s.h < leastH {
		return ui.TooSmall(s.w, s.h, leastW, leastH)
	}
	if s.field != nil {
		f := ui.Frame{Title: s.fieldTitle(), Focus: true, Footer: "enter takes it  tab completes  esc leaves"}
		return ui.Join(f.Lines(st, s.w, s.h, s.field.lines(st, s.w-ui.FrameW, s.h-ui.FrameH)), s.w, s.h)
	}
	l := s.layout()
	lines := append([]string(nil), s.top[:l.headH]...)
	if s.now.shown == nil {
		f := ui.Frame{Title: "trace"}
		lines = append(lines, f.Lines(st, s.w, l.tableH, s.empty().Lines(st, max(0, s.w-ui.FrameW), max(0, l.tableH-ui.FrameH)))...)
		return ui.Join(lines, s.w, s.h)
	}
	var chain []string
	if l.tableH > 0 {
		f := ui.Frame{Title: ui.Count(len(s.now.shown.Hops), "hop"), Focus: true, Footer: s.liveNote()}
		if h := s.now.shown.Hops; f.Footer == "" && len(h) == 1 && h[0].Kind == "dns" && s.req.Start == "" {
			f.Footer = "b says at which host to begin"
		}
		f.Note, f.Stale = s.note()
		chain = f.Lines(st, l.tableW, l.tableH, s.table.Lines())
	}
	switch {
	case l.paneW == 0:
	case l.paneX > 0:
		chain = ui.Beside(chain, s.paneLines(l))
	default:
		chain = append(chain, s.paneLines(l)...)
	}
	return ui.Join(append(lines, chain...), s.w, s.h)
}

func (s *Screen) fieldTitle() string {
	switch s.field.want {
	case wantHeader:
		return "a header of the request"
	case wantStart:
		return "where the trace begins"
	}
	return "trace a URL"
}

// note is the age of the oldest fact on the way.
func (s *Screen) note() (string, bool) {
	if s.now.trace == nil || len(hostsOf(s.now.trace)) == 0 {
		return "", false
	}
	age, stale := s.age()
	note := "facts " + ui.Age(age) + " old"
	if stale {
		note = "stale, " + note
	}
	return note, stale
}

func (s *Screen) paneLines(l rects) []string {
	f := ui.Frame{Title: "hop", Focus: s.full, Footer: s.pane.Position()}
	var body []string
	if r, ok := s.table.Selected(); ok {
		f.Title = ui.Clean(r.Value.hop.Kind + " " + r.Value.hop.Object)
		f.Note = ui.Clean(r.Value.hop.Host)
		for _, line := range s.pane.Lines() {
			body = append(body, " "+line)
		}
	}
	return f.Lines(s.d.Styles, l.paneW, l.paneH, body)
}

// empty is what stands in place of hops.
func (s *Screen) empty() ui.Notice {
	st := s.d.Styles
	switch {
	case s.d.Fleet == nil:
		return ui.Failed(st, "the way", "nothing is connected to this screen", "")
	case s.req.URL == "":
		return ui.Empty(st, "nothing is traced yet", "u asks for a URL; t on a route opens its trace")
	case s.now.err != nil:
		return ui.Failed(st, "the way", s.now.err.Error(), "")
	}
	return ui.Loading(st, "the way of the request")
}
