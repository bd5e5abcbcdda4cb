package ports

import (
	"fmt"
	"sort"

	"midwatch/hosts"
)

// Row is one port of one host, or one unix socket that a proxy sends traffic to.
type Row struct {
	Host      string
	Proto     string
	Port      uint16 // 0 of a unix socket
	Path      string // of a unix socket, as the host sees it
	Published []Published
	Listening []Listener
	Targets   []Target
	Wanted    []Published // by containers that do not run
	Exposure  Exposure    // the widest of its bindings
	Bound     bool        // something is published or listens
	Reach     Reach
	Faults    []Fault
}

// Published is a port that a container publishes, or would.
type Published struct {
	Container, ID, State, Addr string
	ContainerPort              uint16
	Swarm                      bool   // by the routing mesh of a service
	Error                      string // the engine's, why it could not start the container
}

// Listener is a listening socket.
type Listener struct {
	Addr, Process, Unit, Container string
	PID                            int
	V6Only                         bool
	Proxy                          bool // docker-proxy, which stands for a published port
}

// Target is a proxy that sends traffic to the port.
type Target struct {
	From   string // "nginx[gateway] api.example.com /api/", "envoy cluster hub"
	Host   string // host of the proxy
	Addr   string // address it uses
	File   string
	Line   int
	Path   string
	Stream bool
}

// Reach is what a probe found.
type Reach int

// What is known of reachability.
const (
	NotProbed Reach = iota
	Reached
	NotReached
)

func (r Reach) String() string { return [...]string{"not probed", "reached", "not reached"}[r] }

// Severity orders faults.
type Severity int

// The severities.
const (
	Note Severity = iota
	Warning
	Critical
)

// Fault is something wrong with a port.
type Fault struct {
	Kind     string // collision, nothing-listening, wrong-address, exposed, will-collide
	Severity Severity
	Text     string
}

// Table is all ports of all hosts, by host in the order of the snapshot, then by port.
func Table(s *hosts.Snapshot) []Row {
	b := &builder{s: s, rows: map[key]*Row{}}
	for _, h := range s.Hosts {
		b.published(h)
		b.listening(h)
	}
	for _, h := range s.Hosts {
		b.targets(h)
		b.probes(h)
	}
	for _, h := range s.Hosts {
		b.unixListening(h)
	}
	return b.finish()
}

type key struct {
	host, proto string
	port        uint16
	path        string
}

type builder struct {
	s    *hosts.Snapshot
	rows map[key]*Row
}

func (b *builder) row(host, proto string, port uint16) *Row {
	return b.at(key{host: host, proto: proto, port: port})
}

func (b *builder) at(k key) *Row {
	if b.rows[k] == nil {
		b.rows[k] = &Row{Host: k.host, Proto: k.proto, Port: k.port, Path: k.path}
	}
	return b.rows[k]
}

func (b *builder) published(h *hosts.HostFacts) {
	for _, c := range h.Containers.Value {
		holds := c.State == "running" || c.State == "paused" || c.State == "restarting"
		list := c.Ports
		if !holds && len(list) == 0 { // an engine lists the ports of what runs only
			list = c.Bindings
		}
		for _, p := range list {
			if p.HostPort == 0 {
				continue
			}
			r, x := b.row(h.Host.Name, p.Proto, p.HostPort), Published{Container: c.Name, ID: c.ID, State: c.State, Addr: p.HostIP, ContainerPort: p.ContainerPort, Error: c.Error}
			if holds {
				r.Published = append(r.Published, x)
				continue
			}
			r.Wanted = append(r.Wanted, x)
		}
	}
	if !h.Swarm.Value.Manager {
		return
	}
	for _, v := range h.Swarm.Value.Services {
		for _, p := range v.Ports {
			if p.HostPort != 0 && v.PublishMode != "host" {
				r := b.row(h.Host.Name, p.Proto, p.HostPort)
				r.Published = append(r.Published, Published{Container: v.Name, State: fmt.Sprintf("%d/%d", v.Running, v.Wanted), Addr: "0.0.0.0", ContainerPort: p.ContainerPort, Swarm: true})
			}
		}
	}
}

func (b *builder) listening(h *hosts.HostFacts) {
	names := map[string]string{}
	for _, c := range h.Containers.Value {
		names[c.ID] = c.Name
	}
	for _, s := range h.Sockets.Value {
		if s.Proto != "tcp" && s.Proto != "udp" || s.Port == 0 {
			continue
		}
		r := b.row(h.Host.Name, s.Proto, s.Port)
		c := s.Container
		if n, ok := names[c]; ok && c != "" {
			c = n
		}
		r.Listening = append(r.Listening, Listener{Addr: s.Address, Process: s.Process, Unit: s.Unit, Container: c, PID: s.PID, V6Only: s.V6Only, Proxy: s.Process == "docker-proxy"})
	}
}

// owner finds the host that an address of a proxy on from means.
func (b *builder) owner(from *hosts.HostFacts, addr string) *hosts.HostFacts {
	a := parse(addr)
	if a.IsLoopback() {
		return from
	}
	for _, h := range b.s.Hosts {
		if h.Host.Address == a.String() {
			return h
		}
		for _, x := range h.Addresses.Value {
			if x == a.String() || len(x) > len(a.String()) && x[:len(a.String())+1] == a.String()+"/" {
				if !bridge(h, a.String()) {
					return h
				}
			}
		}
	}
	return nil
}

func bridge(h *hosts.HostFacts, addr string) bool {
	for _, c := range h.Containers.Value {
		for _, n := range c.Networks {
			if n.Gateway == addr && h != nil {
				return true
			}
		}
	}
	return false
}

// asked is the host and port that a probe kept with h asks; nil where its address belongs to none.
func (b *builder) asked(h *hosts.HostFacts, p hosts.Probe) (*hosts.HostFacts, uint16) {
	addr, port := probeTarget(p)
	if port == 0 {
		return nil, 0
	}
	o := b.owner(h, addr)
	if o == h && p.From == "" && parse(addr).IsLoopback() {
		return nil, 0
	}
	return o, port
}

// Probes reports whether a probe that is kept with the facts of h asks a port of a host.
func Probes(s *hosts.Snapshot, h *hosts.HostFacts, p hosts.Probe, host string, port uint16) bool {
	o, n := (&builder{s: s}).asked(h, p)
	return o != nil && o.Host.Name == host && n == port
}

func (b *builder) probes(h *hosts.HostFacts) {
	for _, p := range h.Probes.Value {
		o, port := b.asked(h, p)
		if o == nil || len(p.Results) == 0 {
			continue
		}
		r := b.row(o.Host.Name, "tcp", port)
		last := p.Results[len(p.Results)-1]
		switch {
		case last.OK || last.Status != 0 || last.Cert != nil: // a bad certificate was served by somebody
			r.Reach = Reached
		case r.Reach == NotProbed:
			r.Reach = NotReached
		}
	}
}

func (b *builder) finish() []Row {
	order := map[string]int{}
	for i, h := range b.s.Hosts {
		order[h.Host.Name] = i
	}
	out := make([]Row, 0, len(b.rows))
	for _, r := range b.rows {
		r.judge(b.s.Host(r.Host))
		out = append(out, *r)
	}
	sort.Slice(out, func(i, j int) bool {
		x, y := out[i], out[j]
		switch {
		case x.Host != y.Host:
			return order[x.Host] < order[y.Host]
		case x.Path != y.Path:
			return x.Path < y.Path // ports first
		case x.Port != y.Port:
			return x.Port < y.Port
		}
		return x.Proto < y.Proto
	})
	return out
}
