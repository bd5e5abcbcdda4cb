package logs

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// sourceRow is one source as the pane shows it.
type sourceRow struct {
	index  int
	src    hosts.LogSource
	hidden bool
	lines  uint64
	status hosts.LogStatus
	state  sourceState
}

// sourceState is how a source stands, worst first for sorting.
type sourceState struct {
	word   string
	reason string
	role   themes.Role
	glyph  string
	bad    bool
}

// stateOf judges a source by what the stream said last and by the link to its host: a source whose
// host is gone is not following, whatever it said before.
func (s *Screen) stateOf(src *source) sourceState {
	g, st := &s.deps.Styles.Glyphs, &src.status
	out := sourceState{word: st.State, reason: ui.Clean(st.Reason), role: themes.Muted, glyph: g.Pending}
	switch st.State {
	case "following":
		out.role, out.glyph = themes.OK, g.Running
		if h := s.snap.Host(src.Host); h != nil && h.Link.State != hosts.StateConnected {
			out = sourceState{h.Link.State.String(), ui.Clean(h.Link.Reason), themes.Warn, g.Stale, true}
		}
	case "retrying":
		out.role, out.glyph, out.bad = themes.Warn, g.Restarting, true
	case "failed":
		out.role, out.glyph, out.bad = themes.Bad, g.Failed, true
	case "ended":
		out.glyph = g.Stopped
	case "":
		out.word = "connecting"
		if s.feed.state == feedFailed {
			out = sourceState{"failed", s.feed.reason, themes.Bad, g.Failed, true}
		}
	}
	if s.feed.state == feedEnded && !out.bad && out.word != "ended" {
		out.word, out.role, out.glyph = "ended", themes.Muted, g.Stopped
	}
	return out
}

// sourcesPane lists the sources: how they stand, and which are shown.
type sourcesPane struct {
	table   *ui.Table[sourceRow]
	actions []ui.Action
	note    string
}

func (s *Screen) openSources() tea.Cmd {
	p := &sourcesPane{table: ui.NewTable(s.deps.Styles, sourceColumns())}
	p.actions = s.sourceActions(p)
	s.pane = pane{kind: paneSources, sources: p}
	p.refresh(s)
	s.layout()
	return nil
}

func (s *Screen) sourceActions(p *sourcesPane) []ui.Action {
	list := []ui.Action{
		ui.Act("logs.sources.toggle", "Sources", "switch on or off", func() tea.Cmd { return s.toggleSource(false) }, " ", "enter"),
		ui.Act("logs.sources.only", "Sources", "only this one, or all", func() tea.Cmd { return s.toggleSource(true) }, "o"),
		ui.Act("logs.add", "Sources", "choose other sources", s.addSources, "a"),
		ui.Act("logs.reopen", "Sources", "connect again", s.reopen, "r"),
	}
	for _, a := range p.table.Actions() {
		if a.ID != "list.mark" && a.ID != "list.mark_all" {
			list = append(list, a)
		}
	}
	return list
}

// refresh brings the rows up to date.
func (p *sourcesPane) refresh(s *Screen) {
	b := s.list.buf
	rows := make([]ui.Row[sourceRow], 0, len(b.sources))
	off := 0
	for i := range b.sources {
		src := &b.sources[i]
		off += b2i(src.hidden)
		rows = append(rows, ui.Row[sourceRow]{ID: src.Key(), Value: sourceRow{
			index: i, src: src.LogSource, hidden: src.hidden, lines: src.lines, status: src.status, state: s.stateOf(src),
		}})
	}
	p.table.SetRows(rows)
	p.note = ""
	if off > 0 {
		p.note = ui.Count(off, "source") + " off"
	}
}

func sourceColumns() []ui.Column[sourceRow] {
	return []ui.Column[sourceRow]{
		{
			ID: "shown", Title: "shown", Min: 5, Max: 5,
			Cell: func(r sourceRow) ui.Cell {
				if r.hidden {
					return ui.Cell{Text: "off", Role: themes.Faint}
				}
				return ui.Cell{Text: "on", Role: themes.Source(r.index)}
			},
		},
		{
			ID: "host", Title: "host", Min: 6, Max: 20, Priority: 1, Filter: true, Cut: ui.CutMiddle,
			Cell:    func(r sourceRow) ui.Cell { return ui.Cell{Text: ui.Clean(r.src.Host), Role: themes.Source(r.index)} },
			Compare: func(a, b sourceRow) int { return cmp.Compare(a.src.Host, b.src.Host) },
		},
		{
			ID: "source", Title: "source", Min: 10, Max: 40, Filter: true, Cut: ui.CutMiddle,
			Cell:    func(r sourceRow) ui.Cell { return ui.Cell{Text: sourceName(r.src), Role: themes.Source(r.index)} },
			Compare: func(a, b sourceRow) int { return strings.Compare(a.src.Name, b.src.Name) },
		},
		{
			ID: "kind", Title: "kind", Min: 4, Max: 9, Priority: 5, Filter: true,
			Cell: func(r sourceRow) ui.Cell { return ui.Cell{Text: r.src.Kind.String(), Role: themes.Muted} },
		},
		{
			ID: "state", Title: "state", Min: 11, Max: 14, Filter: true,
			Cell: func(r sourceRow) ui.Cell {
				return ui.Cell{Text: ui.Clean(r.state.word), Role: r.state.role, Glyph: r.state.glyph, GlyphRole: r.state.role}
			},
			Compare: func(a, b sourceRow) int { return strings.Compare(a.state.word, b.state.word) },
		},
		{
			ID: "lines", Title: "lines", Min: 7, Max: 12, Priority: 3, Right: true, Desc: true,
			Cell:    func(r sourceRow) ui.Cell { return ui.Cell{Text: commas(int(r.lines))} },
			Compare: func(a, b sourceRow) int { return cmp.Compare(a.lines, b.lines) },
		},
		{
			ID: "skipped", Title: "skipped", Min: 7, Max: 10, Priority: 4, Right: true, Desc: true,
			Cell: func(r sourceRow) ui.Cell {
				if r.status.Dropped == 0 {
					return ui.Cell{Text: "0", Role: themes.Faint}
				}
				return ui.Cell{Text: commas(int(r.status.Dropped)), Role: themes.Warn}
			},
			Compare: func(a, b sourceRow) int { return cmp.Compare(a.status.Dropped, b.status.Dropped) },
		},
		{
			ID: "lag", Title: "lag", Min: 5, Max: 6, Priority: 6, Right: true, Desc: true,
			Cell: func(r sourceRow) ui.Cell {
				if r.status.Lag <= 0 {
					return ui.Cell{Text: "-", Role: themes.Faint}
				}
				return ui.Cell{Text: ui.Millis(r.status.Lag), Role: themes.Muted}
			},
			Compare: func(a, b sourceRow) int { return cmp.Compare(a.status.Lag, b.status.Lag) },
		},
		countColumn("rate", "lines/s", 7, func(st *hosts.LogStatus) (float64, string) { return st.Rate, rateText(st.Rate) }, themes.Muted),
		countColumn("late", "late", 7, func(st *hosts.LogStatus) (float64, string) { return float64(st.Late), commas(int(st.Late)) }, themes.Warn),
		countColumn("gaps", "gaps", 7, func(st *hosts.LogStatus) (float64, string) { return float64(st.Gaps), commas(int(st.Gaps)) }, themes.Warn),
		countColumn("clock", "clock", 8, func(st *hosts.LogStatus) (float64, string) { return st.Offset.Seconds(), clockText(st.Offset) }, themes.Warn),
		{
			ID: "reason", Title: "reason", Min: 10, Priority: 2, Grow: true, Filter: true,
			Cell: func(r sourceRow) ui.Cell { return ui.Cell{Text: r.state.reason, Role: r.state.role} },
		},
	}
}

// countColumn is a column of one number of a source's status, shown where one has any.
func countColumn(id, title string, priority int, of func(*hosts.LogStatus) (float64, string), role themes.Role) ui.Column[sourceRow] {
	return ui.Column[sourceRow]{
		ID: id, Title: title, Min: len(title), Max: 9, Priority: priority, Right: true, Desc: true, Optional: true,
		Cell: func(r sourceRow) ui.Cell {
			n, text := of(&r.status)
			if n == 0 {
				return ui.Cell{}
			}
			return ui.Cell{Text: text, Role: role}
		},
		Compare: func(a, b sourceRow) int {
			x, _ := of(&a.status)
			y, _ := of(&b.status)
			return cmp.Compare(x, y)
		},
	}
}

// rateText is a number of lines a second.
func rateText(r float64) string {
	if r < 10 {
		return strconv.FormatFloat(r, 'f', 1, 64)
	}
	return commas(int(r))
}

// clockText is how far a clock is ahead of ours, with its sign.
func clockText(d time.Duration) string {
	if d < 0 {
		return "-" + ui.Millis(-d)
	}
	return "+" + ui.Millis(d)
}

// toggleSource switches the selected source off or on; with only, all others off, or all on when it
// is the only one already.
func (s *Screen) toggleSource(only bool) tea.Cmd {
	r, ok := s.pane.sources.table.Selected()
	if !ok {
		return nil
	}
	srcs := s.list.buf.sources
	if !only {
		srcs[r.Value.index].hidden = !srcs[r.Value.index].hidden
	} else {
		alone := !srcs[r.Value.index].hidden && !slices.ContainsFunc(srcs, func(x source) bool {
			return !x.hidden && x.LogSource != r.Value.src
		})
		for i := range srcs {
			srcs[i].hidden = !alone && i != r.Value.index
		}
	}
	s.pane.sources.refresh(s)
	s.layout()
	return s.rescan()
}
