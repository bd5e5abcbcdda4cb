package logs

import (
	"math"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// Actions are those of the choice, of the pane that is open, or of the log.
func (s *Screen) Actions() []ui.Action {
	switch {
	case s.picker != nil:
		return s.picker.actions
	case s.pane.kind != paneNone:
		return s.pane.actions()
	}
	list := s.readActions()
	list = append(list, s.moveActions()...)
	return append(list, s.showActions()...)
}

// PaneActions are those of what can be open over the log.
func (s *Screen) PaneActions() [][]ui.Action {
	st := s.deps.Styles
	return [][]ui.Action{
		s.pickerActions(&picker{table: ui.NewTable(st, pickerColumns())}),
		s.detailActions(&detail{st: st, view: ui.NewViewer(st)}),
		s.sourceActions(&sourcesPane{table: ui.NewTable(st, sourceColumns())}),
		s.histogramActions(&histogram{s: s}),
		s.newPatterns().actions(),
		s.newColumns().actions(),
		(&viewsPane{s: s, table: ui.NewTable(st, viewColumns())}).actions(),
		s.sinceActions(&sincePane{table: ui.NewTable[since](st, nil)}),
	}
}

// readActions find, follow and copy.
func (s *Screen) readActions() []ui.Action {
	hide := func(a ui.Action) ui.Action { a.Hidden = true; return a }
	follow := "pause"
	if !s.page.follow {
		follow = "follow"
	}
	return []ui.Action{
		ui.Act("logs.filter", "Log", "filter", s.openFilter, "/"),
		ui.Act("logs.find", "Log", "find", s.openFind, "f"),
		ui.Act("logs.follow", "Log", follow, s.toggleFollow, " "),
		ui.Act("logs.level", "Log", "level", func() tea.Cmd { return s.nextLevel(1) }, "v"),
		ui.Act("logs.detail", "Log", "details", s.openDetail, "enter"),
		ui.Act("logs.request", "Log", "follow the request", s.followRequest, "R"),
		ui.Act("logs.sources", "Log", "sources", s.openSources, "o"),
		ui.Act("logs.since", "Log", "since", s.openSince, "T"),
		ui.Act("logs.copy", "Log", "copy", s.copyLine, "y"),
		hide(ui.Act("logs.histogram", "Log", "lines over time", s.openHistogram, "i")),
		hide(ui.Act("logs.patterns", "Log", "patterns of lines", s.openPatterns, "p")),
		hide(ui.Act("logs.zoom_out", "Log", "show more of the time", s.zoomOut, "x")),
		hide(ui.Act("logs.level_down", "Log", "lower the level", func() tea.Cmd { return s.nextLevel(-1) }, "V")),
		hide(ui.Act("logs.errors", "Log", "find the last error", s.findErrors, "e")),
		hide(ui.Act("logs.next", "Log", "next found", func() tea.Cmd { return s.jump(1) }, "n")),
		hide(ui.Act("logs.previous", "Log", "previous found", func() tea.Cmd { return s.jump(-1) }, "N")),
		hide(ui.Act("logs.copy_screen", "Log", "copy the lines on screen", s.copyScreen, "Y")),
		hide(ui.Act("logs.range", "Log", "begin a range of lines", s.beginRange, "b")),
		hide(ui.Act("logs.save_view", "Log", "keep this view by a name", s.openSaveView, "s")),
		hide(ui.Act("logs.views", "Log", "views that are kept", s.openViews, "O")),
		hide(ui.Act("logs.command", "Log", "copy the command that shows this", s.copyCommand, "=")),
		hide(ui.Act("logs.export", "Log", "write what is shown to a file", s.openExport, "E")),
		hide(ui.Act("logs.pager", "Log", "open what is shown in the pager", s.openPager, "P")),
		hide(ui.Act("logs.mark", "Log", "mark the line", s.mark, "m")),
		hide(ui.Act("logs.rule", "Log", "draw a line under the log", s.rule, "-")),
		hide(ui.Act("logs.mark_next", "Log", "next mark", func() tea.Cmd { return s.toMark(1) }, "}")),
		hide(ui.Act("logs.mark_previous", "Log", "previous mark", func() tea.Cmd { return s.toMark(-1) }, "{")),
		hide(ui.Act("logs.clear", "Log", "clear the screen", s.clear, "c")),
		hide(ui.Act("logs.unclear", "Log", "show what was cleared", s.unclear, "u")),
		hide(ui.Act("logs.add", "Log", "choose other sources", s.addSources, "a")),
		hide(ui.Act("logs.reopen", "Log", "connect again", s.reopen, "r")),
	}
}

// moveActions move through the log.
func (s *Screen) moveActions() []ui.Action {
	move := func(id, title string, f func(h int), keys ...string) ui.Action {
		a := ui.Act("list."+id, "List", title, func() tea.Cmd {
			f(s.bodyH())
			s.noteIDs()
			return nil
		}, keys...)
		a.Hidden = true
		return a
	}
	l := &s.list
	return []ui.Action{
		move("up", "up", func(h int) { s.page.move(l, h, -1) }, "k", "up"),
		move("down", "down", func(h int) { s.page.move(l, h, 1) }, "j", "down"),
		move("page_up", "page up", func(h int) { s.page.page(l, h, -1) }, "pgup", "ctrl+b"),
		move("page_down", "page down", func(h int) { s.page.page(l, h, 1) }, "pgdown", "ctrl+f"),
		move("first", "first", func(h int) { s.page.first(l, h) }, "g", "home"),
		move("last", "last, and follow", func(int) { s.page.resume() }, "G", "end"),
		move("left", "left", func(int) { s.scrollSide(-sideStep) }, "h", "left"),
		move("right", "right", func(int) { s.scrollSide(sideStep) }, "l", "right"),
	}
}

// showActions change how lines are shown.
func (s *Screen) showActions() []ui.Action {
	show := func(id, title string, f func(), key string) ui.Action {
		a := ui.Act("logs."+id, "Show", title, func() tea.Cmd { f(); s.layout(); return nil }, key)
		a.Hidden = true
		return a
	}
	refilter := func(id, title string, f func(), key string) ui.Action {
		a := ui.Act("logs."+id, "Show", title, func() tea.Cmd { f(); s.layout(); return s.rescan() }, key)
		a.Hidden = true
		return a
	}
	wrap := show("wrap", "wrap long lines, or cut them", func() { s.look.wrap = !s.look.wrap }, "w")
	wrap.Hidden = false
	columns := ui.Act("logs.columns", "Show", "columns on or off", s.openColumns, "K")
	columns.Hidden = true
	return []ui.Action{
		wrap,
		columns,
		show("raw", "objects as text, or as they stand", func() { s.look.raw = !s.look.raw }, "J"),
		show("time", "local time, UTC, age, none", func() { s.look.time = (s.look.time + 1) % (ui.TimeOff + 1) }, "t"),
		show("host_column", "host column", func() { s.look.host = flip(s.look.host, s.hostsDiffer()) }, "H"),
		show("source_column", "source column", func() { s.look.source = flip(s.look.source, s.sourcesDiffer()) }, "S"),
		refilter("fold", "fold repeated lines", func() { s.look.fold = !s.look.fold }, "z"),
		show("colours", "colours of sources", func() { s.look.plain = !s.look.plain }, "C"),
	}
}

// flip switches a column that is shown off, and one that is not on.
func flip(v ui.Shown, useful bool) ui.Shown {
	if v.On(useful) {
		return ui.ShownNever
	}
	return ui.ShownAlways
}

// sideStep is how many cells one key scrolls to the side.
const sideStep = 16

// sideMost bounds it: what is further right is read in the details.
const sideMost = 4096

func (s *Screen) scrollSide(by int) {
	if s.look.wrap {
		return
	}
	s.look.left = max(0, min(s.look.left+by, sideMost))
	s.layout()
}

// current is the line the reader is on: under the cursor, or the last one while following.
func (s *Screen) current() *line {
	pos := s.page.cursor
	if s.page.follow {
		pos = s.list.before(s.list.end())
	}
	if l, ok := s.list.buf.at(pos); ok {
		return &l
	}
	return nil
}

func (s *Screen) toggleFollow() tea.Cmd {
	if s.page.follow {
		s.page.pause(&s.list, s.bodyH())
		s.noteIDs()
	} else {
		s.page.resume()
	}
	return nil
}

// nextLevel raises or lowers the level below which lines are not shown.
func (s *Screen) nextLevel(by int) tea.Cmd {
	steps := [...]hosts.Level{hosts.LevelNone, hosts.LevelDebug, hosts.LevelInfo, hosts.LevelNotice, hosts.LevelWarn, hosts.LevelError, hosts.LevelFatal}
	at := 0
	for i, l := range steps {
		if l == s.look.min {
			at = i
		}
	}
	s.look.min = steps[(at+by+len(steps))%len(steps)]
	return s.rescan()
}

// mark marks the line under the cursor, or unmarks it.
func (s *Screen) mark() tea.Cmd {
	l := s.current()
	if l == nil {
		return nil
	}
	if s.marked[l.id] {
		delete(s.marked, l.id)
		return nil
	}
	if len(s.marked) >= maxMarks {
		return ui.Toast(hosts.LevelWarn, "there are "+commas(maxMarks)+" marks already")
	}
	s.marked[l.id] = true
	return nil
}

// maxMarks bounds the marks of a screen.
const maxMarks = 1000

// rule draws a line under what has come so far, as an empty line in a terminal would.
func (s *Screen) rule() tea.Cmd {
	now := s.deps.Now()
	s.list.buf.Rule(now, now.Format("15:04:05")+" mark")
	return s.grown()
}

// toMark goes to the next mark or ruler in a direction.
func (s *Screen) toMark(dir int) tea.Cmd {
	pos := s.page.cursor
	if s.page.follow {
		pos = s.list.end()
	}
	least, most := uint64(math.MaxUint64), uint64(0)
	for id := range s.marked {
		least, most = min(least, id), max(most, id)
	}
	marked := func(id uint64, kind lineKind) bool {
		return kind == kindRuler || id >= least && id <= most && s.marked[id]
	}
	for {
		if pos = s.list.buf.nextWhere(pos, dir, marked); pos < 0 {
			return ui.Toast(hosts.LevelInfo, "no mark further on")
		}
		if s.list.after(pos) == pos { // it is shown
			s.page.jump(&s.list, s.bodyH(), pos)
			s.noteIDs()
			return nil
		}
	}
}

// clear hides what has come so far; nothing is forgotten.
func (s *Screen) clear() tea.Cmd {
	b := s.list.buf
	if l, ok := b.at(b.End() - 1); ok {
		s.list.floor, s.floorID = b.End(), l.id
	}
	s.page.resume()
	return nil
}

func (s *Screen) unclear() tea.Cmd {
	if s.list.floor == 0 {
		return ui.Toast(hosts.LevelInfo, "nothing was cleared")
	}
	s.list.floor, s.floorID = 0, 0
	return nil
}

// reopen asks for the stream again.
func (s *Screen) reopen() tea.Cmd {
	if s.feed.state == feedNone {
		return nil
	}
	return s.start(s.feed.query)
}
