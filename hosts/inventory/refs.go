package inventory

import (
	"fmt"
	"slices"
	"strings"

	"midwatch/hosts/config"
)

// jumpRef is a jump list as it was written, kept until all hosts are known.
type jumpRef struct{ items []config.Item }

// checkJumps tells hosts of the inventory from ssh destinations and refuses ways that lead back.
func (p *parser) checkJumps() {
	names := p.hostNames()
	for i := range p.inv.Hosts {
		jumps := p.inv.Hosts[i].SSH.Jump
		for j, jump := range jumps {
			if slices.Contains(names, jump.Dest) {
				jumps[j] = Jump{Host: jump.Dest}
			}
		}
	}
	for _, ref := range p.jumps {
		for _, it := range ref.items {
			if slices.Contains(names, it.Text) {
				continue
			}
			if n := config.Nearest(it.Text, names); n != "" && !strings.ContainsAny(it.Text, "@:.") {
				p.Missing(it.At, fmt.Sprintf("%s names %q, which is no host here", it.At, it.Text), fmt.Sprintf("did you mean %q? an ssh destination is written user@host", n))
				continue
			}
			p.jumpDest(it)
		}
	}
	for i := range p.inv.Hosts {
		h := &p.inv.Hosts[i]
		if way := p.wayBack(h.Name, nil); way != nil {
			p.Faults = append(p.Faults, Fault{
				File: p.File, Line: h.Line,
				What: fmt.Sprintf("the way to %q leads through itself: %s", h.Name, strings.Join(way, " → ")), Meant: "remove one of the jumps",
			})
		}
	}
}

// wayBack follows jumps from a host and returns the way when it comes back to where it began.
func (p *parser) wayBack(name string, way []string) []string {
	way = append(way, name)
	if len(way) > 1 && name == way[0] {
		return way
	}
	if len(way) > 1 && slices.Contains(way[1:len(way)-1], name) {
		return nil // a circle further on is that host's fault, reported there
	}
	h, ok := p.inv.Host(name)
	if !ok {
		return nil
	}
	for _, j := range h.SSH.Jump {
		if j.Host == "" {
			continue
		}
		if found := p.wayBack(j.Host, slices.Clone(way)); found != nil {
			return found
		}
	}
	return nil
}

// jumpDest checks [user@]host[:port].
func (p *parser) jumpDest(it config.Item) {
	_, rest, hasUser := strings.Cut(it.Text, "@")
	if !hasUser {
		rest = it.Text
	}
	if strings.HasPrefix(it.Text, "-") || rest == "" || strings.ContainsAny(it.Text, " \t/'\"`$;&|<>(){}\\,") {
		p.Fault(it.At, fmt.Sprintf("%s is %q", it.At, it.Text), `want the name of a host here, or [user@]host[:port]`)
		return
	}
	if host, port, ok := strings.Cut(rest, ":"); ok && !strings.Contains(port, ":") && (host == "" || !validPort(port)) {
		p.Fault(it.At, fmt.Sprintf("%s is %q", it.At, it.Text), "want a port from 1 to 65535 behind the colon")
	}
}

// hostRef checks that a name stands for a host, or for this machine where that is allowed.
func (p *parser) hostRef(it config.Item, here bool) {
	if it.Text == Here && here {
		return
	}
	if names := p.hostNames(); !slices.Contains(names, it.Text) {
		if here {
			names = append(names, Here)
		}
		p.dangling(it, "host", names)
	}
}

// members returns the hosts of a group, in the order of the file.
func (p *parser) members(name string) []string {
	var out []string
	for _, h := range p.inv.Hosts {
		if slices.Contains(h.Groups, name) {
			out = append(out, h.Name)
		}
	}
	return out
}
