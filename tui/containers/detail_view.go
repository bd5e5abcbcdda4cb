package containers

import (
	"strconv"
	"strings"

	"midwatch/themes"
	"midwatch/tui/ui"
)

// lines draws the details in the screen's cells.
func (d *detail) lines(s *Screen) []string {
	st := d.st
	f := ui.Frame{Title: ui.Clean(d.key.host) + " / " + ui.Clean(d.name), Focus: true, Footer: d.view.Position()}
	it := s.item(d.key)
	body := make([]string, 0, max(0, d.h))
	body = append(body, tabBar(st, d.tab, max(0, d.w-ui.FrameW)))
	switch {
	case it == nil:
		f.Note, f.Stale = "gone: what was known of it last", true
	case d.tab.asked():
		f.Note, f.Stale = ui.AgeNote(d.read, s.now)
		if d.loading {
			f.Note = "reading"
		}
	default:
		f.Note, f.Stale = ui.AgeNote(it.h.Containers, s.now)
		f.Stale = f.Stale || it.stale
	}
	body = append(body, d.view.Lines()...)
	switch {
	case d.input != nil:
		n := d.found()
		body = append(body, d.input.Line(st, max(0, d.w-ui.FrameW-ui.Width(n)-1))+" "+st.Normal.Render(themes.Muted, n))
	case d.find != "":
		body = append(body, st.Normal.Render(themes.Accent, "find "+ui.Clean(d.find))+" "+st.Normal.Render(themes.Muted, d.found()))
	}
	return f.Lines(st, d.w, d.h, body)
}

// found counts the lines that hold what is searched for.
func (d *detail) found() string {
	n, at := 0, 0
	for i := range d.doc {
		if d.doc[i].has(d.find) {
			n++
			if i == d.hit {
				at = n
			}
		}
	}
	if at > 0 {
		return strconv.Itoa(at) + "/" + strconv.Itoa(n)
	}
	return strconv.Itoa(n) + " found"
}

// tabBar names the pages, the open one marked.
func tabBar(st *themes.Styles, open tab, w int) string {
	var b strings.Builder
	used := 0
	for t := range tabCount {
		name := " " + t.String() + " "
		if used+len(name) > w {
			break
		}
		used += len(name)
		if t == open {
			b.WriteString(st.Header.Render(themes.Title, "["+t.String()+"]"))
		} else {
			b.WriteString(st.Normal.Render(themes.Muted, name))
		}
	}
	return b.String()
}

// tabAt returns the page whose name is at cell x of the bar.
func tabAt(x int) (tab, bool) {
	for t := range tabCount {
		n := len(t.String()) + 2
		if x >= 0 && x < n {
			return t, true
		}
		x -= n
	}
	return 0, false
}

// docLine is one line of a page: a heading of fixed width and a text, both clean.
type docLine struct {
	head string
	text string
	role themes.Role
}

// doc is a page.
type doc []docLine

// has reports that the line holds a text.
func (l *docLine) has(text string) bool {
	return len(spans(l.text, text)) > 0 || len(spans(l.head, text)) > 0
}

// spans are the places of text in s, without regard to case unless text has a capital.
func spans(s, text string) [][2]int {
	if text == "" {
		return nil
	}
	hay := s
	if text == strings.ToLower(text) {
		if hay = strings.ToLower(s); len(hay) != len(s) {
			hay = s // a letter whose lower case has another length: positions would lie
		}
	}
	var out [][2]int
	for from := 0; ; {
		i := strings.Index(hay[from:], text)
		if i < 0 {
			return out
		}
		out = append(out, [2]int{from + i, from + i + len(text)})
		from += i + len(text)
	}
}

// next returns the next line that holds text after from, in a direction, around the end; -1 for
// none.
func (d doc) next(text string, from, by int) int {
	n := len(d)
	for i := 1; i <= n; i++ {
		at := ((from+by*i)%n + n) % n
		if from < 0 && by < 0 {
			at = n - i
		}
		if d[at].has(text) {
			return at
		}
	}
	return -1
}

// draw colours the lines, with what is searched for marked and the line found pointed at.
func (d doc) draw(st *themes.Styles, find string, hit int) []string {
	out := make([]string, len(d))
	for i := range d {
		l := &d[i]
		head := st.Normal.Render(themes.Faint, l.head)
		text := l.text
		if find != "" {
			head = ui.Highlight(&st.Normal, themes.Faint, l.head, spans(l.head, find))
			text = ui.Highlight(&st.Normal, l.role, l.text, spans(l.text, find))
		} else {
			text = st.Normal.Render(l.role, text)
		}
		if i == hit {
			out[i] = st.Normal.Render(themes.Accent, st.Glyphs.Cursor) + head + text
			continue
		}
		out[i] = " " + head + text
	}
	return out
}
