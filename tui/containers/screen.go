package containers

import (
	"context"
	"strconv"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// Screen shows the containers of all hosts or of one, and the details of one of them.
type Screen struct {
	deps   ui.Deps
	from   ui.OpenMsg
	ctx    context.Context //nolint:containedctx // a screen lives as long as its context does
	cancel context.CancelFunc

	w, h int
	now  time.Time
	snap *hosts.Snapshot

	table   *ui.Table[*item]
	items   []item // what the table shows, and what it does not
	counted string // of the items, for the heading
	hash    *hasher
	groupBy grouping
	only    bool // show only what is in trouble
	detail  *detail

	acts    map[key]*act
	running map[*results]int // actions that have not ended, by where their results come from
	release []func()         // ends the watches while the screen is on display
}

// grouping is what the table's headings are.
type grouping int

const (
	byProject grouping = iota
	byHost
	flat
)

// New returns the screen that open asks for: Host narrows it to a host, Object opens the details of
// the container with that ID or name.
func New(d ui.Deps, open ui.OpenMsg) *Screen {
	if d.Now == nil || d.Styles == nil || d.Context == nil {
		panic("containers: Deps without a clock, styles or a context")
	}
	s := &Screen{
		deps: d, from: open, now: d.Now(), snap: &hosts.Snapshot{}, hash: new(hasher),
		acts: map[key]*act{}, running: map[*results]int{},
	}
	s.ctx, s.cancel = context.WithCancel(d.Context)
	s.table = ui.NewTable(d.Styles, columns(func() *themes.Styles { return s.deps.Styles }))
	s.table.GroupCell = groupCell
	if d.Fleet != nil {
		s.snap = d.Fleet.Snapshot()
	}
	s.rebuild()
	return s
}

// Init opens the details of the container the screen was opened for.
func (s *Screen) Init() tea.Cmd {
	if s.from.Object == "" {
		return nil
	}
	if it := s.find(s.from.Host, s.from.Object); it != nil {
		s.table.Select(it.id())
		return s.openDetail(it.key())
	}
	return ui.Toast(hosts.LevelWarn, "no container "+ui.Clean(s.from.Object)+" on "+ui.Clean(s.from.Host)+" now")
}

// oneHost is the host the screen is narrowed to, "" when it shows several.
func (s *Screen) oneHost() string {
	if strings.Contains(s.from.Host, ",") {
		return ""
	}
	return s.from.Host
}

// hostList writes what OpenMsg.Host narrows to.
func hostList(hosts string) string { return ui.Clean(strings.ReplaceAll(hosts, ",", ", ")) }

// find returns the item of a container by ID or name.
func (s *Screen) find(host, object string) *item {
	for i := range s.items {
		it := &s.items[i]
		if it.c != nil && (host == "" || it.h.Host.Name == host) && (it.c.ID == object || it.c.Name == object) {
			return it
		}
	}
	return nil
}

// item returns the item with a key, nil when it is gone.
func (s *Screen) item(k key) *item {
	for i := range s.items {
		if s.items[i].c != nil && s.items[i].key() == k {
			return &s.items[i]
		}
	}
	return nil
}

// Update takes what the root hands on.
func (s *Screen) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case tea.KeyMsg:
		return s.key(m)
	case tea.MouseMsg:
		return s.mouse(m)
	case ui.SnapshotMsg:
		s.snap = m.Snapshot
		s.rebuild()
	case ui.TickMsg:
		s.now = m.At
		s.forget()
		s.rebuild()
	case actedMsg:
		return s.acted(m)
	case detailedMsg:
		return s.detailed(m)
	case shellEndedMsg:
		return s.shellEnded(m)
	case ui.ThemeChangedMsg:
		s.deps.Styles = m.Styles
		s.table.SetStyles(m.Styles)
		if s.detail != nil {
			s.detail.setStyles(m.Styles)
		}
		s.rebuild()
	}
	return nil
}

// rebuild makes the rows anew from the snapshot and the clock.
func (s *Screen) rebuild() {
	s.items = itemsOf(s.snap, s.from, s.now, s.acts)
	rows := make([]ui.Row[*item], 0, len(s.items))
	one := s.oneHost() != ""
	for i := range s.items {
		it := &s.items[i]
		if s.only && it.trouble() == fine && it.act == nil { // a result is seen where it was asked for
			continue
		}
		g := ""
		it.headed = s.groupBy != flat
		switch s.groupBy {
		case byProject:
			g = it.group(one)
		case byHost:
			g = ui.Clean(it.h.Host.Name)
		}
		rows = append(rows, ui.Row[*item]{ID: it.id(), Group: g, Version: s.hash.version(it), Value: it})
	}
	for i := range s.table.Columns {
		if c := &s.table.Columns[i]; c.ID == "note" {
			c.Priority = noteIdle
			if len(s.acts) > 0 {
				c.Priority = noteActing
			}
		}
	}
	s.counted = count(s.items).text()
	s.table.SetRows(rows)
	s.table.Empty = s.notice()
	if s.detail != nil {
		s.detail.refresh(s)
	}
}

// notice is what stands where there are no rows.
func (s *Screen) notice() ui.Notice {
	st := s.deps.Styles
	if s.only && len(s.items) > 0 {
		return ui.Notice{Role: themes.OK, Glyph: st.Glyphs.OK, Title: "no container is in trouble", Hint: "e shows all of them again"}
	}
	if len(s.snap.Hosts) == 0 {
		return ui.Loading(st, "containers")
	}
	if host := s.oneHost(); host != "" && s.snap.Host(host) == nil {
		return ui.Failed(st, "containers", "no host "+ui.Clean(host)+" in the inventory", "")
	}
	return ui.Empty(st, "no containers", "the engines answered and have none")
}

// SetSize gives the screen its cells.
func (s *Screen) SetSize(w, h int) {
	s.w, s.h = w, h
	s.table.SetSize(max(0, w-ui.FrameW), max(0, h-ui.FrameH))
	if s.detail != nil {
		s.detail.setSize(w, h)
	}
}

// Show watches what is expensive to keep fresh only while it is seen.
func (s *Screen) Show(visible bool) tea.Cmd {
	for _, r := range s.release {
		r()
	}
	s.release = nil
	if visible && s.deps.Fleet != nil {
		s.release = []func(){s.deps.Fleet.Watch(hosts.TopicContainers), s.deps.Fleet.Watch(hosts.TopicStats)}
	}
	return nil
}

// Capturing reports that a text is being typed.
func (s *Screen) Capturing() bool {
	if s.detail != nil {
		return s.detail.input != nil
	}
	return s.table.Capturing()
}

// Title names the screen in the trail.
func (s *Screen) Title() string {
	title := "Containers"
	if s.from.Host != "" {
		title += " " + hostList(s.from.Host)
	}
	if s.detail != nil {
		title += " › " + ui.Clean(s.detail.name)
	}
	return title
}

// Back leaves the details, then the filter, the marks and what is narrowed.
func (s *Screen) Back() bool {
	switch {
	case s.detail != nil:
		if s.detail.back() {
			return true
		}
		opened := s.from.Object != "" && s.detail.first
		s.closeDetail()
		return !opened // opened for the details only: leave it altogether
	case s.table.Back():
	case s.only:
		s.only = false
		s.rebuild()
	default:
		return false
	}
	return true
}

// Close ends what the screen waits for. Actions on containers go on.
func (s *Screen) Close() {
	s.Show(false)
	s.cancel()
}

const (
	minW = 30
	minH = 5
)

// View draws the screen.
func (s *Screen) View() string {
	if s.w > 0 && s.h > 0 && (s.w < minW || s.h < minH) {
		return ui.TooSmall(s.w, s.h, minW, minH)
	}
	if s.detail != nil {
		return ui.Join(s.detail.lines(s), s.w, s.h)
	}
	f := ui.Frame{Title: s.heading(), Focus: true, Footer: s.footer()}
	f.Note, f.Stale = s.age()
	return ui.Join(f.Lines(s.deps.Styles, s.w, s.h, s.table.Lines()), s.w, s.h)
}

// heading counts what there is.
func (s *Screen) heading() string {
	title := "Containers"
	if s.from.Host != "" {
		title += " of " + hostList(s.from.Host)
	}
	if s.counted == "" {
		return title
	}
	return title + "  " + s.counted
}

// age says how old the list is: of one host its age and source, of many the oldest and how many are
// not known.
func (s *Screen) age() (string, bool) {
	if host := s.oneHost(); host != "" {
		if h := s.snap.Host(host); h != nil {
			note, stale := ui.AgeNote(h.Containers, s.now)
			return note, stale || isStale(h) && h.Containers.Known()
		}
		return "", false
	}
	oldest, unknown, stale, reading := time.Duration(0), 0, 0, 0
	shown := 0
	for _, h := range s.snap.Hosts {
		if s.from.Narrows(h.Host.Name) {
			continue
		}
		shown++
		switch {
		case h.Containers.Standing() == hosts.Unasked:
			reading++
		case !h.Containers.Known():
			unknown++
		case isStale(h):
			stale++
		}
		oldest = max(oldest, h.Containers.Age(s.now))
	}
	note := ui.Count(shown, "host")
	for _, x := range [...]struct {
		n    int
		what string
	}{{reading, "reading"}, {unknown, "unknown"}, {stale, "stale"}} {
		if x.n > 0 {
			note += ", " + strconv.Itoa(x.n) + " " + x.what
		}
	}
	return note + ", oldest " + ui.Age(oldest), unknown+stale > 0
}

// footer says what the table is narrowed to and what is marked.
func (s *Screen) footer() string {
	text := ""
	add := func(t string) {
		if text != "" {
			text += " · "
		}
		text += t
	}
	if n := s.table.Marks(); n > 0 {
		add(strconv.Itoa(n) + " marked")
	}
	if s.only {
		add("only trouble (e)")
	}
	if id, desc := s.table.Sort(); id != "" {
		dir := "up"
		if desc {
			dir = "down"
		}
		add("by " + id + " " + dir)
	}
	if n := s.pending(); n > 0 {
		add(ui.Count(n, "action") + " running")
	}
	return text
}

var (
	_ ui.Screen = (*Screen)(nil)
	_ ui.Backer = (*Screen)(nil)
	_ ui.Shower = (*Screen)(nil)
)
