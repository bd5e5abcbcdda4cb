package nginxrules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"midwatch/checks"
	"midwatch/hosts"
	"midwatch/hosts/nginx"
)

func workerCount() checks.Check {
	return checks.Check{
		ID:       "worker-count-consistency",
		Title:    "workers, upstream and health do not agree on how many there are",
		Area:     checks.AreaCapacity,
		Severity: checks.Warning,
		Why: "The servers of the upstream, the units that run, those that start with the machine and the number that health reports must be the same. " +
			"More in the upstream than run: calls fail first. More that run than in the upstream: some never get a call. " +
			"Health that reports more than there are promises room that is not there. Units that are not enabled are gone after a reboot.",
		Fix:       "One number in all places: the instances of the unit that are enabled and started, one server line for each, and the number of workers in the environment.",
		Verify:    "systemctl list-units 'NAME@*' --state=active | wc -l equals the server lines of nginx -T and the workers of /health/fleet",
		Sources:   []string{"https://nginx.org/en/docs/http/ngx_http_upstream_module.html#server", "https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html"},
		Diagnoses: []string{"worker-count"},
		Also:      []checks.Need{checks.NeedUnits, checks.NeedSockets, checks.NeedProbes},
		Eval:      checks.OnNginx(evalWorkerCount),
	}
}

// pool is an upstream whose servers are instances of one unit.
type pool struct {
	u         *nginx.Upstream
	template  string // "core@.service"
	members   int    // server lines that take requests
	listening int    // of them, those somebody listens on
	active    []string
	enabled   []string
	draining  int              // of the active ones, those that end their calls
	said      hosts.WorkerPool // what the inventory says of it
	unlisted  []string         // units that run and whose socket is in no line
}

func evalWorkerCount(n *checks.Nginx) []checks.Finding {
	if n.Host == nil {
		return checks.NotHere("a file does not tell what runs")
	}
	if len(unixSockets(n)) == 0 {
		return checks.NotHere("no upstream of unix sockets")
	}
	for _, need := range []checks.Need{checks.NeedSockets, checks.NeedUnits} {
		if p := n.Host.Part(need); !p.Known {
			return []checks.Finding{checks.Unsure("", p.Why())}
		}
	}
	var out []checks.Finding
	pools := 0
	for _, u := range upstreams(n) {
		p := poolOf(n, u)
		if p == nil {
			continue
		}
		pools++
		out = append(out, p.judge(n)...)
	}
	if pools == 0 {
		return checks.NotHere("no upstream belongs to the instances of one unit")
	}
	return out
}

func poolOf(n *checks.Nginx, u *nginx.Upstream) *pool {
	p := &pool{u: u}
	for _, m := range u.Members {
		file, ok := strings.CutPrefix(m.Address, "unix:")
		if !ok || m.Down {
			continue
		}
		p.members++
		at, known := onHost(n, file)
		if s := listener(n.Host, at); known && s != nil {
			p.listening++
			if t, _ := (hosts.Unit{Name: s.Unit}).Instance(); t != "" {
				p.template = t
			}
		} else if x := ownerOf(n.Host, at); known && x != nil && x.Draining() {
			// It ends its calls and comes back, or not: both are meant.
			p.listening++
		}
	}
	if p.template == "" {
		return nil
	}
	p.said = poolRule(n.Host, p.template, u.Name)
	// A worker may be in another group: one for each kind of call.
	listed := map[string]bool{}
	for _, x := range unixSockets(n) {
		if at, known := onHost(n, x.path); known {
			if s := listener(n.Host, at); s != nil {
				listed[s.Unit] = true
			} else if u := ownerOf(n.Host, at); u != nil {
				listed[u.Name] = true
			}
		}
	}
	for _, x := range n.Host.Units.Value {
		if t, _ := x.Instance(); t != p.template {
			continue
		}
		if x.Active == "active" || x.Active == "reloading" || x.Draining() {
			p.active = append(p.active, x.Name)
			if x.Draining() {
				p.draining++
			}
			if !listed[x.Name] && !x.Draining() {
				p.unlisted = append(p.unlisted, x.Name)
			}
		}
		if x.Enabled == "enabled" || x.Enabled == "enabled-runtime" {
			p.enabled = append(p.enabled, x.Name)
		}
	}
	return p
}

// poolRule is what the inventory says of the pool of a unit or an upstream.
func poolRule(h *checks.Host, template, upstream string) hosts.WorkerPool {
	for _, w := range h.Host.Pools {
		if w.Upstream == upstream && upstream != "" || template != "" && strings.Replace(w.Unit, "@*.", "@.", 1) == template {
			return w
		}
	}
	return hosts.WorkerPool{}
}

// judge puts all that differs into one finding: it is one number that is wrong, and each place that
// says another is evidence.
func (p *pool) judge(n *checks.Nginx) []checks.Finding {
	var wrong []string
	var more []checks.Evidence
	if p.members > p.listening {
		wrong = append(wrong, fmt.Sprintf("%d servers in the upstream and somebody listens on %d", p.members, p.listening))
	}
	if len(p.unlisted) > 0 {
		wrong = append(wrong, strings.Join(p.unlisted, ", ")+" runs and is in no server line")
	}
	if off := without(p.active, p.enabled); len(off) > 0 && len(p.enabled) > 0 {
		wrong = append(wrong, strings.Join(off, ", ")+" runs and is not enabled")
	}
	if down := without(p.enabled, p.active); len(down) > 0 {
		wrong = append(wrong, strings.Join(down, ", ")+" is enabled and does not run")
	}
	if p.said.Expected > 0 && len(p.active) != p.said.Expected {
		wrong = append(wrong, fmt.Sprintf("%d run and the inventory says %d", len(p.active), p.said.Expected))
	}
	for _, h := range n.World.Hosts {
		for _, x := range h.Probes.Value {
			if len(x.Results) == 0 || x.Kind != "fleet" || !probes(n, h, x) {
				continue
			}
			r := x.Results[len(x.Results)-1]
			said := r.Workers
			if said < 0 {
				said = r.Capacity
			}
			// A worker that drains takes no new call: health may count it or not.
			if said >= 0 && r.OK && (said > len(p.active) || said < len(p.active)-p.draining) {
				wrong = append(wrong, fmt.Sprintf("health says %d workers and %d run", said, len(p.active)))
				more = append(more, checks.Evidence{Source: x.Target, Text: fmt.Sprintf("workers %d, capacity %d", r.Workers, r.Capacity), Host: h.Name, At: r.At})
			}
		}
	}
	said, seen := p.environment(n)
	wrong, more = append(wrong, said...), append(more, seen...)
	if len(wrong) == 0 {
		return nil
	}
	f := n.At(p.u.D, "upstream "+p.u.Name)
	f.Title = strings.Join(wrong, "; ")
	f.Evidence = append(f.Evidence, n.Host.Find("", checks.NeedUnits, fmt.Sprintf("%s: %d active, %d enabled", p.template, len(p.active), len(p.enabled))).Evidence...)
	f.Evidence = append(f.Evidence, more...)
	return []checks.Finding{f}
}

// environment compares what the environment files of the workers say.
func (p *pool) environment(n *checks.Nginx) (wrong []string, seen []checks.Evidence) {
	add := func(what string, u *hosts.Unit, file, line string) {
		if !slices.Contains(wrong, what) {
			wrong = append(wrong, what)
			seen = append(seen, checks.Evidence{Source: file, Text: line + "  (" + u.Name + ")", Host: n.Host.Name, At: n.Host.Units.At})
		}
	}
	for i := range n.Host.Units.Value {
		u := &n.Host.Units.Value[i]
		if !slices.Contains(p.active, u.Name) {
			continue
		}
		for _, f := range u.EnvFiles {
			for _, name := range slices.Sorted(maps.Keys(f.Numbers)) {
				v := f.Numbers[name]
				line := fmt.Sprintf("%s=%d", name, v)
				switch {
				case (p.counts(name) || name == p.said.CountEnv) && v != len(p.active):
					add(fmt.Sprintf("%s and %d run", line, len(p.active)), u, f.Path, line)
				case name == "MAX_CONCURRENT_CALLS" && v != 1 && leastLimit(p.u) == 1:
					add(line+" where nginx sends one call at a time", u, f.Path, line)
				}
			}
		}
	}
	return wrong, seen
}

// counts reports that a variable is the number of instances of the unit: CXBCORE_WORKERS of
// cxb-core@.service, and not that of the processes each one starts.
func (p *pool) counts(name string) bool {
	before, ok := strings.CutSuffix(name, "_WORKERS")
	base, _, _ := strings.Cut(p.template, "@")
	return ok && strings.EqualFold(strings.ReplaceAll(before, "_", ""), strings.ReplaceAll(base, "-", ""))
}

// without lists what is in a and not in b.
func without(a, b []string) []string {
	var out []string
	for _, x := range a {
		if !among(b, x) {
			out = append(out, x)
		}
	}
	return out
}
