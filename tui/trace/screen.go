package trace

import (
	"context"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	chk "midwatch/checks/trace"
	"midwatch/hosts"
	"midwatch/tui/ui"
)

// Ask is the OpenMsg.Object that opens the screen with an empty field for the URL.
const Ask = "?"

// Screen follows one request.
type Screen struct {
	d    ui.Deps
	from ui.OpenMsg
	hist *History
	ctx  context.Context //nolint:containedctx // a screen lives as long as its context does
	stop context.CancelFunc
	w, h int

	snap *hosts.Snapshot // the newest that came
	req  Request
	now  result // what is shown
	// One trace is worked out at a time; pending says that a newer snapshot or request waits.
	running, pending bool
	gen              uint64

	field *field // while something is typed
	live  live
	rows  uint64 // version of the rows
	moved bool   // a person chose the hop; else it is the one the verdict is about

	table  *ui.Table[*row]
	pane   *ui.Viewer
	of     string   // the hop the pane shows
	top    []string // the request and the verdict, as drawn
	full   bool
	hidden bool
	watch  []func()
}

// result is a trace and what it was made from.
type result struct {
	req   Request
	snap  *hosts.Snapshot
	trace *chk.Trace // as configured
	shown *chk.Trace // with what the hops answered
	err   error
}

// New returns the screen. open.Object is the URL to follow, open.Host the host to begin at. Without a
// URL the last request of the session is followed again.
func New(d ui.Deps, open ui.OpenMsg, hist *History) *Screen {
	if d.Now == nil || d.Styles == nil || d.Context == nil || hist == nil {
		panic("trace: Deps without a clock, styles or a context, or no history")
	}
	s := &Screen{d: d, from: open, hist: hist, pane: ui.NewViewer(d.Styles)}
	s.ctx, s.stop = context.WithCancel(d.Context)
	s.table = ui.NewTable(d.Styles, s.columns())
	if d.Fleet != nil {
		s.snap = d.Fleet.Snapshot()
	}
	switch open.Object {
	case Ask:
	case "":
		s.req, _ = hist.last()
	default:
		s.req = Request{URL: open.Object, Start: open.Host}
		hist.add(s.req)
	}
	return s
}

// Init begins with the request the screen was opened for, or asks for one.
func (s *Screen) Init() tea.Cmd {
	if s.from.Object == Ask {
		return s.askURL()
	}
	return s.run()
}

// follow makes a request the one that is followed.
func (s *Screen) follow(r Request) tea.Cmd {
	s.req, s.moved = r, false
	s.cancelLive()
	s.live, s.now = live{gen: s.live.gen}, result{} // another request's verdict is not this one's
	s.hist.add(r)
	s.rebuild()
	return s.run()
}

type tracedMsg struct {
	owner *Screen
	gen   uint64
	result
}

// run works the trace out for the newest snapshot, one at a time.
func (s *Screen) run() tea.Cmd {
	if s.req.URL == "" || s.snap == nil || s.running {
		s.pending = s.running
		return nil
	}
	s.running, s.pending = true, false
	s.gen++
	return runTrace(s.ctx, s, s.gen, s.d.Tracer, s.snap, s.req)
}

func runTrace(ctx context.Context, owner *Screen, gen uint64, by ui.Tracer, snap *hosts.Snapshot, req Request) tea.Cmd {
	return func() tea.Msg {
		r := result{req: req, snap: snap}
		if by == nil {
			r.trace, r.err = chk.Run(snap, req.question())
		} else {
			r.trace, r.err = by.Trace(ctx, snap, req.question())
		}
		return tracedMsg{owner, gen, r}
	}
}

func (s *Screen) traced(m tracedMsg) tea.Cmd {
	if m.owner != s || m.gen != s.gen {
		return nil
	}
	s.running = false
	if m.req.equal(s.req) {
		s.now = m.result
		s.judge()
		s.rebuild()
	}
	if s.pending {
		return s.run()
	}
	return nil
}

// Update takes what the root passes on.
func (s *Screen) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case tea.KeyMsg:
		if s.field != nil {
			return s.typed(m)
		}
	case tea.MouseMsg:
		return s.mouse(m)
	case ui.SnapshotMsg:
		if s.snap != m.Snapshot {
			s.snap = m.Snapshot
			return s.run()
		}
	case tracedMsg:
		return s.traced(m)
	case askedMsg:
		return s.asked(m)
	case urlsMsg:
		if m.owner == s && s.field != nil {
			s.field.known = m.urls
			s.field.match()
		}
	case ui.TickMsg:
		s.detail() // ages
	case ui.ThemeChangedMsg:
		s.d.Styles = m.Styles
		s.table.SetStyles(m.Styles)
		s.pane.SetStyles(m.Styles)
		s.rebuild()
	}
	return nil
}

func (s *Screen) mouse(m tea.MouseMsg) tea.Cmd {
	l := s.layout()
	if l.paneW > 0 && l.paneH > 0 && m.X >= l.paneX && m.Y >= l.paneY {
		s.pane.Mouse(m)
		return nil
	}
	s.moved = true
	if s.table.Mouse(m, m.X-1, m.Y-l.tableY-1) {
		s.full = true
		s.fit()
	}
	s.detail()
	return nil
}

// rebuild makes the rows anew and puts the cursor where the verdict is, unless a person moved it.
func (s *Screen) rebuild() {
	s.rows++
	s.table.SetRows(rowsOf(s.now.shown, &s.live, s.rows))
	if !s.moved {
		if i := telling(s.now.shown); i >= 0 {
			s.table.Select(rowID(i, s.now.shown.Hops[i]))
		}
	}
	s.fit()
}

// telling is the hop the verdict is about: the first that is broken, then unknown, else the last.
func telling(t *chk.Trace) int {
	if t == nil {
		return -1
	}
	for _, st := range []chk.Status{chk.Broken, chk.Unknown} {
		if i := slices.IndexFunc(t.Hops, func(h chk.Hop) bool { return h.Status == st }); i >= 0 {
			return i
		}
	}
	return len(t.Hops) - 1
}

// SetSize sets the cells of the screen.
func (s *Screen) SetSize(w, h int) {
	s.w, s.h = w, h
	s.fit()
}

func (s *Screen) fit() {
	s.top = s.head()
	l := s.layout()
	s.table.SetSize(max(0, l.tableW-ui.FrameW), max(0, l.tableH-ui.FrameH))
	s.pane.SetSize(max(0, l.paneW-ui.FrameW-2), max(0, l.paneH-ui.FrameH))
	s.detail()
}

// Show keeps fresh what the trace is made of while it is seen.
func (s *Screen) Show(visible bool) tea.Cmd {
	for _, r := range s.watch {
		r()
	}
	s.watch = nil
	if visible && s.d.Fleet != nil {
		for _, t := range []hosts.Topic{hosts.TopicRoutes, hosts.TopicPorts, hosts.TopicContainers, hosts.TopicUnits, hosts.TopicServices} {
			s.watch = append(s.watch, s.d.Fleet.Watch(t))
		}
	}
	return nil
}

// Title is the name in the breadcrumbs.
func (s *Screen) Title() string {
	if s.req.URL == "" {
		return "trace"
	}
	return "trace " + ui.Clean(s.req.URL)
}

// Capturing reports that something is typed.
func (s *Screen) Capturing() bool { return s.field != nil }

// Back leaves the field, what is being asked, the details.
func (s *Screen) Back() bool {
	switch {
	case s.field != nil:
		s.field = nil
	case s.live.waiting() > 0:
		s.cancelLive()
		s.rebuild()
	case s.full:
		s.full = false
	default:
		return false
	}
	s.fit()
	return true
}

// Close ends what is worked out and asked.
func (s *Screen) Close() {
	s.Show(false)
	s.stop()
}

// age is how old the oldest fact is that the trace was made from.
func (s *Screen) age() (time.Duration, bool) {
	if s.now.trace == nil {
		return 0, false
	}
	now := s.d.Now()
	var oldest time.Duration
	stale := false
	add := func(st hosts.Standing, age time.Duration) {
		stale = stale || st == hosts.Stale
		oldest = max(oldest, age)
	}
	for _, name := range hostsOf(s.now.trace) {
		if h := s.now.snap.Host(name); h != nil {
			add(h.Containers.Standing(), h.Containers.Age(now))
			add(h.Sockets.Standing(), h.Sockets.Age(now))
			add(h.Nginx.Standing(), h.Nginx.Age(now))
			add(h.Envoy.Standing(), h.Envoy.Age(now))
			add(h.Traefik.Standing(), h.Traefik.Age(now))
		}
	}
	return oldest, stale
}

// hostsOf are the hosts on the way, in order.
func hostsOf(t *chk.Trace) []string {
	var out []string
	for _, h := range t.Hops {
		if h.Host != "" && !slices.Contains(out, h.Host) {
			out = append(out, h.Host)
		}
	}
	return out
}

var (
	_ ui.Screen = (*Screen)(nil)
	_ ui.Backer = (*Screen)(nil)
	_ ui.Shower = (*Screen)(nil)
)
