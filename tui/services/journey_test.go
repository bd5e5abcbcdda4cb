package services_test

import (
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/tui"
	"midwatch/tui/night"
	"midwatch/tui/services"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// A worker drains, which is no failure; it comes back, and then it dies: that is seen, with why.
func TestJourneyAWorkerDrains(t *testing.T) {
	at := uitest.Now()
	worker := hosts.Unit{
		Name: "powernode-worker@default.service", Load: "loaded", Active: "deactivating", Sub: "stop-sigterm", Since: at.Add(-8 * time.Second),
		StopTimeout: 28 * time.Second, Result: "success",
	}
	h := &hosts.HostFacts{
		Host: hosts.Host{Name: "app-1"}, Link: hosts.Link{State: hosts.StateConnected},
		Units: hosts.Read([]hosts.Unit{worker}, "systemctl list-units --all", at),
	}
	n := night.Begin(t, 80, 24, &hosts.Snapshot{Gen: 1, At: at, Hosts: []*hosts.HostFacts{h}}, nil,
		tui.ScreenFactory{ID: "services", Title: "Services", New: func(d ui.Deps, m ui.OpenMsg) ui.Screen { return services.New(d, m) }})
	n.Sees("1 draining", "draining 00:20").SeesNo("failing")
	n.Presses("enter").Sees("wait: a unit that drains finishes its work first").Presses("esc")
	n.Fleet.Change("app-1", func(h *hosts.HostFacts) {
		u := worker
		u.Active, u.Sub, u.Since = "active", "running", at
		h.Units = hosts.Read([]hosts.Unit{u}, "systemctl list-units --all", at)
	})
	n.Sees("● running").SeesNo("draining")
	n.Presses("e").Sees("no service is in trouble")
	n.Fleet.Change("app-1", func(h *hosts.HostFacts) {
		u := worker
		u.Active, u.Sub, u.Since, u.Result, u.ExitCode, u.ExitStatus = "failed", "failed", at, "oom-kill", "killed", 9
		h.Units = hosts.Read([]hosts.Unit{u}, "systemctl list-units --all", at)
	})
	n.Sees("failed oom-kill", "1 failing").Presses("enter").Sees("the kernel killed it for memory")
}

// Half a name in the palette leads to the unit, and its log is a key away.
func TestJourneyFromThePaletteToAUnit(t *testing.T) {
	at := uitest.Now()
	u := func(name string) hosts.Unit {
		return hosts.Unit{Name: name, Load: "loaded", Active: "active", Sub: "running", Since: at.Add(-time.Hour)}
	}
	h := &hosts.HostFacts{
		Host: hosts.Host{Name: "app-1"}, Link: hosts.Link{State: hosts.StateConnected},
		Units: hosts.Read([]hosts.Unit{u("nginx.service"), u("powernode-worker@default.service")}, "systemctl list-units --all", at),
	}
	n := night.Begin(t, 80, 24, &hosts.Snapshot{Gen: 1, At: at, Hosts: []*hosts.HostFacts{h}}, nil,
		tui.ScreenFactory{ID: "services", Title: "Services", New: func(d ui.Deps, m ui.OpenMsg) ui.Screen { return services.New(d, m) }})
	n.Sees("nginx").Presses(":").Types("pnworker@").Sees("powernode-worker@default.service on app-1").Presses("enter")
	n.Sees("app-1 / powernode-worker@default", "Unit").SeesNo("nginx").Presses("esc").Sees("nginx")
}
