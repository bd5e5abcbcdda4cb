package logs

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// look is how lines are shown.
type look struct {
	wrap   bool
	left   int // cells scrolled to the right, without wrap
	time   ui.LogTime
	host   ui.Shown
	source ui.Shown
	level  ui.Shown // how bad a line is, as a letter
	plain  bool     // no colour per source
	raw    bool     // objects are shown as they stand, not as their message and fields
	fold   bool     // lines that repeat the one before them are counted, not shown
	min    hosts.Level
	from   int64 // with to: only lines of this time, by their keys
	to     int64 // 0 for all
}

// Screen follows logs. It opens the stream that ui.OpenMsg.Logs describes; opened without one it
// offers a choice of the containers and units of the fleet.
type Screen struct {
	deps   ui.Deps
	id     *token
	ctx    context.Context //nolint:containedctx // a screen lives as long as its context does
	cancel context.CancelFunc
	budget int // bytes the buffer may hold; 0 is the default

	w, h int
	now  time.Time
	snap *hosts.Snapshot

	feed   feed
	list   list
	page   pager
	look   look
	filter query
	find   query
	pane   pane
	picker *picker // nil while logs are shown
	from   ui.OpenMsg

	request string  // id of the request that is followed, "" for none
	trail   []visit // the logs that were left to follow a request

	ask         *question  // a text is asked for in the foot
	rangeID     uint64     // id of the line a range begins at, 0 for none
	rangePos    int        // where it was
	zooms       [][2]int64 // the times that were shown before each zoom
	spill       spill
	marked      map[uint64]bool // ids of lines the reader marked
	floorID     uint64          // id of the line before the floor
	epoch       uint64          // of the buffer when the scans began
	seenSources int             // sources the predicates know
	scans       uint64          // scans begun
	pred        *predicate      // of the filter in force
	findPred    *predicate      // what a search looks for, without the filter
	later       tea.Cmd         // work that Back began, which cannot return it; the next Update does
}

// New returns the screen that open asks for: OpenMsg.Logs is followed at once, Host and Object name
// a container or unit, Host alone narrows the choice.
func New(d ui.Deps, open ui.OpenMsg) *Screen {
	if d.Now == nil || d.Styles == nil || d.Context == nil {
		panic("logs: Deps without a clock, styles or a context")
	}
	s := &Screen{deps: d, id: new(token), from: open, now: d.Now(), page: pager{follow: true}, marked: map[uint64]bool{}}
	s.ctx, s.cancel = context.WithCancel(d.Context)
	s.filter.set(open.Filter)
	s.look.setColumns(open.Columns)
	s.list.buf = NewBuffer(s.budget)
	s.snap = &hosts.Snapshot{}
	if d.Fleet != nil {
		s.snap = d.Fleet.Snapshot()
	}
	return s
}

// Init opens the stream or the choice of sources.
func (s *Screen) Init() tea.Cmd {
	if q := s.wanted(); q != nil {
		return s.start(*q)
	}
	s.openPicker()
	return nil
}

// wanted is the query the screen was opened with, nil when there is none.
func (s *Screen) wanted() *hosts.LogQuery {
	if s.from.Logs != nil && len(s.from.Logs.Sources) > 0 {
		q := *s.from.Logs
		return &q
	}
	if s.from.Host == "" || s.from.Object == "" {
		return nil
	}
	src := hosts.LogSource{Host: s.from.Host, Kind: hosts.LogUnit, Name: s.from.Object}
	if h := s.snap.Host(s.from.Host); h != nil {
		for i := range h.Containers.Value {
			if c := &h.Containers.Value[i]; c.ID == s.from.Object || c.Name == s.from.Object {
				src.Kind, src.Name = hosts.LogContainer, c.Name
			}
		}
	}
	return &hosts.LogQuery{Sources: []hosts.LogSource{src}, Follow: true}
}

// Update takes what the root hands on.
func (s *Screen) Update(msg tea.Msg) tea.Cmd {
	if later := s.later; later != nil {
		s.later = nil
		return tea.Batch(later, s.update(msg))
	}
	return s.update(msg)
}

func (s *Screen) update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case tea.KeyMsg:
		return s.key(m)
	case tea.MouseMsg:
		return s.mouse(m)
	case openedMsg:
		return s.opened(m)
	case batchMsg:
		return s.batch(m)
	case scannedMsg:
		return s.scanned(m)
	case pausedMsg:
		if m.owner == s.id {
			return s.release(m.id)
		}
	case spilledMsg:
		return s.spilled(m)
	case countedMsg:
		if h, ok := s.pane.other.(*histogram); ok && m.owner == s.id {
			return h.counted(m)
		}
	case viewsMsg:
		if v, ok := s.pane.other.(*viewsPane); ok && m.owner == s.id {
			v.loaded(m)
		}
	case patternedMsg:
		if p, ok := s.pane.other.(*patternsPane); ok && m.owner == s.id {
			return p.taken(m)
		}
	case ui.SnapshotMsg:
		s.snap = m.Snapshot
		if s.picker != nil {
			s.picker.refresh(s)
		}
		if s.pane.kind == paneSources {
			s.pane.sources.refresh(s)
		}
	case ui.TickMsg:
		s.now = m.At
		if s.pane.kind == paneOther {
			return s.pane.other.tick()
		}
	case ui.ThemeChangedMsg:
		s.setStyles(m.Styles)
	}
	return nil
}

func (s *Screen) setStyles(st *themes.Styles) {
	s.deps.Styles = st
	s.list.fit.void()
	if s.picker != nil {
		s.picker.table.SetStyles(st)
	}
	s.pane.setStyles(st)
}

// SetSize gives the screen its cells.
func (s *Screen) SetSize(w, h int) {
	if w == s.w && h == s.h {
		return
	}
	s.w, s.h = w, h
	s.layout()
}

// layout applies the size and what is shown to everything that was fitted to it.
func (s *Screen) layout() {
	if s.picker != nil {
		s.picker.setSize(s.w, s.h)
	}
	r := s.rects()
	s.pane.setSize(s.w, r.pane)
	s.refit(s.columns(), r.body)
	if !s.page.follow {
		s.page.reveal(&s.list, r.body)
		s.noteIDs()
	}
}

// Capturing reports that a text is being typed.
func (s *Screen) Capturing() bool {
	return s.ask != nil || s.filter.input != nil || s.find.input != nil ||
		s.picker != nil && s.picker.table.Capturing() || s.pane.capturing()
}

// Title names the screen in the trail.
func (s *Screen) Title() string {
	switch n := len(s.feed.query.Sources); {
	case s.picker != nil || n == 0:
		return "Logs"
	case s.request != "":
		return "Logs of request " + ui.Trunc(ui.Clean(s.request), 20)
	case n == 1:
		src := s.feed.query.Sources[0]
		return "Logs " + ui.Clean(src.Host) + "/" + sourceName(src)
	default:
		return "Logs of " + ui.Count(n, "source")
	}
}

// Back closes what is open inside the screen: a field, a pane, the search, the filter.
func (s *Screen) Back() bool {
	switch {
	case s.picker != nil:
		if s.picker.table.Back() {
			return true
		}
		if s.feed.state == feedNone {
			return false
		}
		s.picker = nil
	case s.pane.kind != paneNone:
		if s.pane.back() {
			return true
		}
		s.closePane()
	case s.rangeID != 0:
		s.rangeID = 0
	case s.request != "" && !s.Capturing() && s.filter.text == "":
		s.later = s.goBack()
	case s.find.text != "" || s.find.input != nil:
		s.find.input = nil
		s.find.set("")
		s.later = s.research()
	case s.filter.text != "" || s.filter.input != nil:
		s.filter.input = nil
		s.filter.set("")
		s.later = s.rescan()
	case s.look.to != 0:
		s.zooms = nil
		s.look.from, s.look.to = 0, 0
		s.later = s.rescan()
	default:
		return false
	}
	return true
}

// Close ends the stream and all work.
func (s *Screen) Close() { s.cancel() }

var (
	_ ui.Screen = (*Screen)(nil)
	_ ui.Backer = (*Screen)(nil)
)
