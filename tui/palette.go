package tui

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/sahilm/fuzzy"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// paletteEntry is one thing the palette reaches.
type paletteEntry struct {
	kind   string // screen, action, host, container, unit, route, check, theme
	title  string
	detail string
	reason string // why it cannot be done now
	key    string // what is matched, in lower case
	open   ui.OpenMsg
	logs   *hosts.LogSource    // with open: the log it opens
	run    func(*Root) tea.Cmd // nil: open is opened
}

// newEntry makes an entry; title is shown, and it and the kind are matched.
func newEntry(kind, title, detail string) *paletteEntry {
	return &paletteEntry{kind: kind, title: title, detail: detail, key: strings.ToLower(title + " " + kind)}
}

// do carries out what the entry stands for.
func (e *paletteEntry) do(r *Root) tea.Cmd {
	if e.run != nil {
		return e.run(r)
	}
	m := e.open
	if e.logs != nil {
		m.Logs = &hosts.LogQuery{Sources: []hosts.LogSource{*e.logs}, Follow: true}
	}
	return ui.Open(m)
}

// paletteLimit bounds the entries; it is far above what a fleet of a thousand hosts has.
const paletteLimit = 200_000

// palette finds anything by a few letters of its name.
type palette struct {
	input   *ui.Input
	typed   *paletteEntry // what is typed, for a screen that takes it; nil when there is none
	takers  []ScreenFactory
	entries []*paletteEntry
	keys    []string // what is matched, entry by entry, in lower case
	query   string   // what live answers
	live    []int    // entries that match query: all that a longer query can match
	found   []fuzzy.Match
	scroll  ui.Scroll
	cut     bool // there were more entries than the limit
	x, y    int  // where the rows were drawn, for clicks
}

func (r *Root) openPalette() {
	p := &palette{input: ui.NewInput(": ", "screen, host, container, unit, route, check, action")}
	p.entries = r.paletteEntries()
	for _, f := range r.p.Screens {
		if f.Takes != "" {
			p.takers = append(p.takers, f)
		}
	}
	if len(p.entries) > paletteLimit {
		p.entries, p.cut = p.entries[:paletteLimit], true
	}
	p.keys = make([]string, len(p.entries))
	for i := range p.entries {
		p.keys[i] = p.entries[i].key
	}
	p.search()
	r.push(p)
}

// offerTyped puts what is typed first, when it is a URL and a screen takes one, with or without the
// name of the screen before it.
func (p *palette) offerTyped() {
	p.typed = nil
	for _, f := range p.takers {
		text := strings.TrimSpace(p.input.Value())
		if name, rest, ok := strings.Cut(text, " "); ok && strings.EqualFold(name, f.Title) {
			text = strings.TrimSpace(rest)
		}
		if f.Takes != "URL" || !strings.Contains(text, "://") || strings.ContainsAny(text, " ") {
			continue
		}
		p.typed = newEntry("screen", strings.ToLower(f.Title)+" "+ui.Clean(text), "")
		p.typed.open = ui.OpenMsg{Screen: f.ID, Object: text}
		p.found = append([]fuzzy.Match{{Index: typedIndex}}, p.found...)
		return
	}
}

// typedIndex stands in found for the entry that is typed.
const typedIndex = -1

func (p *palette) entry(i int) *paletteEntry {
	if p.found[i].Index == typedIndex {
		return p.typed
	}
	return p.entries[p.found[i].Index]
}

func (p *palette) key(r *Root, m tea.KeyMsg) tea.Cmd {
	switch m.String() {
	case "esc", "ctrl+p":
		r.drop(p)
	case "up", "ctrl+k", "shift+tab":
		p.scroll.Move(-1)
	case "down", "ctrl+j", "ctrl+n", "tab":
		p.scroll.Move(1)
	case "pgup":
		p.scroll.Page(-1)
	case "pgdown":
		p.scroll.Page(1)
	case "enter":
		return p.choose(r)
	default:
		if p.input.Update(m) {
			p.search()
		}
	}
	return nil
}

func (p *palette) choose(r *Root) tea.Cmd {
	if p.scroll.Cursor >= len(p.found) {
		return nil
	}
	e := p.entry(p.scroll.Cursor)
	r.drop(p)
	if e.reason != "" {
		return ui.Toast(hosts.LevelWarn, e.title+": "+e.reason)
	}
	return e.do(r)
}

func (p *palette) mouse(r *Root, m tea.MouseMsg) tea.Cmd {
	switch {
	case m.Button == tea.MouseButtonWheelUp:
		p.scroll.Wheel(-1)
	case m.Button == tea.MouseButtonWheelDown:
		p.scroll.Wheel(1)
	case m.Button == tea.MouseButtonLeft && m.Action == tea.MouseActionPress:
		at := p.scroll.Offset + m.Y - p.y
		if m.Y < p.y || m.Y >= p.y+p.scroll.Height || at >= len(p.found) {
			return nil
		}
		p.scroll.To(at)
		return p.choose(r)
	}
	return nil
}

func (p *palette) hint() string { return "enter choose  up/down move  esc close" }

const (
	paletteWidth = 90
	paletteRows  = 16
)

func (p *palette) box(st *themes.Styles, w, h int) []string {
	inner := max(1, min(paletteWidth, w-ui.FrameW-2))
	rows := max(1, min(paletteRows, h-ui.FrameH-2))
	p.scroll.Height = rows
	p.scroll.Clamp()
	lines := []string{p.input.Line(st, inner), ""}
	for i := range rows {
		at := p.scroll.Offset + i
		switch {
		case at < len(p.found):
			lines = append(lines, p.row(st, at, inner))
		case i == 0:
			lines = append(lines, st.Normal.Render(themes.Muted, ui.Fit("nothing has these letters in this order", inner)))
		default:
			lines = append(lines, ui.Spaces(inner))
		}
	}
	foot := ui.Count(len(p.entries), "thing")
	if p.cut {
		foot = "the first " + foot
	}
	return padded(st, ui.Frame{Title: "palette", Footer: foot}, lines, w, h)
}

func (p *palette) row(st *themes.Styles, at, w int) string {
	m := p.found[at]
	e := p.entry(at)
	pal := st.On(at == p.scroll.Cursor)
	cursor := " "
	if at == p.scroll.Cursor {
		cursor = st.Glyphs.Cursor
	}
	const kindWidth = 10
	right := e.detail
	role := themes.Text
	if e.reason != "" {
		right, role = e.reason, themes.Faint
	}
	right = ui.Trunc(right, w/3)
	room := max(0, w-2-kindWidth-ui.Width(right)-1)
	title := ui.Trunc(e.title, room)
	var spans [][2]int
	if strings.HasPrefix(e.key, strings.ToLower(e.title)) && len(strings.ToLower(e.title)) == len(e.title) { // else positions would lie
		spans = spansWithin(e.title, title, m.MatchedIndexes)
	}
	body := ui.Highlight(pal, role, title, spans)
	return pal.Render(themes.Accent, cursor+" ") + pal.Render(themes.Muted, ui.Fit(e.kind, kindWidth)) + body +
		pal.Render(themes.Text, ui.Spaces(room-ui.Width(title)+1)) + pal.Render(themes.Muted, right)
}

// spansWithin are the matched letters that a cut title still shows whole.
func spansWithin(full, shown string, idx []int) [][2]int {
	limit := len(shown)
	if shown != full {
		limit = max(0, limit-len("…"))
	}
	var keep []int
	for _, i := range idx {
		if i < limit {
			keep = append(keep, i)
		}
	}
	return ui.IndexSpans(shown, keep)
}
