package health

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/nginx"
)

// Capacity is what a fleet endpoint says it can take, beside what is really there.
type Capacity struct {
	Claimed int    // by the endpoint
	Busy    int    // -1 when it does not say
	Host    string // that answers; "" when nobody knows which one does
	// Template is whose instances do the work: Exist of them are enabled or not stopped, Run run and
	// Drain finish their work before they stop. Template is "" where none was found.
	Template          string
	Exist, Run, Drain int
	// Upstream has Members places in nginx that work is sent to; "" where none was found.
	Upstream string
	Members  int
}

// Wrong reports that what is claimed is not what is there. A worker that drains is there, for now.
func (c *Capacity) Wrong() bool {
	return c.Template != "" && (c.Claimed != c.Exist || c.Run+c.Drain < c.Exist) || c.Upstream != "" && c.Claimed != c.Members
}

// Text is the comparison in one line.
func (c *Capacity) Text() string {
	text := fmt.Sprintf("claims %d", c.Claimed)
	switch {
	case c.Template == "" && c.Upstream == "":
		return text + "; which workers do the work is not known"
	case c.Template != "":
		text += fmt.Sprintf("; %d of %d workers run", c.Run, c.Exist)
		if c.Drain > 0 {
			text += fmt.Sprintf(", %d drains", c.Drain)
		}
	}
	if c.Upstream != "" && c.Members != c.Claimed {
		text += fmt.Sprintf("; nginx sends work to %d", c.Members)
	}
	return text
}

// capacity compares what an endpoint of kind fleet claims with the workers of the host that answers;
// nil when it claims nothing.
func capacity(s *hosts.Snapshot, h *hosts.HostFacts, p *hosts.Probe, e *Endpoint) *Capacity {
	if !e.Asked || e.State == Unknown {
		return nil
	}
	c := &Capacity{Claimed: e.Last.Capacity, Busy: e.Last.Busy}
	if c.Claimed < 0 {
		c.Claimed = e.Last.Workers
	}
	if c.Claimed < 0 {
		return nil
	}
	on, server := answers(s, h, p)
	if on == nil {
		return c
	}
	c.Host = on.Host.Name
	if on.Units.Standing() == hosts.Fresh {
		c.countWorkers(on.Units.Value)
	}
	c.Upstream, c.Members = upstreamOf(on, server)
	return c
}

// answers finds the host whose nginx has the name a probe asks for, or the host itself when it asks
// its own loopback.
func answers(s *hosts.Snapshot, h *hosts.HostFacts, p *hosts.Probe) (*hosts.HostFacts, *nginx.Server) {
	u, err := url.Parse(p.Target)
	if err != nil || u.Hostname() == "" {
		return nil, nil
	}
	name := u.Hostname()
	if name == "localhost" || strings.HasPrefix(name, "127.") || name == "::1" {
		if p.From != h.Host.Name {
			return nil, nil
		}
		return h, nil
	}
	for _, x := range s.Hosts {
		for _, n := range x.Nginx.Value {
			if n.HTTP == nil {
				continue
			}
			for _, v := range n.HTTP.Servers {
				if slices.ContainsFunc(v.Names, func(sn nginx.ServerName) bool { return sn.Text == name }) {
					return x, v
				}
			}
		}
	}
	for _, x := range s.Hosts {
		if x.Host.Address == name {
			return x, nil
		}
	}
	return nil, nil
}

// countWorkers finds the template whose instances do the work of a host: one whose environment counts
// workers, or one that is named so, else the one with the most instances.
func (c *Capacity) countWorkers(units []hosts.Unit) {
	type count struct {
		template                string
		exist, run, drain, rank int
	}
	found := map[string]*count{}
	for i := range units {
		u := &units[i]
		t, _ := u.Instance()
		if t == "" || !strings.HasSuffix(t, ".service") || strings.HasPrefix(t, "getty@") || strings.HasPrefix(t, "user") || strings.HasPrefix(t, "systemd-") {
			continue
		}
		k := found[t]
		if k == nil {
			k = &count{template: t}
			found[t] = k
		}
		switch {
		case u.Active == "active" || u.Active == "reloading":
			k.run++
		case u.Draining():
			k.drain++
		}
		// One that is disabled and stopped was taken out on purpose.
		if u.Active != "inactive" || u.Enabled == "enabled" {
			k.exist++
		}
		k.rank = max(k.rank, workRank(u, t))
	}
	best := &count{rank: -1}
	for _, t := range sorted(found) {
		k := found[t]
		if k.exist > 0 && (k.rank > best.rank || k.rank == best.rank && k.exist > best.exist) {
			best = k
		}
	}
	c.Template, c.Exist, c.Run, c.Drain = best.template, best.exist, best.run, best.drain
}

// workRank is how much speaks for the instances of a template being the workers.
func workRank(u *hosts.Unit, template string) int {
	for _, f := range u.EnvFiles {
		if slices.ContainsFunc(f.Names, func(n string) bool { return strings.HasSuffix(n, "WORKERS") }) {
			return 2
		}
	}
	if strings.Contains(template, "worker") {
		return 1
	}
	return 0
}

// upstreamOf finds the upstream with the most places of work among those of the host's nginx that
// lead to unix sockets, which is how workers on one host are told apart.
func upstreamOf(h *hosts.HostFacts, server *nginx.Server) (name string, members int) {
	if server == nil {
		return "", 0
	}
	for _, n := range h.Nginx.Value {
		if n.HTTP == nil || !slices.Contains(n.HTTP.Servers, server) {
			continue
		}
		for _, u := range n.HTTP.Upstreams {
			k := 0
			for _, m := range u.Members {
				if strings.HasPrefix(m.Address, "unix:") && !m.Down {
					k++
				}
			}
			if k > members || k == members && k > 0 && u.Name < name {
				name, members = u.Name, k
			}
		}
	}
	return name, members
}
