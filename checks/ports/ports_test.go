package ports

import (
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/nginx"
	"midwatch/hosts/nginx/read"
)

// The table is what was measured with real sockets.
func TestCollide(t *testing.T) {
	t.Parallel()
	b := func(addr string, port uint16, proto string, only bool) Bind { return Bind{addr, port, proto, only} }
	for _, k := range []struct {
		name string
		a, b Bind
		want Overlap
	}{
		{"wildcard and loopback", b("0.0.0.0", 80, "tcp", false), b("127.0.0.1", 80, "tcp", false), Certain},
		{"loopback and wildcard", b("127.0.0.53", 53, "tcp", false), b("", 53, "tcp", false), Certain},
		{"two loopbacks", b("127.0.0.1", 80, "tcp", false), b("127.0.0.2", 80, "tcp", false), Apart},
		{"tcp and udp", b("", 53, "tcp", false), b("", 53, "udp", false), Apart},
		{"IPv4 and v6 only", b("0.0.0.0", 80, "tcp", false), b("::", 80, "tcp", true), Apart},
		{"IPv4 and dual stack", b("0.0.0.0", 80, "tcp", false), b("::", 80, "tcp", false), Certain},
		{"one IPv4 and dual stack", b("10.0.0.1", 80, "tcp", false), b("::", 80, "tcp", false), Certain},
		{"IPv6 loopback and IPv4 wildcard", b("::1", 80, "tcp", false), b("0.0.0.0", 80, "tcp", false), Apart},
		{"IPv6 loopback and IPv6 wildcard", b("::1", 80, "tcp", false), b("::", 80, "tcp", true), Certain},
		{"other ports", b("", 80, "tcp", false), b("", 81, "tcp", false), Apart},
		{"any free port", b("", 0, "tcp", false), b("", 0, "tcp", false), Apart},
		{"udp may share", b("", 53, "udp", false), b("127.0.0.1", 53, "udp", false), Perhaps},
		{"star", b("*", 80, "tcp", false), b("10.0.0.1", 80, "tcp", false), Certain},
	} {
		if got := Collide(k.a, k.b); got != k.want {
			t.Errorf("%s: %v, want %v", k.name, got, k.want)
		}
		if got := Collide(k.b, k.a); got != k.want {
			t.Errorf("%s, the other way: %v, want %v", k.name, got, k.want)
		}
	}
}

func known[T any](v T) hosts.Part[T] { return hosts.Read(v, "test", time.Unix(1, 0)) }

func fleet(t *testing.T) *hosts.Snapshot {
	t.Helper()
	c := read.Parse([]nginx.File{{Name: "n", Text: []byte("http { upstream u { server 127.0.0.1:9000; } server { listen 80; location / { proxy_pass http://u; } location /a { proxy_pass http://10.0.0.2:8000; } location /b { proxy_pass http://127.0.0.1:7000; } } }")}})
	a := &hosts.HostFacts{
		Host: hosts.Host{Name: "a", Address: "10.0.0.1"}, Nginx: known([]hosts.Nginx{{HTTP: nginx.NewHTTP(c)}}),
		Sockets:    known([]hosts.Socket{{Proto: "tcp", Address: "0.0.0.0", Port: 80, Process: "nginx"}, {Proto: "tcp", Address: "0.0.0.0", Port: 6379, Process: "redis-server"}, {Proto: "tcp", Address: "10.0.0.1", Port: 7000, Process: "app"}}),
		Containers: known([]hosts.Container{{Name: "want", State: "exited", Ports: []hosts.Port{{HostIP: "0.0.0.0", HostPort: 80, ContainerPort: 80, Proto: "tcp"}}}}),
	}
	b := &hosts.HostFacts{
		Host: hosts.Host{Name: "b", Address: "10.0.0.2"}, Sockets: known([]hosts.Socket{{Proto: "tcp", Address: "0.0.0.0", Port: 8002, Process: "docker-proxy"}}),
		Containers: known([]hosts.Container{
			{Name: "gw", State: "running", Ports: []hosts.Port{{HostIP: "0.0.0.0", HostPort: 8002, ContainerPort: 80, Proto: "tcp"}}},
			{Name: "db", State: "running", Ports: []hosts.Port{{HostIP: "0.0.0.0", HostPort: 15432, ContainerPort: 5432, Proto: "tcp"}}},
		}),
	}
	return &hosts.Snapshot{Hosts: []*hosts.HostFacts{a, b}}
}

func TestTable(t *testing.T) {
	t.Parallel()
	var got []string
	for _, r := range Table(fleet(t)) {
		for _, f := range r.Faults {
			got = append(got, r.Host+" "+f.Kind+": "+f.Text)
		}
	}
	want := []string{
		"a will-collide: container want (exited) wants 0.0.0.0:80, which process nginx has",
		"a exposed: Redis (redis-server) listens on every address",
		"a wrong-address: nginx (no name) /b on a uses 127.0.0.1, but it is bound to 10.0.0.1 only",
		"a nothing-listening: nginx upstream u on a sends traffic here and nothing listens",
		"b nothing-listening: nginx (no name) /a on a sends traffic here and nothing listens",
		"b exposed: PostgreSQL of container db is published on every address; Docker's rules pass by the host's firewall",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Without the sockets nothing is called missing.
func TestUnknownIsNotMissing(t *testing.T) {
	t.Parallel()
	s := fleet(t)
	for _, h := range s.Hosts {
		h.Sockets = hosts.Part[[]hosts.Socket]{Reason: "no ss", Tried: time.Unix(1, 0)}
	}
	for _, r := range Table(s) {
		for _, f := range r.Faults {
			if f.Kind == "nothing-listening" || f.Kind == "wrong-address" {
				t.Errorf("%s: %s", r.Host, f.Text)
			}
		}
	}
}

// A stopped container has no ports in the engine's list, only the bindings it was made with; and one
// that could not start for a port says so.
func TestStoppedContainers(t *testing.T) {
	t.Parallel()
	bind := []hosts.Port{{HostIP: "0.0.0.0", HostPort: 8080, ContainerPort: 80, Proto: "tcp"}}
	h := &hosts.HostFacts{Host: hosts.Host{Name: "a"}, Containers: known([]hosts.Container{
		{Name: "old", State: "running", Ports: bind},
		{Name: "new", State: "exited", Bindings: bind},
		{Name: "loser", State: "created", Bindings: bind, Error: "driver failed: Bind for 0.0.0.0:8080 failed: port is already allocated"},
	})}
	rows := Table(&hosts.Snapshot{Hosts: []*hosts.HostFacts{h}})
	if len(rows) != 1 || len(rows[0].Wanted) != 2 {
		t.Fatalf("%+v", rows)
	}
	var got []string
	for _, f := range rows[0].Faults {
		got = append(got, f.Kind+" "+f.Text)
	}
	want := []string{
		"will-collide container new (exited) wants 0.0.0.0:8080, which container old has",
		"collision container loser (created) could not start: driver failed: Bind for 0.0.0.0:8080 failed: port is already allocated",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestUnixSockets(t *testing.T) {
	t.Parallel()
	conf := "http { upstream w { server unix:/run/w-1.sock; server unix:/run/w-2.sock; server unix:/run/w-3.sock down; } server { listen 80; location / { proxy_pass http://w; } location /x { proxy_pass http://unix:/run/x.sock:/uri/; } } }"
	n := hosts.Nginx{HTTP: nginx.NewHTTP(read.Parse([]nginx.File{{Name: "n", Text: []byte(conf)}}))}
	inside := n
	inside.Container = "gw"
	h := &hosts.HostFacts{
		Host: hosts.Host{Name: "a"}, Nginx: known([]hosts.Nginx{n, inside}),
		Sockets:    known([]hosts.Socket{{Proto: "unix", Address: "/run/w-1.sock", Process: "uvicorn", Unit: "w@1.service"}, {Proto: "unix", Address: "/run/dbus"}}),
		Containers: known([]hosts.Container{{Name: "gw", Mounts: []hosts.ContainerMount{{Source: "/srv/socks", Destination: "/run"}}}}),
	}
	var got []string
	for _, r := range Table(&hosts.Snapshot{Hosts: []*hosts.HostFacts{h}}) {
		line := r.Proto + " " + r.Path + " " + r.Exposure.String()
		for _, l := range r.Listening {
			line += " " + l.Unit
		}
		for _, f := range r.Faults {
			line += " " + f.Kind
		}
		got = append(got, line)
	}
	want := []string{
		"unix /run/w-1.sock loopback w@1.service", "unix /run/w-2.sock loopback nothing-listening", "unix /run/x.sock loopback nothing-listening",
		// A container has that folder, so somebody in another namespace may listen there.
		"unix /srv/socks/w-1.sock loopback", "unix /srv/socks/w-2.sock loopback", "unix /srv/socks/x.sock loopback",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestReach(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]struct {
		r    hosts.ProbeResult
		want Reach
	}{
		"answers":           {hosts.ProbeResult{OK: true}, Reached},
		"answers badly":     {hosts.ProbeResult{Status: 503, Reason: "HTTP 503"}, Reached},
		"a bad certificate": {hosts.ProbeResult{Reason: "certificate: expired", Cert: &hosts.ProbeCert{}}, Reached},
		"refused":           {hosts.ProbeResult{Reason: "connection refused"}, NotReached},
	} {
		h := &hosts.HostFacts{Host: hosts.Host{Name: "a", Address: "10.0.0.1"}, Probes: known([]hosts.Probe{{Target: "https://10.0.0.1:8443/health", Results: []hosts.ProbeResult{k.r}}})}
		rows := Table(&hosts.Snapshot{Hosts: []*hosts.HostFacts{h}})
		if len(rows) != 1 || rows[0].Port != 8443 || rows[0].Reach != k.want {
			t.Errorf("%s: %+v", name, rows)
		}
	}
}
