package timeline_test

import (
	"context"
	"errors"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/timeline"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// world is the fleet, the audit log and the terminal as the screen sees them.
type world struct {
	snap   *hosts.Snapshot
	acts   []hosts.Event
	fault  error
	copied string
	now    time.Time
}

func (w *world) Snapshot() *hosts.Snapshot { return w.snap }
func (w *world) Next(ctx context.Context, _ uint64) (*hosts.Snapshot, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
func (w *world) Refresh(string)                                  {}
func (w *world) Watch(hosts.Topic) func()                        { return func() {} }
func (w *world) SetMaintenance(string, string)                   {}
func (w *world) Recorded(context.Context) ([]hosts.Event, error) { return w.acts, w.fault }
func (w *world) deps(t testing.TB, st *themes.Styles) ui.Deps {
	t.Helper()
	return ui.Deps{
		Now: func() time.Time { return w.now }, Styles: st, Fleet: w, Record: w, Context: t.Context(),
		Copy: func(s string) error { w.copied = s; return nil },
	}
}

func newWorld(s *hosts.Snapshot) *world { return &world{snap: s, now: uitest.Now()} }

func at(ago time.Duration) time.Time { return uitest.Now().Add(-ago) }

// feed runs a command and gives the screen what comes of it.
func feed(s ui.Screen, cmd tea.Cmd) {
	for _, m := range uitest.Run(cmd) {
		feed(s, s.Update(m))
	}
}

func screen(t testing.TB, w *world, open ui.OpenMsg) *timeline.Screen {
	t.Helper()
	s := timeline.New(w.deps(t, uitest.Plain()), open)
	t.Cleanup(s.Close)
	feed(s, s.Init())
	feed(s, s.Show(true))
	return s
}

func host(name string, k hosts.State) *hosts.HostFacts {
	f := &hosts.HostFacts{Host: hosts.Host{Name: name, Kind: hosts.KindSSH}, Link: hosts.Link{State: k, Since: at(time.Hour)}}
	if k == hosts.StateConnected {
		f.Latest = at(2 * time.Second)
		f.System = hosts.Read(hosts.System{Uptime: 300 * time.Hour, Kernel: "6.12.9", Systemd: "257"}, "uname", f.Latest)
		f.Containers = hosts.Read([]hosts.Container{
			{ID: name + "-1", Name: "api", Image: "api:1.4", State: "running", Created: at(26 * time.Hour), Started: at(26 * time.Hour)},
		}, "GET /containers/json", f.Latest)
	}
	return f
}

// night is a fleet on which something went wrong: a change, its consequences, and what was done.
func night() *world {
	w := newWorld(&hosts.Snapshot{Gen: 3, At: uitest.Now(), Hosts: []*hosts.HostFacts{
		host("edge", hosts.StateConnected), host("app-1", hosts.StateConnected), host("app-2", hosts.StateConnected),
	}})
	app := w.snap.Hosts[1]
	app.Units = hosts.Read([]hosts.Unit{{Name: "worker@eu.service", Active: "failed", Result: "exit-code", Since: at(21 * time.Minute)}}, "systemctl show", app.Latest)
	w.snap.Events = []hosts.Event{
		{At: at(55 * time.Minute), Host: "edge", Kind: "link", Action: "connected"},
		{At: at(24 * time.Minute), Host: "edge", Kind: "config", Object: "/etc/nginx/conf.d/api.conf", Action: "changed", Detail: "line 12: proxy_pass http://app-1:8000; → proxy_pass http://app-1:8001;"},
		{At: at(22 * time.Minute), Host: "app-1", Kind: "deploy", Object: "api", ID: "app-1-1", Action: "new image", Detail: "api:1.3 → api:1.4"},
		{At: at(21*time.Minute + 30*time.Second), Host: "app-1", Kind: "container", Object: "api", ID: "app-1-1", Action: "die", Detail: "exit 137"},
		{At: at(21 * time.Minute), Host: "app-1", Kind: "unit", Object: "worker@eu.service", Action: "failed", Detail: "was active, now failed"},
		{At: at(20 * time.Minute), Host: "edge", Kind: "probe", Object: "api", Action: "fails", Detail: "HTTP 502"},
		{At: at(15 * time.Minute), Host: "app-2", Kind: "link", Action: "disconnected", Detail: "keepalive: no answer within 15s"},
		{At: at(12 * time.Minute), Host: "app-2", Kind: "link", Action: "connected"},
		{At: at(9 * time.Minute), Host: "app-1", Kind: "container", Object: "api", ID: "app-1-1", Action: "start", Detail: "api:1.4"},
		{At: at(8 * time.Minute), Host: "edge", Kind: "probe", Object: "api", Action: "answers"},
	}
	w.acts = []hosts.Event{
		{At: at(10 * time.Minute), Kind: "action", Action: "unlocked", Detail: "ada: INC-207"},
		{At: at(9*time.Minute + 2*time.Second), Host: "app-1", Kind: "action", Object: "api", Action: "start", Detail: "ada: INC-207, started"},
	}
	return w
}

// states are the five every screen must draw, and a night.
func states() map[string]*world {
	pending, failed := newWorld(&hosts.Snapshot{Gen: 1, Hosts: []*hosts.HostFacts{host("edge", hosts.StatePending)}}), host("edge", hosts.StateError)
	failed.Link.Reason = "authentication failed for ops@10.0.0.1"
	failed.Link.Since = time.Time{}
	quiet := host("edge", hosts.StateConnected)
	quiet.System, quiet.Containers = hosts.Part[hosts.System]{}, hosts.Part[[]hosts.Container]{}
	stale := night()
	stale.fault = errors.New("read audit log: permission denied")
	stale.acts = nil
	stale.snap.Forgotten = 1200
	stale.snap.Hosts[2].Link = hosts.Link{State: hosts.StateDisconnected, Reason: "no answer", Since: at(3 * time.Minute)}
	return map[string]*world{
		"loading": pending,
		"empty":   newWorld(&hosts.Snapshot{Gen: 1, Hosts: []*hosts.HostFacts{quiet}}),
		"failed":  newWorld(&hosts.Snapshot{Gen: 1, Hosts: []*hosts.HostFacts{failed}}),
		"stale":   stale,
		"night":   night(),
	}
}
