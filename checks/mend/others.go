package mend

import (
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"

	"midwatch/checks"
	"midwatch/hosts"
	"midwatch/hosts/envoy"
)

// movePort gives a compose service a published port that nobody has.
func movePort(w *checks.World, f *checks.Finding) (*Mend, error) {
	var c *checks.Compose
	for _, x := range w.Compose {
		if x.Host != nil && x.Host.Name == f.Host && x.Name() == f.Subject {
			c = x
		}
	}
	if c == nil || c.Deployed == nil {
		return nil, none("the compose files are not among the facts")
	}
	old, _, ok := strings.Cut(f.Key, "/")
	port, err := strconv.Atoi(old)
	if !ok || err != nil || strings.Contains(f.Key, "scaled") {
		return nil, none("which of the two moves only a person knows")
	}
	free, err := freePort(c, port)
	if err != nil {
		return nil, err
	}
	text := ""
	for _, x := range c.Deployed.Files {
		if x.Path == f.File {
			text = x.Text
		}
	}
	lines := strings.Split(text, "\n")
	number := regexp.MustCompile(`(^|[^0-9.])` + old + `(:|"?'?\s*(#.*)?$|"?'?\s*[,}])`)
	if f.Line < 1 || f.Line > len(lines) {
		return nil, none("line %d of %s is not among the facts", f.Line, f.File)
	}
	at := number.FindStringSubmatchIndex(lines[f.Line-1])
	if at == nil {
		return nil, none("port %d does not stand on line %d of %s: it comes from a variable", port, f.Line, f.File)
	}
	l := lines[f.Line-1]
	switch {
	case strings.Contains(l, hosts.Dots):
		return nil, none("line %d has a secret in it, which the facts do not hold", f.Line)
	case strings.Contains(l, "$"):
		return nil, none("the port on line %d of %s comes from a variable", f.Line, f.File)
	}
	moved := l[:at[3]] + strconv.Itoa(free) + l[at[3]+len(old):]
	m := &Mend{
		Kind: Compose, Title: fmt.Sprintf("port %d becomes %d, which nobody has", port, free),
		Files:   []File{{Path: f.File, Edits: []Edit{{Line: f.Line, Old: l, New: []string{moved}}}}},
		Project: c.Deployed.Name, Dir: c.Deployed.WorkingDir, Services: []string{strings.TrimPrefix(f.Object, "service ")},
		Also: []string{fmt.Sprintf("whatever names port %d of %s (nginx, Envoy's endpoints, probes, links) must name %d", port, f.Host, free)},
	}
	for _, x := range c.Deployed.Files {
		m.ProjectFiles = append(m.ProjectFiles, x.Path)
	}
	return m, nil
}

// freePort is the next port above one that no socket, no container and no service of the project has. A host
// whose sockets are not known gives none.
func freePort(c *checks.Compose, port int) (int, error) {
	if p := c.Host.Part(checks.NeedSockets); !p.Known {
		return 0, none("which ports are free is not known: %s", p.Why())
	}
	taken := map[int]bool{}
	for _, s := range c.Host.Sockets.Value {
		taken[int(s.Port)] = true
	}
	for _, x := range c.Host.Containers.Value {
		for _, p := range x.Ports {
			taken[int(p.HostPort)] = true
		}
	}
	for _, s := range c.Project.Services {
		for _, p := range s.Ports {
			for n := p.Published; n <= max(p.Published, p.PublishedTo); n++ {
				taken[n] = true
			}
		}
	}
	for n := port + 1; n < min(port+100, 65536); n++ {
		if !taken[n] {
			return n, nil
		}
	}
	return 0, none("no free port within 100 above %d", port)
}

// sendCluster forms the cluster with the port that the service has.
func sendCluster(w *checks.World, f *checks.Finding) (*Mend, error) {
	for _, e := range w.Envoy {
		if e.Host == nil || e.Host.Name != f.Host || e.Name() != f.Subject || e.Config == nil {
			continue
		}
		if e.Facts.Control == "" {
			return nil, none("no control plane is configured for this Envoy ([edges] in the inventory)")
		}
		from, to, ok := ports(f)
		if !ok {
			return nil, none("which port the service has is not known")
		}
		for _, c := range e.Config.Clusters {
			if "cluster "+c.Name != f.Object {
				continue
			}
			body, expect, err := clusterBody(c, f.Key, to)
			if err != nil {
				return nil, err
			}
			return &Mend{
				Kind: Cluster, Title: fmt.Sprintf("cluster %s sends to port %d instead of %d", c.Name, to, from),
				Control: e.Facts.Control, Body: body, Expect: expect,
			}, nil
		}
	}
	return nil, none("the cluster is not among the facts")
}

var portChange = regexp.MustCompile(`from (\d+) to (\d+)`)

// ports reads the change out of the finding's fix, which the rule formed from the facts.
func ports(f *checks.Finding) (from, to int, ok bool) {
	m := portChange.FindStringSubmatch(f.Fix)
	if m == nil {
		return 0, 0, false
	}
	from, _ = strconv.Atoi(m[1])
	to, err := strconv.Atoi(m[2])
	return from, to, err == nil
}

// clusterBody is a cluster in Envoy's JSON (proto3 names) with one endpoint's port changed. Settings the facts
// do not hold cannot be sent back, so a cluster that has more than addresses is left to a person.
func clusterBody(c *envoy.Cluster, label string, port int) (json.RawMessage, string, error) {
	if c.TLS || c.HTTP2 || c.SNI != "" || len(c.More) > 0 {
		return nil, "", none("cluster %s has settings beyond its addresses, which would be lost: %s", c.Name, strings.Join(c.More, ", "))
	}
	type m = map[string]any
	var list []any
	expect := ""
	for _, x := range c.Endpoints {
		if x.Pipe != "" || x.Hostname != "" || x.Weight > 1 || x.Priority > 0 {
			return nil, "", none("endpoint %s of cluster %s has settings beyond its address, which would be lost", x.Label(), c.Name)
		}
		p := x.Port
		if x.Label() == label {
			p = port
			expect = net.JoinHostPort(x.Address, strconv.Itoa(p))
		}
		list = append(list, m{"endpoint": m{"address": m{"socketAddress": m{"address": x.Address, "portValue": p}}}})
	}
	if expect == "" {
		return nil, "", none("endpoint %s is not in the cluster any more", label)
	}
	body := m{"name": c.Name, "loadAssignment": m{"clusterName": c.Name, "endpoints": []any{m{"lbEndpoints": list}}}}
	// STATIC is the default, which a control plane that prints its protobuf as JSON leaves out.
	if c.Type != "" && c.Type != "EDS" && c.Type != "STATIC" {
		body["type"] = c.Type
	}
	if c.Timeout != "" {
		body["connectTimeout"] = c.Timeout
	}
	text, err := json.MarshalIndent(body, "", "  ")
	return text, expect, err
}

// startUnit starts a unit that systemd has given up on, or that has failed.
func startUnit(_ *checks.World, f *checks.Finding) (*Mend, error) {
	return unit(f, "start", "is started once, and watched")
}

// restartUnit restarts a unit under the drain rules.
func restartUnit(_ *checks.World, f *checks.Finding) (*Mend, error) {
	return unit(f, "restart", "is restarted once, under the drain rules")
}

func unit(f *checks.Finding, op, what string) (*Mend, error) {
	name, ok := strings.CutPrefix(f.Object, "unit ")
	if !ok {
		return nil, none("which unit is meant is not known")
	}
	return &Mend{
		Kind: Unit, Title: name + " " + what, Unit: name, Op: op,
		Also: []string{"read why it ended first: journalctl -u " + name + " -n 50"},
	}, nil
}
