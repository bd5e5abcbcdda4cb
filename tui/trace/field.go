package trace

import (
	"context"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/checks/routes"
	chk "midwatch/checks/trace"
	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// want is what a field asks for.
type want int

const (
	wantURL want = iota
	wantHeader
	wantStart
)

// field is a text field with the choices that fit what is typed so far: requests of the session, the
// newest first, then those that the routes of the fleet lead to.
type field struct {
	want  want
	input *ui.Input
	hist  []Request
	known []Request
	list  []Request // that match
	sel   int       // -1: what is typed
	err   string
}

// askURL opens the field for the URL.
func (s *Screen) askURL() tea.Cmd {
	f := &field{want: wantURL, input: ui.NewInput("URL ", "https://name/path; up and down choose"), sel: -1}
	for _, r := range slices.Backward(s.hist.asked) {
		f.hist = append(f.hist, r)
	}
	f.match()
	s.field = f
	s.fit()
	if s.snap == nil {
		return nil
	}
	return findURLs(s.ctx, s, s.snap, s.d.Edges)
}

func (s *Screen) askHeader() tea.Cmd {
	s.field = &field{want: wantHeader, input: ui.NewInput("header ", "Name: value; Name: alone takes it away"), sel: -1}
	s.fit()
	return nil
}

func (s *Screen) askStart() tea.Cmd {
	f := &field{want: wantStart, input: ui.NewInput("begin at host ", "nothing: where the name leads"), sel: -1}
	if s.snap != nil {
		for _, h := range s.snap.Hosts {
			f.known = append(f.known, Request{Start: h.Host.Name})
		}
	}
	f.match()
	s.field = f
	s.fit()
	return nil
}

type urlsMsg struct {
	owner *Screen
	urls  []Request
}

// findURLs lists the requests that the routes of the fleet lead to.
func findURLs(ctx context.Context, owner *Screen, snap *hosts.Snapshot, edges []chk.Edge) tea.Cmd {
	return func() tea.Msg {
		var out []Request
		seen := map[string]bool{}
		var walk func(ns []*routes.Node)
		walk = func(ns []*routes.Node) {
			for _, n := range ns {
				if n.URL != "" && n.Kind != "vhost" && n.Kind != "server" && !seen[n.URL] && ctx.Err() == nil {
					seen[n.URL] = true
					r := Request{URL: n.URL}
					if !routes.Forwarded(n.URL, edges) {
						r.Start = n.Host
					}
					out = append(out, r)
				}
				walk(n.Children)
			}
		}
		walk(routes.Tree(snap, edges...))
		return urlsMsg{owner, out}
	}
}

// text is a choice as it is matched and shown.
func (f *field) text(r Request) string {
	if f.want == wantStart {
		return r.Start
	}
	return r.URL
}

// match lists the choices that hold what is typed.
func (f *field) match() {
	typed := strings.ToLower(strings.TrimSpace(f.input.Value()))
	was := ""
	if f.sel >= 0 && f.sel < len(f.list) {
		was = f.text(f.list[f.sel])
	}
	f.list, f.sel = f.list[:0:0], -1
	seen := map[string]bool{}
	for _, r := range append(f.hist[:len(f.hist):len(f.hist)], f.known...) {
		t := f.text(r)
		if seen[t] || !strings.Contains(strings.ToLower(t), typed) {
			continue
		}
		seen[t] = true
		if t == was {
			f.sel = len(f.list)
		}
		f.list = append(f.list, r)
	}
}

// typed takes a key of the field.
func (s *Screen) typed(m tea.KeyMsg) tea.Cmd {
	f := s.field
	switch m.Type {
	case tea.KeyEsc:
		s.Back()
	case tea.KeyUp:
		f.sel = max(-1, f.sel-1)
	case tea.KeyDown:
		f.sel = min(len(f.list)-1, f.sel+1)
	case tea.KeyTab:
		if len(f.list) > 0 {
			f.input.SetValue(f.text(f.list[max(0, f.sel)]))
			f.match()
		}
	case tea.KeyEnter:
		return s.take(f)
	default:
		f.err = ""
		if f.input.Update(m) {
			f.match()
		}
	}
	s.fit()
	return nil
}

// take is what was typed or chosen.
func (s *Screen) take(f *field) tea.Cmd {
	text := strings.TrimSpace(f.input.Value())
	r := s.req
	r.Headers = slices.Clone(s.req.Headers)
	switch f.want {
	case wantURL:
		if f.sel >= 0 {
			r = f.list[f.sel]
			break
		}
		if text == "" {
			s.Back()
			return nil
		}
		if _, err := chk.Run(&hosts.Snapshot{}, chk.Question{URL: text}); err != nil {
			f.err = ui.Clean(err.Error())
			return nil
		}
		r.URL = withScheme(text)
	case wantHeader:
		if err := r.header(text); err != nil {
			f.err = err.Error()
			return nil
		}
	case wantStart:
		if f.sel >= 0 {
			text = f.list[f.sel].Start
		}
		if text != "" && s.snap.Host(text) == nil {
			f.err = "no host " + ui.Clean(text) + " in the inventory"
			return nil
		}
		r.Start = text
	}
	s.field = nil
	if r.URL == "" {
		s.req = r
		s.fit()
		return nil
	}
	return s.follow(r)
}

// withScheme writes a URL whole, as the command line takes it.
func withScheme(text string) string {
	if strings.Contains(text, "://") {
		return text
	}
	return "http://" + text
}

// lines draws the field and as many choices as h has room for.
func (f *field) lines(st *themes.Styles, w, h int) []string {
	out := make([]string, 0, h)
	line := f.input.Line(st, w)
	if f.err != "" {
		say := " " + st.Glyphs.Bad + " " + f.err
		say = ui.Trunc(say, w*2/3)
		room := max(0, w-ui.Width(say))
		line = f.input.Line(st, room) + st.Normal.Render(themes.Bad, ui.Fit(say, w-room))
	}
	out = append(out, line)
	rows := h - 1
	from := max(0, min(f.sel-rows/2, len(f.list)-rows))
	for i := from; i < len(f.list) && len(out) < h; i++ {
		out = append(out, f.choice(st, i, w))
	}
	for len(out) < h {
		out = append(out, ui.Spaces(w))
	}
	return out
}

func (f *field) choice(st *themes.Styles, i, w int) string {
	r := f.list[i]
	p := st.On(i == f.sel)
	cursor := "  "
	if i == f.sel {
		cursor = st.Glyphs.Cursor + " "
	}
	right := ""
	switch {
	case f.want != wantURL:
	case i < len(f.hist) && slices.ContainsFunc(f.hist, func(x Request) bool { return x.equal(r) }):
		right = r.options(st.Glyphs.Separator)
	case r.Start != "":
		right = "on " + ui.Clean(r.Start)
	}
	right = ui.Trunc(right, w/3)
	room := max(0, w-2-ui.Width(right)-1)
	return p.Render(themes.Accent, cursor) + p.Render(themes.Text, ui.Fit(ui.Clean(f.text(r)), room)+" ") + p.Render(themes.Muted, right)
}
