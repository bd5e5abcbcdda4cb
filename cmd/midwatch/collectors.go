package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/url"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/docker"
	"midwatch/hosts/endpoint"
	"midwatch/hosts/fleet"
	"midwatch/hosts/inventory"
)

// collectors are what is read of a host beside its shell and the lists of its engine: the admin
// interfaces, APIs and probes that the inventory names, and the proxies found in containers.
func (n *node) collectors(inv *inventory.Inventory, here endpoint.Dial, now func() time.Time) []fleet.Collector {
	h, name := n.host, n.host.Name
	var out []fleet.Collector
	add := func(r endpoint.Reader, watch hosts.Topic, offline bool) {
		c := fleet.Endpoint(r, watch, 3, offline)
		c.Fixed = r.ID == endpoint.CollectProbe // the inventory says how often
		out = append(out, c)
	}
	there := endpoint.Dial(n.link.Dial)
	if h.Kind != hosts.KindDocker {
		var targets []endpoint.EnvoyTarget
		for _, e := range h.Envoy {
			if e.Admin != "" {
				targets = append(targets, endpoint.EnvoyTarget{Admin: e.Admin, Container: e.Container, Control: e.ControlPlane})
			}
		}
		if len(targets) > 0 || n.docker != nil {
			add(endpoint.Envoy(name, there, targets, now), hosts.TopicRoutes, false)
		}
		if n.docker != nil || len(h.Traefik) > 0 {
			var target endpoint.TraefikTarget
			if len(h.Traefik) > 0 {
				t := &h.Traefik[0]
				target = endpoint.TraefikTarget{
					API: t.API, Container: t.Container, User: t.User, InsecureTLS: t.InsecureTLS,
					Password: secretOf(t.Password, "password of Traefik on "+name),
				}
			}
			add(endpoint.Traefik(name, there, target, now), hosts.TopicRoutes, false)
		}
	}
	if n.docker != nil {
		exec := func(ctx context.Context, id string, argv ...string) (hosts.Result, error) {
			return n.docker.Output(ctx, id, 4<<20, argv...)
		}
		var named []string
		for _, x := range h.Nginx {
			if x.Container != "" {
				named = append(named, x.Container)
			}
		}
		add(endpoint.Nginx(name, exec, named, now), hosts.TopicRoutes, false)
		add(endpoint.Symptoms(name, n.logLines, now), hosts.TopicSymptoms, false)
	}
	for _, d := range h.Dokploy {
		dial := there
		if d.From == inventory.Here {
			dial = here
		}
		add(endpoint.Dokploy(name, dial, d.URL, secretOf(d.Token, "token of Dokploy "+d.URL), now), hosts.TopicRoutes, d.From == inventory.Here)
	}
	for i := range inv.Agents {
		g := &inv.Agents[i]
		offline := g.From == inventory.Here
		if g.URL == "" || g.From != name && !(offline && inv.Hosts[0].Name == name) {
			continue
		}
		dial := there
		if offline {
			dial = here
		}
		add(endpoint.AgentHub(name, dial, g.URL, g.Header, secretOf(g.Key, "key of the agent hub"), now), hosts.TopicUnits, offline)
	}
	for i := range inv.Probes {
		n.probe(inv, &inv.Probes[i], here, now, add)
	}
	return out
}

// logLines reads the log of a container for symptoms.
func (n *node) logLines(ctx context.Context, id string, since time.Time, tail int, do func(time.Time, string)) error {
	r, err := n.docker.Logs(ctx, id, docker.LogOptions{Since: since, Tail: tail})
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // it was only read
	for {
		l, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		do(l.Time, l.Text)
	}
}

func secretOf(s inventory.Secret, what string) func(context.Context) (hosts.Secret, error) {
	return func(ctx context.Context) (hosts.Secret, error) {
		if s.IsZero() {
			return hosts.Secret{}, nil
		}
		return s.Resolve(ctx, what, nil)
	}
}

// probe adds one probe to the host it is made from. One that is made from here is kept with the
// first host of the inventory, since facts belong to hosts.
func (n *node) probe(inv *inventory.Inventory, p *inventory.Probe, here endpoint.Dial, now func() time.Time, add func(endpoint.Reader, hosts.Topic, bool)) {
	offline := p.From == inventory.Here
	owner := p.From
	if offline && len(inv.Hosts) > 0 {
		owner = inv.Hosts[0].Name
	}
	if owner != n.host.Name {
		return
	}
	dial := endpoint.Dial(n.link.Dial)
	if offline {
		dial = here
	}
	s := probeSpec(p)
	add(endpoint.Probe(n.host.Name, dial, s, now), hosts.TopicProbes, offline)
}

func probeSpec(p *inventory.Probe) endpoint.ProbeSpec {
	kind, target, from := p.Kind, p.URL, p.From
	switch {
	case p.TCP != "":
		kind, target = "tcp", p.TCP
	case p.TLS != "":
		kind, target = "tls", p.TLS
	}
	if from == inventory.Here {
		from = ""
	}
	s := endpoint.ProbeSpec{
		Probe:  hosts.Probe{Name: p.Name, Service: p.Service, From: from, Target: target, Kind: kind, Every: p.Interval, Origin: "inventory", Tolerant: p.TolerateBadCert},
		Method: p.Method, Header: p.Header, Body: p.Body, ExpectBody: p.ExpectBody, ExpectJSON: p.ExpectJSON, Capacity: p.Capacity, Timeout: p.Timeout,
		Host: p.HostHeader, ServerName: p.ServerName, Resolve: p.Resolve, CertDays: p.CertDays, Follow: p.FollowRedirects,
	}
	if s.ServerName == "" {
		s.ServerName = p.HostHeader
	}
	s.Probe.ServerName, s.Probe.Page = s.ServerName, page(p)
	for _, r := range p.ExpectStatus {
		s.ExpectStatus = append(s.ExpectStatus, [2]int{r.Low, r.High})
	}
	if len(p.SecretHeader) > 0 {
		s.Secrets = func(ctx context.Context) (map[string]hosts.Secret, error) {
			out := map[string]hosts.Secret{}
			for k, v := range maps.All(p.SecretHeader) {
				text, err := v.Resolve(ctx, "header "+k+" of probe "+p.Name, nil)
				if err != nil {
					return nil, err
				}
				out[k] = text
			}
			return out, nil
		}
	}
	return s
}

// page reports a probe that asks for a page of a site and not for the health of a service: a text must occur
// in it, or what it asks for is the root of the site.
func page(p *inventory.Probe) bool {
	u, err := url.Parse(p.URL)
	return len(p.ExpectJSON) == 0 && (p.ExpectBody != "" || p.Kind == "basic" && err == nil && (u.Path == "" || u.Path == "/"))
}

// here dials from this machine, or from inside the demo.
func (d dialing) here() endpoint.Dial {
	if d.dial != nil {
		return d.dial
	}
	return new(net.Dialer).DialContext
}
