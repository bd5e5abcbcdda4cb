package endpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"path"
	"strings"
	"sync"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/envoy"
	"midwatch/hosts/redact"
)

// EnvoyTarget is an admin interface to ask.
type EnvoyTarget struct {
	Admin     string // host:port as the host sees it
	Container string
	Control   string // URL of a control plane
}

// envoyRaw is the evidence of one Envoy.
type envoyRaw struct {
	Admin     string                     `json:"admin"`
	Container string                     `json:"container,omitempty"`
	Control   string                     `json:"control,omitempty"`
	Error     string                     `json:"error,omitempty"`
	Missing   []string                   `json:"missing,omitempty"`
	Pages     map[string]json.RawMessage `json:"pages,omitempty"`
}

// envoyPages are the admin pages, by the name they are kept under. The dump is the one without
// which nothing is known.
var envoyPages = map[string]string{
	"config_dump": "/config_dump?include_eds", "clusters": "/clusters?format=json", "listeners": "/listeners?format=json",
	"server_info": "/server_info", "certs": "/certs",
	"stats": "/stats?format=json&filter=" + envoyStats,
}

// What is read of admin pages: dumps of meshes with thousands of clusters have a few MiB.
const (
	maxDump   = 16 << 20 // of /config_dump
	maxEnvoys = 32 << 20 // of the configurations of all Envoys of a host, and as much of all their other pages
)

// envoyStats are the counters and gauges that tell rejected updates, a lost control plane and
// requests that match nothing.
const envoyStats = `(update_rejected|control_plane.connected_state|no_filter_chain_match|membership_healthy|membership_total|no_route|upstream_cx_connect_fail)$`

// Envoy reads the admin interfaces that are configured, and those of containers whose image is Envoy
// on their own address.
func Envoy(host string, dial Dial, configured []EnvoyTarget, now func() time.Time) Reader {
	r := Reader{ID: CollectEnvoy, Source: "GET /config_dump, /clusters, /listeners, /server_info, /certs, /stats of Envoy's admin interface", Every: 10 * time.Second, Ready: byContainers}
	r.Read = func(ctx context.Context, h *hosts.HostFacts) hosts.Evidence {
		at := now()
		targets := withDiscovered(configured, h)
		// The configuration has a budget of its own: a page that never ends must not cost it.
		dumps, others := newBudget("the Envoys of this host", maxEnvoys), newBudget("the Envoys of this host", maxEnvoys)
		out := make([]envoyRaw, len(targets))
		var wg sync.WaitGroup
		for i, t := range targets {
			wg.Go(func() { out[i] = readEnvoy(ctx, dial, t, dumps, others) })
		}
		wg.Wait()
		return evidence(host, r.ID, r.Source, at, since(now, at), out, nil)
	}
	return r
}

func withDiscovered(configured []EnvoyTarget, h *hosts.HostFacts) []EnvoyTarget {
	out := append([]EnvoyTarget(nil), configured...)
	known := map[string]bool{}
	for i := range out {
		if out[i].Container == "" && h != nil {
			out[i].Container = containerOf(h, out[i].Admin)
		}
		known[out[i].Container] = true
	}
	if h == nil {
		return out
	}
	for _, c := range h.Containers.Value {
		if c.State != "running" || known[c.Name] || !isEnvoy(c) {
			continue
		}
		if ip := addressOf(c); ip != "" {
			out = append(out, EnvoyTarget{Admin: ip + ":9901", Container: c.Name})
		}
	}
	return out
}

func isEnvoy(c hosts.Container) bool {
	name, _, _ := strings.Cut(path.Base(c.Image), ":")
	kind, named := strings.CutPrefix(name, "envoy-")
	if !named {
		return name == "envoy"
	}
	// The names under which Envoy itself is published: envoy-control-plane is no Envoy.
	for _, k := range []string{"alpine", "contrib", "debug", "dev", "distroless", "google-vrp", "windows"} {
		if strings.HasPrefix(kind, k) {
			return true
		}
	}
	return false
}

func addressOf(c hosts.Container) string {
	if c.NetMode == "host" {
		return "127.0.0.1"
	}
	for _, n := range c.Networks {
		if n.IP != "" {
			return n.IP
		}
	}
	return ""
}

// containerOf finds the container that publishes an admin port.
func containerOf(h *hosts.HostFacts, admin string) string {
	ap, err := netip.ParseAddrPort(admin)
	if err != nil {
		return ""
	}
	for _, c := range h.Containers.Value {
		for _, p := range c.Ports {
			if p.HostPort == ap.Port() && c.State == "running" {
				return c.Name
			}
		}
		for _, n := range c.Networks {
			if n.IP == ap.Addr().String() {
				return c.Name
			}
		}
	}
	return ""
}

func readEnvoy(ctx context.Context, dial Dial, t EnvoyTarget, dumps, others *budget) envoyRaw {
	raw := envoyRaw{Admin: t.Admin, Container: t.Container, Control: t.Control, Pages: map[string]json.RawMessage{}}
	c := client(dial, nil)
	defer c.CloseIdleConnections()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for name, page := range envoyPages {
		wg.Go(func() {
			total, limit := others, int64(maxBody)
			if name == "config_dump" {
				total, limit = dumps, maxDump
			}
			body, err := fetch(ctx, c, "http://"+t.Admin+page, nil, total, limit)
			var doc []byte
			if err == nil {
				doc, err = redact.JSON(body)
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				raw.Pages[name] = doc
			case name == "config_dump":
				raw.Error = hosts.Clean(fmt.Sprintf("admin interface %s: %v", t.Admin, err))
			default:
				raw.Missing = append(raw.Missing, hosts.Clean(fmt.Sprintf("%s: %v", name, err)))
			}
		})
	}
	wg.Wait()
	return raw
}

func parseEnvoy(data []byte) ([]hosts.Envoy, error) {
	raws, err := parseJSON[[]envoyRaw](data, "evidence of Envoy")
	if err != nil {
		return nil, err
	}
	out := make([]hosts.Envoy, 0, len(raws))
	for _, r := range raws {
		out = append(out, envoyFacts(r))
	}
	return out, nil
}

func envoyFacts(r envoyRaw) hosts.Envoy {
	e := hosts.Envoy{Admin: r.Admin, Container: r.Container, Control: r.Control, Error: r.Error, Missing: r.Missing}
	if dump, ok := r.Pages["config_dump"]; ok {
		c, err := envoy.ParseConfigDump(dump)
		if err != nil {
			e.Error = hosts.Clean(err.Error())
		}
		e.Config = c
	}
	note := func(err error) {
		if err != nil {
			e.Missing = append(e.Missing, hosts.Clean(err.Error()))
		}
	}
	var err error
	if page, ok := r.Pages["clusters"]; ok && e.Config != nil {
		live, perr := envoy.ParseClusters(page)
		note(perr)
		e.Config.Join(live)
	}
	if page, ok := r.Pages["listeners"]; ok {
		e.Bound, err = envoy.ParseListeners(page)
		note(err)
	}
	if page, ok := r.Pages["server_info"]; ok {
		e.Info, err = envoy.ParseServerInfo(page)
		note(err)
	}
	if page, ok := r.Pages["certs"]; ok {
		e.Certs, err = envoy.ParseCerts(page)
		note(err)
	}
	if page, ok := r.Pages["stats"]; ok {
		e.Stats, err = parseStats(page)
		note(err)
	}
	return e
}

func parseStats(data []byte) (map[string]float64, error) {
	v, err := parseJSON[struct {
		Stats []struct {
			Name  string       `json:"name"`
			Value *json.Number `json:"value"`
		} `json:"stats"`
	}](data, "envoy stats")
	if err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for _, s := range v.Stats {
		if s.Value != nil {
			if f, err := s.Value.Float64(); err == nil {
				out[s.Name] = f
			}
		}
	}
	return out, nil
}
