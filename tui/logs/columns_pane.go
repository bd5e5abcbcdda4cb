package logs

import (
	tea "github.com/charmbracelet/bubbletea"

	"midwatch/themes"
	"midwatch/tui/ui"
)

// columnRow is one column of the log and how it stands.
type columnRow struct{ id, title, state, what string }

// columnsPane switches what stands before the text of a line.
type columnsPane struct {
	s     *Screen
	table *ui.Table[columnRow]
}

func (s *Screen) openColumns() tea.Cmd {
	p := s.newColumns()
	p.refresh()
	s.show(p)
	return nil
}

func (s *Screen) newColumns() *columnsPane {
	col := func(id, title string, width int, role themes.Role, of func(columnRow) string) ui.Column[columnRow] {
		return ui.Column[columnRow]{ID: id, Title: title, Min: width, Max: width, Cell: func(r columnRow) ui.Cell { return ui.Cell{Text: of(r), Role: role} }}
	}
	what := col("what", "", 10, themes.Muted, func(r columnRow) string { return r.what })
	what.Max, what.Grow, what.Priority = 0, true, 1
	return &columnsPane{s: s, table: ui.NewTable(s.deps.Styles, []ui.Column[columnRow]{
		col("column", "column", 8, themes.Strong, func(r columnRow) string { return r.title }),
		col("state", "shown", 12, themes.Accent, func(r columnRow) string { return r.state }),
		what,
	})}
}

// refresh brings the rows up to what is shown.
func (p *columnsPane) refresh() {
	l, s := &p.s.look, p.s
	state := func(v ui.Shown, useful bool) string {
		on := "off"
		if v.On(useful) {
			on = "on"
		}
		if v == ui.ShownAuto {
			return on + " (auto)"
		}
		return on
	}
	list := []columnRow{
		{"time", "time", l.time.String(), "local, UTC, age, none"},
		{"host", "host", state(l.host, s.hostsDiffer()), "auto: where there are several"},
		{"source", "source", state(l.source, s.sourcesDiffer()), "auto: where there are several"},
		{"level", "level", state(l.level, true), "one letter; the colour of the text says it too"},
	}
	rows := make([]ui.Row[columnRow], len(list))
	for i, r := range list {
		rows[i] = ui.Row[columnRow]{ID: r.id, Value: r}
	}
	p.table.SetRows(rows)
}

// toggle switches the column under the cursor.
func (p *columnsPane) toggle() tea.Cmd {
	r, ok := p.table.Selected()
	if !ok {
		return nil
	}
	l, s := &p.s.look, p.s
	switch r.Value.id {
	case "time":
		l.time = (l.time + 1) % (ui.TimeOff + 1)
	case "host":
		l.host = flip(l.host, s.hostsDiffer())
	case "source":
		l.source = flip(l.source, s.sourcesDiffer())
	case "level":
		l.level = flip(l.level, true)
	}
	return p.changed()
}

func (p *columnsPane) changed() tea.Cmd {
	p.refresh()
	p.s.layout()
	return nil
}

func (p *columnsPane) reset() tea.Cmd {
	p.s.look.setColumns(ui.LogColumns{})
	return p.changed()
}

func (p *columnsPane) actions() []ui.Action {
	list := []ui.Action{
		ui.Act("logs.columns.toggle", "Columns", "show, hide, or the next way", p.toggle, " ", "enter"),
		ui.Act("logs.columns.reset", "Columns", "as at first", p.reset, "r"),
	}
	for _, a := range p.table.Actions() {
		switch a.ID {
		case "list.up", "list.down", "list.first", "list.last":
			list = append(list, a)
		}
	}
	return list
}

func (p *columnsPane) frame() ui.Frame {
	return ui.Frame{Title: "Columns", Focus: true, Note: p.s.look.columns().String(), Footer: "space shows or hides · r as at first · esc closes"}
}

func (p *columnsPane) setStyles(st *themes.Styles) { p.table.SetStyles(st) }
func (p *columnsPane) setSize(w, h int)            { p.table.SetSize(w, h) }
func (p *columnsPane) lines() []string             { return p.table.Lines() }
func (p *columnsPane) capturing() bool             { return false }
func (p *columnsPane) back() bool                  { return false }
func (p *columnsPane) close()                      {}
func (p *columnsPane) wants() int                  { return 4 + 1 } // the titles

func (p *columnsPane) tick() tea.Cmd { return nil }

func (p *columnsPane) key(tea.KeyMsg) tea.Cmd { return nil }

func (p *columnsPane) mouse(m tea.MouseMsg, x, y int) tea.Cmd {
	if p.table.Mouse(m, x, y) {
		return p.toggle()
	}
	return nil
}

// columns is what is chosen of the columns.
func (l *look) columns() ui.LogColumns {
	return ui.LogColumns{Time: l.time, Host: l.host, Source: l.source, Level: l.level}
}

func (l *look) setColumns(c ui.LogColumns) {
	l.time, l.host, l.source, l.level = c.Time, c.Host, c.Source, c.Level
}

var _ otherPane = (*columnsPane)(nil)
