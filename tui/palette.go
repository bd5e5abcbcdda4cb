package tui

import (
	"slices"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/sahilm/fuzzy"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// paletteEntry is one thing the palette reaches.
type paletteEntry struct {
	kind   string // screen, action, host, container, unit, theme
	title  string
	detail string
	reason string // why it cannot be done now
	run    func(*Root) tea.Cmd
}

// paletteLimit bounds the entries, so that opening and each key stay quick on a large fleet.
const paletteLimit = 20_000

// palette finds anything by a few letters of its name.
type palette struct {
	input   *ui.Input
	typed   paletteEntry // what is typed, for a screen that takes it; no run when there is none
	takers  []ScreenFactory
	entries []paletteEntry
	names   []string // what is matched, entry by entry
	query   string   // what live answers
	live    []int    // entries that match query: all that a longer query can match
	found   []fuzzy.Match
	scroll  ui.Scroll
	cut     bool // there were more entries than the limit
	x, y    int  // where the rows were drawn, for clicks
}

func (r *Root) openPalette() {
	p := &palette{input: ui.NewInput(": ", "screen, host, container, unit, action")}
	p.entries = r.paletteEntries()
	for _, f := range r.p.Screens {
		if f.Takes != "" {
			p.takers = append(p.takers, f)
		}
	}
	if len(p.entries) > paletteLimit {
		p.entries, p.cut = p.entries[:paletteLimit], true
	}
	p.names = make([]string, len(p.entries))
	for i, e := range p.entries {
		p.names[i] = e.title + " " + e.kind
	}
	p.search()
	r.push(p)
}

// paletteEntries lists what can be reached from here: screens, actions of the screen and the root,
// themes, then hosts, containers and units.
func (r *Root) paletteEntries() []paletteEntry {
	var out []paletteEntry
	readOnly := r.p.Deps.ReadOnly()
	actions := append(r.screenActions(), r.rootActions()...)
	slices.SortStableFunc(actions, func(a, b ui.Action) int {
		return b2i(strings.HasPrefix(b.ID, "app.tab.")) - b2i(strings.HasPrefix(a.ID, "app.tab."))
	})
	for _, a := range actions {
		if a.ID == "app.palette" || strings.HasPrefix(a.ID, "list.") || strings.HasPrefix(a.ID, "view.") {
			continue
		}
		kind := "action"
		if strings.HasPrefix(a.ID, "app.tab.") {
			kind = "screen"
		}
		key := ""
		if a.Key.Enabled() {
			key = a.Key.Help().Key
		}
		out = append(out, paletteEntry{kind, a.Title, key, a.Reason(readOnly), func(r *Root) tea.Cmd { return a.Do(r.p.Deps.ReadOnly()) }})
	}
	for _, f := range r.p.Screens {
		if f.Takes != "" {
			out = append(out, paletteEntry{"screen", strings.ToLower(f.Title) + " " + f.Takes, "", "", func(*Root) tea.Cmd {
				return ui.Open(ui.OpenMsg{Screen: f.ID, Object: AskObject})
			}})
		}
	}
	for _, st := range r.p.Themes {
		out = append(out, paletteEntry{"theme", "theme " + st.Name, "", "", func(r *Root) tea.Cmd { return r.retheme(st) }})
	}
	if r.snap == nil {
		return out
	}
	for _, h := range r.snap.Hosts {
		out = append(out, hostEntry(h))
	}
	for _, h := range r.snap.Hosts {
		out = append(out, objectEntries(h)...)
		if len(out) > paletteLimit {
			break
		}
	}
	return out
}

func hostEntry(h *hosts.HostFacts) paletteEntry {
	name := h.Host.Name
	return paletteEntry{"host", ui.Clean(name), h.Link.State.String(), "", func(*Root) tea.Cmd {
		return ui.Open(ui.OpenMsg{Screen: "fleet", Host: name})
	}}
}

func objectEntries(h *hosts.HostFacts) []paletteEntry {
	name := h.Host.Name
	out := make([]paletteEntry, 0, len(h.Containers.Value)+len(h.Units.Value))
	for _, c := range h.Containers.Value {
		out = append(out, paletteEntry{"container", ui.Clean(c.Name + " on " + name), ui.Clean(c.State), "", func(*Root) tea.Cmd {
			return ui.Open(ui.OpenMsg{Screen: "containers", Host: name, Object: c.ID})
		}})
	}
	for _, u := range h.Units.Value {
		q := &hosts.LogQuery{Sources: []hosts.LogSource{{Host: name, Kind: hosts.LogUnit, Name: u.Name}}, Follow: true}
		out = append(out, paletteEntry{"unit", ui.Clean(u.Name + " on " + name), ui.Clean(u.Active), "", func(r *Root) tea.Cmd {
			if r.nav.factory("services") < 0 {
				return ui.Open(ui.OpenMsg{Screen: "logs", Host: name, Object: u.Name, Logs: q})
			}
			return ui.Open(ui.OpenMsg{Screen: "services", Host: name, Object: u.Name}) // its log is a key away
		}})
	}
	for _, v := range h.Swarm.Value.Services {
		out = append(out, paletteEntry{"service", ui.Clean(v.Name + " on " + name), strconv.Itoa(v.Running) + "/" + strconv.Itoa(v.Wanted), "", func(*Root) tea.Cmd {
			return ui.Open(ui.OpenMsg{Screen: "services", Host: name, Object: v.Name})
		}})
	}
	return out
}

// paletteShown bounds what a search keeps: nobody scrolls further.
const paletteShown = 200

// source is the part of the names that is searched.
type source struct {
	names []string
	at    []int
}

func (s source) String(i int) string { return s.names[s.at[i]] }
func (s source) Len() int            { return len(s.at) }

func (p *palette) search() {
	// Spaces separate words that are matched in their order, as fuzzy letters are.
	q := strings.ReplaceAll(p.input.Value(), " ", "")
	if !strings.HasPrefix(q, p.query) || p.live == nil {
		p.live = make([]int, len(p.entries))
		for i := range p.live {
			p.live[i] = i
		}
	}
	p.query, p.found = q, p.found[:0]
	if q == "" {
		for _, i := range p.live[:min(len(p.live), paletteShown)] {
			p.found = append(p.found, fuzzy.Match{Index: i})
		}
	} else {
		found := fuzzy.FindFrom(q, source{p.names, p.live})
		live := make([]int, len(found))
		for i := range found {
			found[i].Index = p.live[found[i].Index]
			live[i] = found[i].Index
		}
		slices.Sort(live) // the order of the entries decides between equals, at the next key too
		p.live, p.found = live, found[:min(len(found), paletteShown)]
	}
	p.offerTyped()
	p.scroll.Len = len(p.found)
	p.scroll.To(0)
}

// offerTyped puts what is typed first, when it is a URL and a screen takes one, with or without the
// name of the screen before it.
func (p *palette) offerTyped() {
	p.typed = paletteEntry{}
	for _, f := range p.takers {
		text := strings.TrimSpace(p.input.Value())
		if name, rest, ok := strings.Cut(text, " "); ok && strings.EqualFold(name, f.Title) {
			text = strings.TrimSpace(rest)
		}
		if f.Takes != "URL" || !strings.Contains(text, "://") || strings.ContainsAny(text, " ") {
			continue
		}
		p.typed = paletteEntry{"screen", strings.ToLower(f.Title) + " " + ui.Clean(text), "", "", func(*Root) tea.Cmd {
			return ui.Open(ui.OpenMsg{Screen: f.ID, Object: text})
		}}
		p.found = append([]fuzzy.Match{{Index: typedIndex}}, p.found...)
		return
	}
}

// typedIndex stands in found for the entry that is typed.
const typedIndex = -1

func (p *palette) entry(i int) paletteEntry {
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
	return e.run(r)
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
	body := ui.Highlight(pal, role, title, spansWithin(e.title, title, m.MatchedIndexes))
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
