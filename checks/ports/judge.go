package ports

import (
	"fmt"
	"strings"

	"midwatch/hosts"
)

// judge fills what follows from the parts of a row.
func (r *Row) judge(h *hosts.HostFacts) {
	r.Bound = len(r.Published) > 0 || len(r.Listening) > 0
	if r.Proto == protoUnix {
		r.nothingOnSocket(h)
		return
	}
	for _, p := range r.Published {
		r.Exposure = max(r.Exposure, ExposureOf(p.Addr))
	}
	for _, l := range r.Listening {
		r.Exposure = max(r.Exposure, ExposureOf(l.Addr))
	}
	r.nothingListens(h)
	r.willCollide()
	r.exposed()
}

func (r *Row) fault(kind string, sev Severity, format string, a ...any) {
	r.Faults = append(r.Faults, Fault{Kind: kind, Severity: sev, Text: fmt.Sprintf(format, a...)})
}

// nothingListens looks for traffic that is sent where nothing takes it. It needs to know both what
// is published and what listens.
func (r *Row) nothingListens(h *hosts.HostFacts) {
	if len(r.Targets) == 0 || h == nil || h.Sockets.Standing() != hosts.Fresh || h.Containers.Standing() != hosts.Fresh {
		return
	}
	for _, t := range r.Targets {
		if r.takes(t.Addr) {
			continue
		}
		if !r.Bound {
			r.fault("nothing-listening", Critical, "%s on %s sends traffic here and nothing listens", t.From, t.Host)
			continue
		}
		r.fault("wrong-address", Critical, "%s on %s uses %s, but it is bound to %s only", t.From, t.Host, t.Addr, r.addresses())
	}
}

// nothingOnSocket looks for a unix socket that traffic is sent to and nobody listens on.
func (r *Row) nothingOnSocket(h *hosts.HostFacts) {
	if len(r.Listening) > 0 || h == nil || h.Sockets.Standing() != hosts.Fresh || shared(h, r.Path) {
		return
	}
	for _, t := range r.Targets {
		r.fault("nothing-listening", Critical, "%s on %s sends traffic to %s and nothing listens on it", t.From, t.Host, r.Path)
	}
}

func (r *Row) takes(addr string) bool {
	want := Bind{Addr: addr, Port: r.Port, Proto: r.Proto, V6Only: true}
	for _, p := range r.Published {
		if Collide(Bind{Addr: p.Addr, Port: r.Port, Proto: r.Proto, V6Only: true}, want) != Apart {
			return true
		}
	}
	for _, l := range r.Listening {
		if Collide(Bind{Addr: l.Addr, Port: r.Port, Proto: r.Proto, V6Only: l.V6Only}, want) != Apart {
			return true
		}
	}
	return false
}

func (r *Row) addresses() string {
	var out []string
	for _, p := range r.Published {
		out = append(out, orAll(p.Addr))
	}
	for _, l := range r.Listening {
		if !l.Proxy {
			out = append(out, orAll(l.Addr))
		}
	}
	return strings.Join(out, ", ")
}

func orAll(a string) string {
	if a == "" || a == "*" {
		return "0.0.0.0"
	}
	return a
}

// willCollide looks for containers that do not run and want a port that somebody else has: they
// will fail when they are started.
func (r *Row) willCollide() {
	for _, w := range r.Wanted {
		if taken(w.Error) {
			r.fault("collision", Critical, "container %s (%s) could not start: %s", w.Container, w.State, w.Error)
			continue
		}
		want := Bind{Addr: w.Addr, Port: r.Port, Proto: r.Proto, V6Only: true}
		for _, p := range r.Published {
			if p.Container != w.Container && Collide(want, Bind{Addr: p.Addr, Port: r.Port, Proto: r.Proto, V6Only: true}) != Apart {
				r.fault("will-collide", Warning, "container %s (%s) wants %s, which container %s has", w.Container, w.State, orAll(w.Addr)+fmt.Sprintf(":%d", r.Port), p.Container)
			}
		}
		for _, l := range r.Listening {
			if l.Proxy || l.Container == w.Container && l.Container != "" {
				continue
			}
			if Collide(want, Bind{Addr: l.Addr, Port: r.Port, Proto: r.Proto, V6Only: l.V6Only}) != Apart && len(r.Published) == 0 {
				r.fault("will-collide", Warning, "container %s (%s) wants %s, which process %s has", w.Container, w.State, orAll(w.Addr)+fmt.Sprintf(":%d", r.Port), orUnknown(l.Process))
			}
		}
	}
	if len(r.Wanted) > 1 && !r.Bound {
		for i, a := range r.Wanted {
			for _, b := range r.Wanted[i+1:] {
				if a.Container != b.Container && Collide(Bind{Addr: a.Addr, Port: r.Port, Proto: r.Proto, V6Only: true}, Bind{Addr: b.Addr, Port: r.Port, Proto: r.Proto, V6Only: true}) == Certain {
					r.fault("will-collide", Note, "containers %s and %s both want it; only one can run", a.Container, b.Container)
				}
			}
		}
	}
}

// taken reports the engine's words for a port that somebody else has.
func taken(err string) bool {
	return strings.Contains(err, "port is already allocated") || strings.Contains(err, "address already in use")
}

func orUnknown(s string) string {
	if s == "" {
		return "(unknown: root is needed)"
	}
	return s
}

// internal are ports that belong to data stores and administration, by the container or host port.
var internal = map[uint16]string{
	5432: "PostgreSQL", 3306: "MySQL", 1433: "SQL Server", 27017: "MongoDB", 6379: "Redis", 9200: "Elasticsearch", 9300: "Elasticsearch",
	5672: "RabbitMQ", 15672: "RabbitMQ admin", 11211: "memcached", 2379: "etcd", 8500: "Consul", 7233: "Temporal", 9901: "Envoy admin",
	2375: "Docker API", 9090: "Prometheus", 9093: "Alertmanager", 3100: "Loki",
}

// exposed looks for internal ports bound to every address.
func (r *Row) exposed() {
	for _, p := range r.Published {
		if name := internal[p.ContainerPort]; name != "" && ExposureOf(p.Addr) == Everyone {
			r.fault("exposed", Warning, "%s of container %s is published on every address; Docker's rules pass by the host's firewall", name, p.Container)
			return
		}
	}
	for _, l := range r.Listening {
		if name := internal[r.Port]; name != "" && !l.Proxy && l.Container == "" && ExposureOf(l.Addr) == Everyone {
			r.fault("exposed", Warning, "%s (%s) listens on every address", name, orUnknown(l.Process))
			return
		}
	}
}

// Worst is the highest severity of a row, -1 without faults.
func (r Row) Worst() Severity {
	worst := Severity(-1)
	for _, f := range r.Faults {
		worst = max(worst, f.Severity)
	}
	return worst
}
