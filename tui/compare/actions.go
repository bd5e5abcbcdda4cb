package compare

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/checks/compare"
	"midwatch/hosts"
	"midwatch/tui/ui"
)

// Actions are what can be done with the list of subjects, or with one subject.
func (s *Screen) Actions() []ui.Action {
	if !s.one() {
		open := ui.Act("compare.open", "Compare", "side by side", s.open, "enter")
		open.Disabled = func() string {
			if _, ok := s.list.Selected(); !ok {
				return "nothing is selected"
			}
			return ""
		}
		return append([]ui.Action{open}, s.list.Actions()...)
	}
	return s.sheetActions()
}

// PaneActions are those of one subject.
func (s *Screen) PaneActions() [][]ui.Action { return [][]ui.Action{s.sheetActions()} }

// sheetActions are those of one subject.
func (s *Screen) sheetActions() []ui.Action {
	hide := func(a ui.Action) ui.Action { a.Hidden = true; return a }
	now := func(f func()) func() tea.Cmd { return func() tea.Cmd { f(); return nil } }
	row := func(id, title string, run func() tea.Cmd, keys ...string) ui.Action {
		a := ui.Act("compare."+id, "Property", title, run, keys...)
		a.Disabled = func() string {
			if _, ok := s.grid.Selected(); !ok {
				return "no property is selected"
			}
			return ""
		}
		return a
	}
	differences, details := "only differences", "details"
	if !s.same {
		differences = "all properties"
	}
	if s.full {
		details = "side by side"
	}
	logs := ui.Act("compare.logs", "Compare", "logs of all copies", s.openLogs, "l")
	logs.Disabled = func() string {
		if len(s.sources()) == 0 {
			return "these have no logs of their own"
		}
		return ""
	}
	list := []ui.Action{
		row("detail", details, now(func() { s.full = !s.full; s.fit() }), "enter", "d"),
		ui.Act("compare.differences", "Compare", differences, now(func() { s.same = !s.same; s.rows() }), "e"),
		ui.Act("compare.next", "Compare", "next difference", func() tea.Cmd { return s.next(1) }, "n"),
		hide(ui.Act("compare.back", "Compare", "difference before", func() tea.Cmd { return s.next(-1) }, "N")),
		logs,
		hide(row("copy", "copy the values", s.copyRow, "y")),
		hide(ui.Act("compare.copy_all", "Compare", "copy all differences", s.copyAll, "Y")),
		hide(ui.Act("compare.pane", "Compare", "show or hide the details below", now(func() { s.hidden = !s.hidden; s.fit() }), "v")),
		hide(row("pane_down", "details down", now(func() { s.pane.ScrollBy(3, 0) }), "J", "ctrl+d")),
		hide(row("pane_up", "details up", now(func() { s.pane.ScrollBy(-3, 0) }), "K", "ctrl+u")),
	}
	for _, a := range s.grid.Actions() {
		switch a.ID {
		case "list.sort", "list.reverse", "list.mark", "list.mark_all":
			continue // the order is that of the groups, and there is nothing to do with several rows
		}
		run := a.Run
		a.Run = func() tea.Cmd {
			cmd := run()
			s.detail()
			return cmd
		}
		list = append(list, a)
	}
	return list
}

func (s *Screen) open() tea.Cmd {
	r, ok := s.list.Selected()
	if !ok {
		return nil
	}
	return ui.Open(ui.OpenMsg{Screen: "compare", Object: r.ID})
}

// next selects the next row that differs.
func (s *Screen) next(by int) tea.Cmd {
	if s.sheet == nil {
		return nil
	}
	at := -1
	selected, ok := s.grid.Selected()
	n := len(s.sheet.Rows)
	for i := range s.sheet.Rows {
		if ok && &s.sheet.Rows[i] == selected.Value {
			at = i
		}
	}
	for i := range n {
		r := &s.sheet.Rows[((at+by*(i+1))%n+n)%n]
		if r.Differs && s.grid.Select(r.Group+"\x00"+r.Name) {
			s.detail()
			return nil
		}
	}
	return ui.Toast(hosts.LevelInfo, "all copies are the same in what is compared")
}

// first selects the first row that differs.
func (s *Screen) first() {
	for i := range s.sheet.Rows {
		if r := &s.sheet.Rows[i]; r.Differs {
			s.grid.Select(r.Group + "\x00" + r.Name)
			s.detail()
			return
		}
	}
}

// sources are the logs of the copies.
func (s *Screen) sources() []hosts.LogSource {
	if s.sheet == nil {
		return nil
	}
	kind := hosts.LogContainer
	switch s.sheet.Kind {
	case compare.Unit:
		kind = hosts.LogUnit
	case compare.Server:
		return nil
	}
	out := make([]hosts.LogSource, 0, len(s.sheet.Columns))
	for _, c := range s.sheet.Columns {
		out = append(out, hosts.LogSource{Host: c.Host, Kind: kind, Name: c.Copy})
	}
	return out
}

func (s *Screen) openLogs() tea.Cmd {
	var names []string
	for _, c := range s.sheet.Columns {
		if len(names) == 0 || names[len(names)-1] != c.Host {
			names = append(names, c.Host)
		}
	}
	return ui.Open(ui.OpenMsg{Screen: "logs", Host: strings.Join(names, ","), Object: s.sheet.Name, Logs: &hosts.LogQuery{Sources: s.sources(), Follow: true}})
}

func (s *Screen) copyRow() tea.Cmd {
	r, _ := s.grid.Selected()
	return ui.Copy(s.d, "the values of "+clean(r.Value.Name), rowText(s.sheet, r.Value))
}

func (s *Screen) copyAll() tea.Cmd {
	if s.sheet == nil {
		return nil
	}
	lines := []string{s.sheet.String()}
	for i := range s.sheet.Rows {
		if s.sheet.Rows[i].Differs {
			lines = append(lines, rowText(s.sheet, &s.sheet.Rows[i]))
		}
	}
	return ui.Copy(s.d, "the differences", strings.Join(lines, "\n"))
}

// rowText is a property as plain text, for a ticket.
func rowText(sh *compare.Sheet, r *compare.Row) string {
	out := clean(r.Name) + ":"
	for i, c := range r.Cells {
		v := clean(c.Value)
		switch {
		case c.Unknown != "":
			v = "unknown: " + clean(c.Unknown)
		case v == "":
			v = "none"
		}
		if c.Odd {
			v += "  (odd)"
		}
		out += "\n  " + clean(copyName(sh.Columns[i])) + "  " + v
	}
	return out
}
