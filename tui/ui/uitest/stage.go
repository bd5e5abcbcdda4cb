package uitest

import (
	"context"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// Fleet is a fleet that says what it was given, and remembers what it was asked.
type Fleet struct {
	Snap      *hosts.Snapshot
	Watching  map[hosts.Topic]int
	Refreshed []string
}

// Snapshot returns Snap.
func (f *Fleet) Snapshot() *hosts.Snapshot { return f.Snap }

// Next waits for ever: a stage hands snapshots on itself.
func (f *Fleet) Next(ctx context.Context, _ uint64) (*hosts.Snapshot, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// Refresh notes the host.
func (f *Fleet) Refresh(host string) { f.Refreshed = append(f.Refreshed, host) }

// Watch counts.
func (f *Fleet) Watch(t hosts.Topic) func() {
	f.Watching[t]++
	return func() { f.Watching[t]-- }
}

// SetMaintenance does nothing.
func (f *Fleet) SetMaintenance(string, string) {}

// Stage is a screen in a test, with what came of its commands.
type Stage struct {
	Screen ui.Screen
	Fleet  *Fleet
	At     time.Time
	Copied string
	Toasts []string
	Opened []ui.OpenMsg
	t      *testing.T
}

// NewStage makes a screen over a snapshot, 120 by 40, and runs its Init.
func NewStage(t *testing.T, st *themes.Styles, open ui.OpenMsg, snap *hosts.Snapshot, make func(ui.Deps, ui.OpenMsg) ui.Screen) *Stage {
	t.Helper()
	g := &Stage{t: t, Fleet: &Fleet{Snap: snap, Watching: map[hosts.Topic]int{}}, At: Now()}
	g.Screen = make(ui.Deps{
		Now: func() time.Time { return g.At }, Styles: st, Fleet: g.Fleet, Context: t.Context(),
		Copy: func(text string) error { g.Copied = text; return nil },
	}, open)
	t.Cleanup(g.Screen.Close)
	g.Screen.SetSize(120, 40)
	g.Run(g.Screen.Init())
	return g
}

// Run executes a command and what follows from it.
func (g *Stage) Run(cmd tea.Cmd) {
	g.t.Helper()
	for _, m := range Run(cmd) {
		switch m := m.(type) {
		case ui.ToastMsg:
			g.Toasts = append(g.Toasts, m.Text)
		case ui.OpenMsg:
			g.Opened = append(g.Opened, m)
		default:
			g.Run(g.Screen.Update(m))
		}
	}
}

// Show publishes another snapshot.
func (g *Stage) Show(snap *hosts.Snapshot) {
	g.Fleet.Snap = snap
	g.Run(g.Screen.Update(ui.SnapshotMsg{Snapshot: snap}))
}

// Wait lets time pass.
func (g *Stage) Wait(d time.Duration) {
	g.At = g.At.Add(d)
	g.Run(g.Screen.Update(ui.TickMsg{At: g.At}))
}

// Keys presses keys as the root hands them on.
func (g *Stage) Keys(names ...string) {
	g.t.Helper()
	for _, k := range Keys(names...) {
		switch {
		case g.Screen.Capturing():
			g.Run(g.Screen.Update(k))
		case k.Type == tea.KeyEsc:
			if b, ok := g.Screen.(ui.Backer); ok {
				b.Back()
			}
		default:
			cmd, ok := ui.Dispatch(g.Screen.Actions(), k, true)
			if !ok {
				cmd = g.Screen.Update(k)
			}
			g.Run(cmd)
		}
	}
}

// Types writes a text, key by key.
func (g *Stage) Types(text string) {
	g.t.Helper()
	for _, r := range text {
		g.Keys(string(r))
	}
}

// View is the screen without blanks at the ends of lines.
func (g *Stage) View() string {
	lines := strings.Split(g.Screen.View(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// Has wants texts on the screen.
func (g *Stage) Has(want ...string) {
	g.t.Helper()
	v := g.View()
	for _, w := range want {
		if !strings.Contains(v, w) {
			g.t.Errorf("%q is not in\n%s", w, v)
		}
	}
}

// HasNot wants texts not on the screen.
func (g *Stage) HasNot(not ...string) {
	g.t.Helper()
	v := g.View()
	for _, w := range not {
		if strings.Contains(v, w) {
			g.t.Errorf("%q is in\n%s", w, v)
		}
	}
}

// Line is the first line that holds a text.
func (g *Stage) Line(text string) string {
	g.t.Helper()
	for l := range strings.SplitSeq(g.View(), "\n") {
		if strings.Contains(l, text) {
			return l
		}
	}
	g.t.Errorf("no line with %q in\n%s", text, g.View())
	return ""
}

// CheckActions wants no conflict among the actions of the screen, and none of them on a key of the
// console.
func (g *Stage) CheckActions() {
	g.t.Helper()
	CheckActions(g.t, g.Screen.Actions())
}

// CheckActions wants no conflict in a list of actions, and none of them on a key of the console.
func CheckActions(t testing.TB, list []ui.Action) {
	t.Helper()
	for _, c := range ui.Conflicts(list) {
		t.Error(c)
	}
	console := " : ? ! L M [ ] q esc backspace ctrl+p ctrl+c ctrl+r ctrl+l ctrl+z 1 2 3 4 5 6 7 8 9 0 "
	for _, a := range list {
		for _, k := range a.Key.Keys() {
			if strings.Contains(console, " "+k+" ") && k != " " {
				t.Errorf("%s takes the console's key %s", a.ID, k)
			}
		}
	}
}
