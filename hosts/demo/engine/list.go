package engine

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	units "github.com/docker/go-units"

	"midwatch/hosts/demo/sim"
)

func (s *Server) list(r *http.Request) (any, error) {
	f, err := parseFilters(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	limit, _ := strconv.Atoi(q.Get("limit"))
	all := truth(q.Get("all")) || limit > 0 || len(f["status"]) > 0
	out := []any{}
	for _, c := range s.h.Newest() {
		if !all && c.State != "running" && c.State != "paused" && c.State != "restarting" || !f.container(c) {
			continue
		}
		m := Summary(c)
		if truth(q.Get("size")) {
			m["SizeRw"], m["SizeRootFs"] = 4096*len(c.Spec.Name), c.Image.Size
		}
		if out = append(out, m); limit > 0 && len(out) == limit {
			break
		}
	}
	return out, nil
}

// container reports whether the filters of a list let c through.
func (f filters) container(c *sim.Container) bool {
	pattern := func(text, have string) bool {
		re, err := regexp.Compile(text)
		return err == nil && re.MatchString(have)
	}
	health := c.Health
	if health == "" {
		health = "none"
	}
	return f.is("status", c.State) && f.is("health", health) && f.labels(c.Spec.Labels) &&
		f.any("id", func(v string) bool { return strings.HasPrefix(c.ID, v) }) &&
		f.any("name", func(v string) bool { return pattern(v, "/"+c.Spec.Name) || pattern(v, c.Spec.Name) }) &&
		f.any("exited", func(v string) bool { return c.State == "exited" && v == strconv.Itoa(c.Exit) }) &&
		f.any("ancestor", func(v string) bool {
			return v == c.Spec.Image || sim.Tagged(v) == sim.Tagged(c.Spec.Image) || c.Image.ID == v || sim.Repo(c.Spec.Image) == v
		}) &&
		f.any("network", func(v string) bool { return c.NetMode() == v || c.IPs[v] != "" }) &&
		f.any("volume", func(v string) bool {
			for _, m := range c.Spec.Mounts {
				if m.Name == v || m.Target == v || m.Source == v {
					return true
				}
			}
			return false
		})
}

// Status is docker ps's STATUS; the site is locked.
func Status(c *sim.Container) string {
	now := c.Host.Site.Now()
	ago := func(t time.Time) string { return units.HumanDuration(now.Sub(t)) }
	switch c.State {
	case "running":
		if c.Health != "" {
			text := c.Health
			if text == "starting" {
				text = "health: starting"
			}
			return fmt.Sprintf("Up %s (%s)", ago(c.Started), text)
		}
		return "Up " + ago(c.Started)
	case "paused":
		return fmt.Sprintf("Up %s (Paused)", ago(c.Started))
	case "restarting":
		return fmt.Sprintf("Restarting (%d) %s ago", c.Exit, ago(c.Finished))
	case "created":
		return "Created"
	case "dead":
		return "Dead"
	case "removing":
		return "Removal In Progress"
	default:
		return fmt.Sprintf("Exited (%d) %s ago", c.Exit, ago(c.Finished))
	}
}

// Summary is one element of GET /containers/json; the site is locked.
func Summary(c *sim.Container) map[string]any {
	nets := map[string]any{}
	for _, n := range c.Spec.Networks {
		nets[n] = endpoint(c, n)
	}
	return map[string]any{
		"Id": c.ID, "Names": []string{"/" + c.Spec.Name}, "Image": c.Spec.Image, "ImageID": c.Image.ID,
		"Command": strings.Join(c.Args(), " "), "Created": c.Host.Local(c.Created).Unix(), "Ports": ports(c),
		"Labels": labels(c.Spec.Labels), "State": c.State, "Status": Status(c),
		"HostConfig":      map[string]any{"NetworkMode": c.NetMode()},
		"NetworkSettings": map[string]any{"Networks": nets}, "Mounts": mounts(c),
	}
}

func labels(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// ports are the ports as the list shows them: only a running container has any.
func ports(c *sim.Container) []any {
	out := []any{}
	if !c.Running() {
		return out
	}
	for _, p := range c.Spec.Ports {
		ips := []string{p.IP}
		if p.IP == "" {
			ips = []string{"0.0.0.0", "::"}
		}
		for _, ip := range ips {
			out = append(out, map[string]any{"IP": ip, "PrivatePort": p.Port, "PublicPort": p.Host, "Type": p.Protocol()})
		}
	}
	for _, e := range exposed(c) {
		n, proto, _ := strings.Cut(e, "/")
		port, _ := strconv.Atoi(n)
		out = append(out, map[string]any{"PrivatePort": port, "Type": proto})
	}
	return out
}

// exposed are the ports that are named and not published.
func exposed(c *sim.Container) []string {
	var out []string
	seen := map[string]bool{}
	for _, p := range c.Spec.Ports {
		seen[strconv.Itoa(p.Port)+"/"+p.Protocol()] = true
	}
	for _, e := range append(append([]string{}, c.Spec.Expose...), c.Image.Ports...) {
		if !seen[e] {
			seen[e] = true
			out = append(out, e)
		}
	}
	return out
}

func mounts(c *sim.Container) []any {
	out := []any{}
	for _, m := range c.Spec.Mounts {
		d := map[string]any{
			"Type": m.Type, "Source": m.Source, "Destination": m.Target, "Mode": "", "RW": !m.RO, "Propagation": "",
		}
		switch m.Type {
		case "volume":
			d["Name"], d["Driver"], d["Mode"] = m.Name, "local", "z"
			if m.Driver != "" {
				d["Driver"] = m.Driver
			}
		case "bind":
			d["Propagation"] = "rprivate"
			if d["Mode"] = "rw"; m.RO {
				d["Mode"] = "ro"
			}
		}
		out = append(out, d)
	}
	return out
}

// endpoint is a container's place in one network.
func endpoint(c *sim.Container, name string) map[string]any {
	m := map[string]any{
		"IPAMConfig": nil, "Links": nil, "Aliases": nil, "MacAddress": "", "DriverOpts": nil, "NetworkID": "",
		"EndpointID": "", "Gateway": "", "IPAddress": "", "IPPrefixLen": 0, "IPv6Gateway": "", "GlobalIPv6Address": "",
		"GlobalIPv6PrefixLen": 0, "DNSNames": nil,
	}
	n := c.Host.Network(name)
	if n == nil {
		return m
	}
	m["NetworkID"] = n.ID
	if len(c.Spec.Aliases) > 0 {
		m["Aliases"] = c.Spec.Aliases
		m["DNSNames"] = append([]string{c.Spec.Name, c.ID[:12]}, c.Spec.Aliases...)
	}
	if c.Running() {
		m["EndpointID"] = c.Host.Site.Hex("endpoint "+c.ID+name, 64)
		m["IPAddress"], m["Gateway"], m["IPPrefixLen"] = c.IPs[name], n.Gateway, 16
		m["MacAddress"] = "02:42:ac:12:00:" + c.ID[:2]
	}
	return m
}
