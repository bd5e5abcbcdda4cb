package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"midwatch/checks"
	"midwatch/hosts"
	"midwatch/hosts/inventory"
)

// settleChecks waits, after the picture of the fleet, for what only these checks want and is read last:
// compose files, networks, volumes, databases, environment files, probes, logs.
func (w *world) settleChecks(ctx context.Context, snap *hosts.Snapshot, names []string, list []checks.Check, wait time.Duration) (*hosts.Snapshot, error) {
	if w.live == nil {
		return snap, nil
	}
	limit, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	wants := wantedBy(list)
	for {
		loading := slices.ContainsFunc(snap.Hosts, func(h *hosts.HostFacts) bool {
			return slices.Contains(names, h.Host.Name) && h.Link.State == hosts.StateConnected && w.loading(h, wants)
		})
		if !loading {
			return snap, nil
		}
		next, err := w.Fleet.Next(limit, snap.Gen)
		if err != nil {
			return w.Fleet.Snapshot(), context.Cause(ctx)
		}
		snap = next
	}
}

// wantedBy tells whether some check wants a part.
func wantedBy(list []checks.Check) func(checks.Need) bool {
	all := slices.ContainsFunc(list, func(c checks.Check) bool { return strings.Contains(c.Eval.On(), "fleet") })
	parts := map[checks.Need]bool{}
	for _, c := range list {
		for _, n := range c.Reads() {
			parts[n] = true
		}
	}
	return func(n checks.Need) bool { return all || parts[n] }
}

// loading reports that something which is wanted of a host has not been asked for yet, and will be.
func (w *world) loading(h *hosts.HostFacts, wants func(checks.Need) bool) bool {
	if h.Host.Kind != hosts.KindDocker {
		switch {
		case wants(checks.NeedDatabases) && !asked(h.Databases),
			wants(checks.NeedCode) && !asked(h.Code),
			wants(checks.NeedCertFiles) && h.Nginx.Known() && !asked(h.CertFiles), // read once it is known where
			wants(checks.NeedLogs) && !asked(h.Symptoms),                          // a host without an engine has a journal too
			wants(checks.NeedUnits) && !(h.Answered["units"] && h.Answered["unitenv"]):
			return true
		}
	}
	if wants(checks.NeedProbes) && w.probing(h) {
		return true
	}
	return h.Containers.Known() &&
		(wants(checks.NeedCompose) && (!asked(h.Compose) || !asked(h.Volumes)) ||
			wants(checks.NeedVolumes) && !asked(h.Volumes) ||
			wants(checks.NeedUsage) && hosts.EngineDiskFilling(h) && !asked(h.DiskUsage) ||
			wants(checks.NeedNetworks) && !asked(h.Networks) ||
			wants(checks.NeedDatabases) && !asked(h.Databases) ||
			wants(checks.NeedLogs) && len(h.Containers.Value) > 0 && !asked(h.ContainerSymptoms))
}

// probing reports that a probe which the host keeps has no result yet.
func (w *world) probing(h *hosts.HostFacts) bool {
	return slices.ContainsFunc(w.Inventory.Probes, func(p inventory.Probe) bool {
		keeper := p.From
		if keeper == inventory.Here && len(w.Inventory.Hosts) > 0 {
			keeper = w.Inventory.Hosts[0].Name
		}
		return keeper == h.Host.Name && !slices.ContainsFunc(h.Probes.Value, func(x hosts.Probe) bool {
			return x.Name == p.Name && len(x.Results) > 0
		})
	})
}
