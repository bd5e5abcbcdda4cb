package tui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// Root is the one tea.Model of the console.
type Root struct {
	p    Params
	w, h int
	nav  nav
	over []overlay // the last one has the keyboard

	snap    *hosts.Snapshot
	lease   hosts.Lease // as of the last look, to notice its end
	toasts  toasts
	lastKey time.Time // for the grace of dialogs that open by themselves
	ticks   uint64    // generation of the clock: one chain of ticks only
	quit    bool
	called  ui.OpenMsg         // where what called last can be seen
	objects map[string]objects // what the palette listed of each host the last time
}

// New builds the console. The error is about the configured keys, all of them at once; a Params
// without clock, styles, context or screens is a mistake of the program and panics.
func New(p Params) (*Root, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	r := &Root{p: p}
	r.nav.factories = p.Screens
	r.nav.tabs = make([]tab, len(p.Screens))
	if p.Deps.Fleet != nil {
		r.snap = p.Deps.Fleet.Snapshot()
	}
	if p.Deps.Ops != nil {
		r.lease = p.Deps.Ops.Lease()
	}
	return r, nil
}

// Init starts the clock, the pumps and the first screen.
func (r *Root) Init() tea.Cmd {
	cmds := []tea.Cmd{r.tick(), r.show(place{tab: 0, path: []ui.OpenMsg{{Screen: r.p.Screens[0].ID}}})}
	if r.p.Deps.Fleet != nil {
		cmds = append(cmds, waitSnapshot(r.p.Deps.Context, r.p.Deps.Fleet, r.gen(), 0))
	}
	if r.p.Questions != nil {
		cmds = append(cmds, waitQuestion(r.p.Deps.Context, r.p.Questions))
	}
	for _, w := range r.p.Watchers {
		cmds = append(cmds, w.Start())
	}
	if r.p.Open.Screen != "" {
		cmds = append(cmds, ui.Open(r.p.Open))
	}
	return tea.Batch(cmds...)
}

// Update routes a message. What the root does not know goes to every screen.
func (r *Root) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	return r, r.update(msg)
}

func (r *Root) update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case tea.WindowSizeMsg:
		r.w, r.h = m.Width, m.Height
		r.resize()
		return nil
	case tea.KeyMsg:
		return r.keys(m)
	case tea.MouseMsg:
		return r.mouse(m)
	case tickMsg:
		return r.ticked(m)
	case snapshotMsg:
		return r.published(m)
	case ui.OpenMsg:
		return r.open(m)
	case ui.ToastMsg:
		r.toasts.add(m, r.p.Deps.Now())
		return nil
	case ui.ConfirmMsg:
		r.push(newConfirm(m))
		return nil
	case questionMsg:
		return r.asked(m)
	case leaseMsg:
		return r.leased(m)
	case themeMsg:
		return r.retheme(m.styles)
	case tea.ResumeMsg:
		return tea.EnableMouseCellMotion // suspending gave it away
	case QuitMsg:
		return r.askQuit()
	case quitMsg:
		r.quit = true
		return tea.Quit
	case ui.AlertMsg:
		return r.alert(m)
	default:
		return r.pass(msg)
	}
}

// pass hands on what the root does not know.
func (r *Root) pass(msg tea.Msg) tea.Cmd {
	cmds := []tea.Cmd{r.nav.broadcast(msg)}
	for _, w := range r.p.Watchers {
		cmds = append(cmds, w.Update(msg))
	}
	return tea.Batch(cmds...)
}

// QuitMsg asks the console to end as if ctrl+c had been pressed; the program sends it on a signal.
type QuitMsg struct{}

type quitMsg struct{}

func quitNow() tea.Msg { return quitMsg{} }

// askQuit ends the console, or asks when operations run.
func (r *Root) askQuit() tea.Cmd {
	var running []string
	if r.p.Busy != nil {
		running = r.p.Busy()
	}
	if len(running) == 0 {
		return quitNow
	}
	for _, o := range r.over {
		if c, ok := o.(*confirm); ok && c.quit {
			return nil
		}
	}
	are := " are running?"
	if len(running) == 1 {
		are = " is running?"
	}
	c := newConfirm(ui.ConfirmMsg{
		Title: "quit while " + ui.Count(len(running), "operation") + are, Body: running,
		Run: func(string) tea.Cmd { return quitNow },
	})
	c.quit = true
	r.push(c)
	return nil
}

// Close ends every screen. The program calls it after the loop has ended.
func (r *Root) Close() { r.nav.close() }

// gen is the generation of the snapshot that is shown.
func (r *Root) gen() uint64 {
	if r.snap == nil {
		return 0
	}
	return r.snap.Gen
}

func (r *Root) published(m snapshotMsg) tea.Cmd {
	if m.snap == nil {
		return nil // the context ended: so does the pump
	}
	var cmd tea.Cmd
	if m.snap.Gen > r.gen() || r.snap == nil {
		r.snap = m.snap
		cmd = r.nav.snapshot(r.snap)
	}
	return tea.Batch(cmd, waitSnapshot(r.p.Deps.Context, r.p.Deps.Fleet, r.gen(), frame))
}

type tickMsg struct {
	gen uint64
}

func (r *Root) tick() tea.Cmd {
	r.ticks++
	gen := r.ticks
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return tickMsg{gen} })
}

func (r *Root) ticked(m tickMsg) tea.Cmd {
	if m.gen != r.ticks {
		return nil
	}
	now := r.p.Deps.Now()
	r.toasts.expire(now)
	r.dropAnswered()
	r.watchLease(now)
	var cmd tea.Cmd
	if s := r.nav.top(); s != nil {
		cmd = s.Update(ui.TickMsg{At: now})
	}
	return tea.Batch(cmd, r.tick())
}

type themeMsg struct{ styles *themes.Styles }

func (r *Root) retheme(st *themes.Styles) tea.Cmd {
	r.p.Deps.Styles = st
	return r.nav.broadcast(ui.ThemeChangedMsg{Styles: st})
}

var _ tea.Model = (*Root)(nil)
