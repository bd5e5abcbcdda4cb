package main

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"midwatch/hosts"
)

// missing are the parts of a world that cannot be read, on purpose: "host part" → why it is so.
var missing = map[string]map[string]string{
	"cortex": {
		"mac-mini-1 *docker": "no engine", "vm-agent-2 *docker": "no engine",
	},
	"studio": {},
}

// dockerParts are those that need an engine, shellParts those that need a shell.
var dockerParts = []string{"Engine", "Containers", "Images", "Volumes", "Networks", "Compose", "Swarm", "Stats", "Envoy", "Traefik"}

// TestWorldsAreReadWhole asks every host of a world for everything: whatever is expected there must be
// known, and nothing may be in the list of what is missing that is not.
func TestWorldsAreReadWhole(t *testing.T) {
	t.Parallel()
	for world := range missing {
		t.Run(world, func(t *testing.T) {
			t.Parallel()
			snap := worldSnapshot(t, world)
			for _, h := range snap.Hosts {
				if h.Link.State != hosts.StateConnected {
					t.Errorf("%s is %s: %s", h.Host.Name, h.Link.State, h.Link.Reason)
					continue
				}
				for part, fault := range unread(h) {
					if slices.Contains(dockerParts, part) && missing[world][h.Host.Name+" *docker"] != "" {
						continue
					}
					if missing[world][h.Host.Name+" "+part] == "" {
						t.Errorf("%s: %s is %s", h.Host.Name, part, fault)
					}
				}
			}
		})
	}
}

// worldSnapshot is a world as the program sees it after a look at everything, without what its script
// breaks from time to time.
func worldSnapshot(t *testing.T, world string) *hosts.Snapshot {
	t.Helper()
	a, _, _ := newTestApp(t)
	a.demoWish = demoFlags{worlds: []string{world}, calm: true}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	w, snap, _, err := a.observe(ctx, nil, 40*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	// What is read of files that containers name comes a refresh later.
	for !settledWorld(snap) {
		if snap, err = w.Fleet.Next(ctx, snap.Gen); err != nil {
			t.Error(err)
			break
		}
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		for _, c := range a.closers {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return snap
}

func settledWorld(snap *hosts.Snapshot) bool {
	for _, h := range snap.Hosts {
		if h.Link.State == hosts.StateConnected && h.Host.Kind == hosts.KindSSH && h.Containers.Known() && !asked(h.Compose) {
			return false
		}
	}
	return true
}

// unread lists the parts of a host that are not known, with the reason. Parts that nobody asks for on
// such a host (agents, Dokploy, probes without any) are not listed.
func unread(h *hosts.HostFacts) map[string]string {
	out := map[string]string{}
	v := reflect.ValueOf(h).Elem()
	for i := range v.NumField() {
		p, ok := v.Field(i).Interface().(interface{ Standing() hosts.Standing })
		if !ok || p.Standing() == hosts.Fresh {
			continue
		}
		name := v.Type().Field(i).Name
		reason := v.Field(i).FieldByName("Reason").String()
		switch p.Standing() {
		case hosts.Unasked:
			if slices.Contains([]string{"Agents", "AgentHub", "Dokploy", "Probes", "Stats", "Envoy"}, name) {
				continue
			}
			out[name] = "not asked for"
		default:
			out[name] = fmt.Sprintf("%s: %s", p.Standing(), reason)
		}
	}
	return out
}
