package routes

import (
	"context"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/checks/routes"
	"midwatch/checks/trace"
	"midwatch/hosts"
	"midwatch/tui/ui"
)

// Screen shows the tree of routes.
type Screen struct {
	d    ui.Deps
	from ui.OpenMsg
	ctx  context.Context //nolint:containedctx // a screen lives as long as its context does
	stop context.CancelFunc
	w, h int

	snap *hosts.Snapshot // the newest that came
	tree laid            // what is shown
	// One tree is laid out at a time; pending says that a newer snapshot waits.
	laying, pending bool
	gen             uint64
	sought          bool // what the screen was opened for has been looked for

	table   *ui.Table[*item]
	folds   map[string]bool // by node: opened or closed by hand
	trouble bool            // only what is broken or unknown
	rows    uint64          // version of the rows
	pane    *ui.Viewer
	of      *routes.Node // the node the pane shows
	full    bool
	hidden  bool
	release []func()
}

// laid is a tree and what it was made from.
type laid struct {
	snap                *hosts.Snapshot
	nodes               []*routes.Node
	ok, broken, unknown int
	total               int
}

// New returns the screen. open.Host narrows it to a host; open.Object selects a node by its ID, its
// file and line, its JSON path, or the container it is in or leads to.
func New(d ui.Deps, open ui.OpenMsg) *Screen {
	if d.Now == nil || d.Styles == nil || d.Context == nil {
		panic("routes: Deps without a clock, styles or a context")
	}
	s := &Screen{d: d, from: open, folds: map[string]bool{}, pane: ui.NewViewer(d.Styles)}
	s.ctx, s.stop = context.WithCancel(d.Context)
	s.table = ui.NewTable(d.Styles, s.columns())
	if d.Fleet != nil {
		s.snap = d.Fleet.Snapshot()
	}
	return s
}

// Init lays out the first tree.
func (s *Screen) Init() tea.Cmd { return s.lay() }

type laidMsg struct {
	owner *Screen
	gen   uint64
	tree  laid
}

// lay asks for the tree of the newest snapshot, one at a time.
func (s *Screen) lay() tea.Cmd {
	if s.snap == nil || s.laying {
		s.pending = s.laying
		return nil
	}
	s.laying, s.pending = true, false
	s.gen++
	return layTree(s.ctx, s, s.gen, s.snap, s.d.Edges)
}

func layTree(ctx context.Context, owner *Screen, gen uint64, snap *hosts.Snapshot, edges []trace.Edge) tea.Cmd {
	return func() tea.Msg {
		if ctx.Err() != nil {
			return nil
		}
		l := laid{snap: snap, nodes: routes.Tree(snap, edges...)}
		l.ok, l.broken, l.unknown = routes.Count(l.nodes)
		l.total = count(l.nodes)
		return laidMsg{owner, gen, l}
	}
}

// unchanged reports that nothing was read anew of what a tree is made of: most snapshots bring samples
// of load and memory only.
func unchanged(a, b *hosts.Snapshot) bool {
	if a == nil || b == nil || len(a.Hosts) != len(b.Hosts) {
		return false
	}
	for i, x := range a.Hosts {
		y := b.Hosts[i]
		if x == y {
			continue
		}
		if x.Host.Name != y.Host.Name || !sameRead(x.Nginx, y.Nginx) || !sameRead(x.Envoy, y.Envoy) || !sameRead(x.Traefik, y.Traefik) ||
			!sameRead(x.Containers, y.Containers) || !sameRead(x.Sockets, y.Sockets) || !sameRead(x.Units, y.Units) || !sameRead(x.Swarm, y.Swarm) ||
			!sameRead(x.Addresses, y.Addresses) || !sameRead(x.Networks, y.Networks) {
			return false
		}
	}
	return true
}

func sameRead[T any](a, b hosts.Part[T]) bool {
	return a.At.Equal(b.At) && a.Tried.Equal(b.Tried) && a.Reason == b.Reason
}

func count(ns []*routes.Node) int {
	n := len(ns)
	for _, x := range ns {
		n += count(x.Children)
	}
	return n
}

// Update takes what the root passes on.
func (s *Screen) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case tea.KeyMsg:
		s.table.Key(m)
		s.rebuild() // a filter looks into what is folded
	case tea.MouseMsg:
		return s.mouse(m)
	case ui.SnapshotMsg:
		if s.snap == m.Snapshot {
			return nil
		}
		s.snap = m.Snapshot
		if !s.laying && unchanged(s.tree.snap, s.snap) {
			s.tree.snap = s.snap // for its ages
			s.detail()
			return nil
		}
		return s.lay()
	case laidMsg:
		return s.laid(m)
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

func (s *Screen) laid(m laidMsg) tea.Cmd {
	if m.owner != s || m.gen != s.gen {
		return nil
	}
	s.laying = false
	s.tree = m.tree
	s.rebuild()
	cmd := s.seek()
	if s.pending {
		return tea.Batch(cmd, s.lay())
	}
	return cmd
}

// seek selects what the screen was opened for, once.
func (s *Screen) seek() tea.Cmd {
	if s.sought || s.from.Object == "" {
		return nil
	}
	s.sought = true
	if n := s.find(s.from.Object); n != nil {
		s.reveal(n)
		return nil
	}
	return ui.Toast(hosts.LevelWarn, "no route is or leads to "+ui.Clean(s.from.Object)+" now")
}

func (s *Screen) mouse(m tea.MouseMsg) tea.Cmd {
	l := s.layout()
	if m.X >= l.paneX && m.Y >= l.paneY && l.paneW > 0 && l.paneH > 0 {
		s.pane.Mouse(m)
		return nil
	}
	if s.table.Mouse(m, m.X-1, m.Y-1) {
		s.toggle()
	}
	s.detail()
	return nil
}

// SetSize sets the cells of the screen.
func (s *Screen) SetSize(w, h int) {
	s.w, s.h = w, h
	s.fit()
}

// routeShare is the part of the table's width that the tree may take, in percent.
const routeShare = 48

func (s *Screen) fit() {
	l := s.layout()
	inner := max(0, l.tableW-ui.FrameW)
	s.table.Columns[0].Max = max(12, inner*routeShare/100)
	s.table.SetSize(inner, max(0, l.tableH-ui.FrameH))
	s.pane.SetSize(max(0, l.paneW-ui.FrameW-2), max(0, l.paneH-ui.FrameH))
	s.rebuild()
}

// Show keeps fresh what is seen, and only then.
func (s *Screen) Show(visible bool) tea.Cmd {
	for _, r := range s.release {
		r()
	}
	s.release = nil
	if visible && s.d.Fleet != nil {
		for _, t := range []hosts.Topic{hosts.TopicRoutes, hosts.TopicPorts, hosts.TopicContainers} {
			s.release = append(s.release, s.d.Fleet.Watch(t))
		}
	}
	return nil
}

// Title is the name in the breadcrumbs.
func (s *Screen) Title() string {
	title := "Routes"
	if s.from.Host != "" {
		title += " " + ui.Clean(strings.ReplaceAll(s.from.Host, ",", ", "))
	}
	return title
}

// Capturing reports that the filter is typed.
func (s *Screen) Capturing() bool { return s.table.Capturing() }

// Back leaves the details, the filter, and what is narrowed.
func (s *Screen) Back() bool {
	switch {
	case s.full:
		s.full = false
	case s.table.Back():
	case s.trouble:
		s.trouble = false
	default:
		return false
	}
	s.fit()
	return true
}

// Close ends what is laid out.
func (s *Screen) Close() {
	s.Show(false)
	s.stop()
}

var (
	_ ui.Screen = (*Screen)(nil)
	_ ui.Backer = (*Screen)(nil)
	_ ui.Shower = (*Screen)(nil)
)
