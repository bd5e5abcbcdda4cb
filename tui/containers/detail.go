package containers

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// tab is one page of the details.
type tab int

const (
	tabOverview tab = iota
	tabInspect
	tabEnv
	tabMounts
	tabNetworks
	tabLabels
	tabEvents
	tabHealth
	tabTop
	tabCount
)

func (t tab) String() string {
	return [...]string{"overview", "inspect", "env", "mounts", "networks", "labels", "events", "health", "top"}[t]
}

// asked says whether the page shows what is read only on demand.
func (t tab) asked() bool { return t == tabInspect || t == tabTop }

// detail is the details of one container.
type detail struct {
	key   key
	name  string
	first bool // opened with the screen
	st    *themes.Styles
	w, h  int

	tab   tab
	doc   doc
	view  *ui.Viewer
	input *ui.Input
	find  string
	hit   int // index of the line n and N are on; -1 for none

	// What was read on demand; gen tells the answer that is waited for from older ones.
	gen     uint64
	loading bool
	read    hosts.Part[hosts.ContainerDetail]
	cancel  context.CancelFunc
}

// detailedMsg is the answer of the Detailer.
type detailedMsg struct {
	owner *detail
	gen   uint64
	d     hosts.ContainerDetail
	err   error
}

func loadDetail(ctx context.Context, from ui.Detailer, k key, owner *detail, gen uint64) tea.Cmd {
	return func() tea.Msg {
		d, err := from.ContainerDetail(ctx, k.host, k.id)
		return detailedMsg{owner, gen, d, err}
	}
}

func (s *Screen) openDetail(k key) tea.Cmd {
	it := s.item(k)
	if it == nil {
		return s.nothing()
	}
	s.closeDetail()
	d := &detail{key: k, name: it.c.Name, st: s.deps.Styles, view: ui.NewViewer(s.deps.Styles), hit: -1}
	d.first = s.from.Object == it.c.ID || s.from.Object == it.c.Name
	s.detail = d
	d.setSize(s.w, s.h)
	d.refresh(s)
	return nil
}

func (s *Screen) closeDetail() {
	if s.detail != nil && s.detail.cancel != nil {
		s.detail.cancel()
	}
	s.detail = nil
}

// load asks for what is read on demand; an answer still waited for is given up.
func (d *detail) load(s *Screen) tea.Cmd {
	if s.deps.Detail == nil {
		d.read = d.read.Failed("details cannot be read here", "", "inspect", s.deps.Now())
		d.refresh(s)
		return nil
	}
	if d.cancel != nil {
		d.cancel()
	}
	ctx, cancel := context.WithCancel(s.ctx)
	d.cancel = cancel
	d.gen++
	d.loading = true
	d.refresh(s)
	return loadDetail(ctx, s.deps.Detail, d.key, d, d.gen)
}

func (s *Screen) detailed(m detailedMsg) tea.Cmd {
	d := s.detail
	if d == nil || m.owner != d || m.gen != d.gen {
		return nil
	}
	d.loading = false
	d.cancel()
	d.cancel = nil
	const source = "GET /containers/ID/json, /top"
	at := s.deps.Now()
	if m.err != nil {
		d.read = d.read.Failed(ui.Clean(m.err.Error()), "", source, at)
	} else {
		if !m.d.At.IsZero() {
			at = m.d.At
		}
		d.read = hosts.Read(m.d, source, at)
	}
	d.refresh(s)
	return nil
}

// refresh makes the page anew from the newest facts; the reader's place stays.
func (d *detail) refresh(s *Screen) {
	it := s.item(d.key)
	if it == nil {
		return // it is gone: what was known of it stays to be read
	}
	d.name = it.c.Name
	d.doc = page(d.tab, s.deps.Styles, it, s.snap, d, max(0, d.w-ui.FrameW))
	d.lay()
}

// lay draws the page's lines, with what is searched for marked.
func (d *detail) lay() {
	d.view.SetLines(d.doc.draw(d.st, d.find, d.hit))
}

func (d *detail) setStyles(st *themes.Styles) {
	d.st = st
	d.view.SetStyles(st)
}

// barRows is the line of tabs above the page.
const barRows = 1

func (d *detail) setSize(w, h int) {
	d.w, d.h = w, h
	foot := 0
	if d.input != nil || d.find != "" {
		foot = 1
	}
	d.view.SetSize(max(0, w-ui.FrameW), max(0, h-ui.FrameH-barRows-foot))
}

// open shows a page.
func (d *detail) open(s *Screen, t tab) tea.Cmd {
	d.tab, d.hit = t, -1
	d.view.Top()
	d.refresh(s)
	if t.asked() && !d.loading && !d.read.Known() {
		return d.load(s)
	}
	return nil
}

// back leaves the field and the search.
func (d *detail) back() bool {
	if d.input == nil && d.find == "" {
		return false
	}
	d.input, d.find, d.hit = nil, "", -1
	d.setSize(d.w, d.h)
	d.lay()
	return true
}

func (d *detail) actions(s *Screen) []ui.Action {
	hide := func(a ui.Action) ui.Action { a.Hidden = true; return a }
	turn := func(by int) func() tea.Cmd {
		return func() tea.Cmd { return d.open(s, (d.tab+tab(by)+tabCount)%tabCount) }
	}
	list := []ui.Action{
		ui.Act("containers.tab_next", "Details", "next page", turn(1), "tab"),
		hide(ui.Act("containers.tab_previous", "Details", "previous page", turn(-1), "shift+tab")),
		ui.Act("containers.find", "Details", "find", func() tea.Cmd { d.openFind(); return nil }, "/"),
		hide(ui.Act("containers.find_next", "Details", "next found", func() tea.Cmd { return d.next(1) }, "n")),
		hide(ui.Act("containers.find_previous", "Details", "previous found", func() tea.Cmd { return d.next(-1) }, "N")),
		ui.Act("containers.reload", "Details", "read again", func() tea.Cmd { return d.reload(s) }, "r"),
		ui.Act("containers.logs", "Container", "logs", s.openLogs, "l"),
		hide(ui.Act("containers.copy_name", "Container", "copy the name", func() tea.Cmd { return s.copyOf("name") }, "y")),
		hide(ui.Act("containers.copy_id", "Container", "copy the ID", func() tea.Cmd { return s.copyOf("ID") }, "Y")),
	}
	for t := range tabCount {
		list = append(list, hide(ui.Act("containers.tab."+t.String(), "Details", "page "+t.String(), func() tea.Cmd { return d.open(s, t) })))
	}
	return list
}

// reload reads again what the page shows.
func (d *detail) reload(s *Screen) tea.Cmd {
	if d.tab.asked() {
		return d.load(s)
	}
	if s.deps.Fleet == nil {
		return ui.Toast(hosts.LevelWarn, "there is no live fleet to refresh")
	}
	s.deps.Fleet.Refresh(d.key.host)
	return ui.Toast(hosts.LevelInfo, "refreshing "+ui.Clean(d.key.host))
}

func (d *detail) openFind() {
	d.input = ui.NewInput("find ", "a text; n and N go on")
	d.input.SetValue(d.find)
	d.setSize(d.w, d.h)
}

// typed edits the search.
func (d *detail) typed(m tea.KeyMsg) {
	if d.input == nil {
		return
	}
	switch m.Type {
	case tea.KeyEsc:
		d.back()
	case tea.KeyEnter:
		d.input = nil
		d.setSize(d.w, d.h)
	default:
		if d.input.Update(m) {
			d.find = d.input.Value()
			d.hit = d.doc.next(d.find, -1, 1)
			d.show()
		}
	}
}

// next goes to the next line found, around the end.
func (d *detail) next(by int) tea.Cmd {
	if d.find == "" {
		return ui.Toast(hosts.LevelInfo, "nothing is searched for: / finds")
	}
	d.hit = d.doc.next(d.find, d.hit, by)
	d.show()
	if d.hit < 0 {
		return ui.Toast(hosts.LevelInfo, "not on this page: "+ui.Clean(d.find))
	}
	return nil
}

// show scrolls to the line found.
func (d *detail) show() {
	d.lay()
	if d.hit >= 0 {
		d.view.Top()
		d.view.ScrollBy(d.hit-max(0, d.h-ui.FrameH)/2, 0)
	}
}

func (d *detail) mouse(s *Screen, m tea.MouseMsg) tea.Cmd {
	if m.Y == 1 && m.Button == tea.MouseButtonLeft && m.Action == tea.MouseActionPress {
		if t, ok := tabAt(m.X - 1); ok {
			return d.open(s, t)
		}
		return nil
	}
	d.view.Mouse(m)
	return nil
}
