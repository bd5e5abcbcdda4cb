package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	model "midwatch/hosts/fleet"
	"midwatch/themes"
	"midwatch/tui/fleet"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// judge is the judgement of the program.
func judge(h *hosts.HostFacts, now time.Time) fleet.Row {
	m := model.Summary(h, now)
	r := fleet.Row{Memory: m.Memory, Disk: m.Disk, HasDisk: m.HasDisk, Up: m.Up, Total: m.Total, Age: m.Age, Known: m.Known}
	for _, p := range m.Failing {
		level := hosts.LevelWarn
		if p.Severity >= model.SeverityError {
			level = hosts.LevelError
		}
		r.Failing = append(r.Failing, fleet.Problem{Level: level, Object: p.Object, Text: p.Text})
	}
	for _, g := range m.Unknown {
		r.Unknown = append(r.Unknown, fleet.Gap{Part: g.Part, Reason: g.Reason, Needs: g.Needs})
	}
	return r
}

// world is the fleet, the operator and the terminal as the screen sees them.
type world struct {
	snap      *hosts.Snapshot
	lease     hosts.Lease
	copied    string
	refreshed []string
	paused    map[string]string
}

func (w *world) Snapshot() *hosts.Snapshot { return w.snap }
func (w *world) Next(ctx context.Context, _ uint64) (*hosts.Snapshot, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
func (w *world) Refresh(h string)                { w.refreshed = append(w.refreshed, h) }
func (w *world) Watch(hosts.Topic) func()        { return func() {} }
func (w *world) SetMaintenance(h, reason string) { w.paused[h] = reason }
func (w *world) Lease() hosts.Lease              { return w.lease }
func (w *world) Unlock(string, time.Duration) (hosts.Lease, error) {
	return hosts.Lease{}, errors.New("not here")
}
func (w *world) Lock() {}
func (w *world) Container(context.Context, string, string, string, string) (string, error) {
	return "", errors.New("not here")
}

func (w *world) HostShell(host string) (tea.ExecCommand, error) {
	return nil, fmt.Errorf("%s refuses", host)
}
func (w *world) ContainerShell(string, string) (tea.ExecCommand, error) { return nil, nil }

func newWorld(s *hosts.Snapshot) *world { return &world{snap: s, paused: map[string]string{}} }

func (w *world) deps(t testing.TB, st *themes.Styles) ui.Deps {
	t.Helper()
	return ui.Deps{
		Now: uitest.Now, Styles: st, Fleet: w, Ops: w, Shell: w, Context: t.Context(),
		Copy: func(s string) error { w.copied = s; return nil },
	}
}

func screen(t testing.TB, w *world) *fleet.Screen {
	t.Helper()
	return fleet.New(w.deps(t, uitest.Plain()), ui.OpenMsg{Screen: "fleet"}, judge)
}

// facts builds hosts as a collector would have left them.
type facts struct{ *hosts.HostFacts }

func at(ago time.Duration) time.Time { return uitest.Now().Add(-ago) }

func host(name string, groups ...string) facts {
	f := facts{&hosts.HostFacts{
		Host: hosts.Host{Name: name, Kind: hosts.KindSSH, Address: "10.0.0.1", Groups: groups, Environment: "staging"},
		Link: hosts.Link{
			State: hosts.StateConnected, Since: at(3 * time.Hour), LastSeen: at(2 * time.Second), RTT: 12 * time.Millisecond,
			Via: "ssh ops@10.0.0.1:22 via bastion",
		},
		Latest: at(2 * time.Second),
		System: hosts.Read(hosts.System{
			OS: "Debian GNU/Linux 13", Kernel: "6.12.9", Arch: "x86_64", CPUs: 4, Uptime: 412 * time.Hour,
			Load: [3]float64{1.2, 0.9, 0.7}, MemTotal: 16 << 30, MemAvailable: 9 << 30, SwapTotal: 2 << 30, SwapFree: 2 << 30,
			Pressure: hosts.Pressure{CPU: 3, Memory: 0, IO: 1, Known: true}, User: "ops", UID: 1000, Systemd: "257",
		}, "uname; cat /proc/loadavg", at(2*time.Second)),
		Disks: hosts.Read([]hosts.Disk{
			{Mount: "/", FSType: "ext4", Size: 100 << 30, Used: 41 << 30, Avail: 59 << 30},
			{Mount: "/var/lib/docker", FSType: "xfs", Size: 200 << 30, Used: 120 << 30, Avail: 80 << 30},
		}, "df -PB1", at(2*time.Second)),
		Units:     hosts.Read([]hosts.Unit{{Name: "nginx.service", Active: "active", Sub: "running"}}, "systemctl show", at(5*time.Second)),
		Engine:    hosts.Read(hosts.Engine{Version: "28.5.2", StorageDriver: "overlay2", Swarm: "active"}, "GET /info", at(2*time.Second)),
		LoadTrend: []float64{0.2, 0.4, 0.4, 0.9, 1.8, 3.1, 2.2, 1.2},
	}}
	return f.containers(12, 0)
}

// containers gives the host n running containers, of which bad are unhealthy.
func (f facts) containers(n, bad int) facts {
	list := make([]hosts.Container, n)
	for i := range list {
		list[i] = hosts.Container{ID: fmt.Sprintf("%s-%d", f.Host.Name, i), Name: fmt.Sprintf("svc-%d", i), State: "running", Health: hosts.HealthHealthy}
		if i < bad {
			list[i].Health = hosts.HealthUnhealthy
		}
	}
	f.Containers = hosts.Read(list, "GET /containers/json?all=1", at(2*time.Second))
	return f
}

func (f facts) production() facts {
	f.Host.Production, f.Host.Environment = true, "production"
	return f
}

func (f facts) unitFailed(name string) facts {
	f.Units = hosts.Read(append(f.Units.Value, hosts.Unit{Name: name, Active: "failed", Result: "exit-code"}), "systemctl show", at(5*time.Second))
	return f
}

func (f facts) disk(mount string, percent uint64) facts {
	f.Disks = hosts.Read(append(f.Disks.Value, hosts.Disk{Mount: mount, FSType: "ext4", Size: 100 << 30, Used: percent << 30, Avail: (100 - percent) << 30}), "df -PB1", at(2*time.Second))
	return f
}

// down takes the link away and leaves the facts, as they were ago.
func (f facts) down(s hosts.State, reason string, ago time.Duration) facts {
	f.Link = hosts.Link{State: s, Reason: reason, Since: at(ago), LastSeen: at(ago), Failures: 3, Retry: uitest.Now().Add(4 * time.Second), Via: f.Link.Via}
	f.Latest = at(ago)
	f.System.At, f.Disks.At, f.Units.At, f.Containers.At = f.Latest, f.Latest, f.Latest, f.Latest
	f.System = f.System.Failed(reason, "", "", uitest.Now())
	f.Containers = f.Containers.Failed(reason, "", "", uitest.Now())
	f.Disks = f.Disks.Failed(reason, "", "", uitest.Now())
	f.Units = f.Units.Failed(reason, "", "", uitest.Now())
	return f
}

// never is a host that has not answered yet.
func never(name string, s hosts.State, reason string, groups ...string) facts {
	return facts{&hosts.HostFacts{
		Host: hosts.Host{Name: name, Kind: hosts.KindSSH, Groups: groups},
		Link: hosts.Link{State: s, Reason: reason, Since: at(20 * time.Second), Via: "ssh " + name},
	}}
}

func snapshot(list ...facts) *hosts.Snapshot {
	s := &hosts.Snapshot{Gen: 3, At: uitest.Now()}
	for _, f := range list {
		s.Hosts = append(s.Hosts, f.HostFacts)
	}
	return s
}

// night is a fleet as one finds it at three in the morning.
func night() *hosts.Snapshot {
	noRoot := host("pn-worker-2", "powernode")
	noRoot.Units = hosts.Part[[]hosts.Unit]{}.Failed("systemctl: permission denied", "root or passwordless sudo", "systemctl show", at(4*time.Second))
	paused := host("pn-build", "powernode").down(hosts.StateMaintenance, "", 2*time.Hour)
	paused.Host.Maintenance = "disk swap, INC-204"
	warned := host("cortex-gpu-1", "cortex")
	warned.Link.Warning = "host key not verified (insecure_host_key)"
	busy := host("cortex-api-2", "cortex").production().disk("/srv", 93)
	busy.System.Value.Load = [3]float64{9.4, 6.1, 3.0}
	busy.System.Value.MemAvailable = 1 << 30
	s := snapshot(
		host("cortex-edge", "cortex").production(),
		host("cortex-api-1", "cortex").production().containers(14, 1),
		busy,
		warned,
		never("cortex-gpu-2", hosts.StateError, "connect 10.0.3.12:22: no route to host", "cortex"),
		host("pn-master", "powernode").production().unitFailed("powernode-worker@default.service"),
		noRoot,
		host("pn-worker-1", "powernode").down(hosts.StateDisconnected, "keepalive: no answer within 15s", 12*time.Minute),
		paused,
		never("pn-worker-3", hosts.StatePending, "", "powernode"),
	)
	s.Events = []hosts.Event{
		{At: at(25 * time.Minute), Host: "pn-worker-1", Kind: "container", Object: "sidekiq", Action: "die", Detail: "exit 137"},
		{At: at(12 * time.Minute), Host: "pn-worker-1", Kind: "link", Action: "disconnected", Detail: "keepalive: no answer within 15s"},
		{At: at(90 * time.Second), Host: "cortex-api-1", Kind: "container", Object: "svc-0", Action: "health_status: unhealthy"},
	}
	return s
}
