package compare

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"midwatch/hosts"
	"midwatch/hosts/nginx"
	"midwatch/hosts/nginx/read"
)

func part[T any](v T) hosts.Part[T] {
	return hosts.Read(v, "x", time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC))
}

func app(name string, change func(*hosts.Container)) *hosts.HostFacts {
	c := hosts.Container{
		ID: name + "-id", Name: "shop-web-1", Project: "shop", Service: "web", Image: "registry:5000/shop/web:1.4", ImageID: "sha256:aaa", State: "running",
		Inspected: true, EnvNames: []string{"A", "B"}, Mounts: []hosts.ContainerMount{{Source: "/srv", Destination: "/data", RW: true}}, Health: hosts.HealthHealthy,
		Started: time.Date(2026, 11, 28, 3, 0, 0, len(name), time.UTC),
	}
	if change != nil {
		change(&c)
	}
	return &hosts.HostFacts{
		Host: hosts.Host{Name: name}, Containers: part([]hosts.Container{c}),
		Images: part([]hosts.Image{{ID: "sha256:aaa", Digests: []string{"registry:5000/shop/web@sha256:0123456789abcdef"}}, {ID: "sha256:bbb", Digests: []string{"registry:5000/shop/web@sha256:fedcba9876543210"}}}),
		System: part(hosts.System{OS: "Debian 13", Kernel: "6.12"}),
	}
}

func differing(s *Sheet) []string {
	var out []string
	for _, r := range s.Rows {
		if !r.Differs {
			continue
		}
		line := r.Group + "/" + r.Name
		if r.Tie {
			line += " tie"
		}
		for _, c := range r.Cells {
			v := c.Value
			if c.Unknown != "" {
				v = "?" + c.Unknown
			}
			if c.Odd {
				v = "!" + v
			}
			line += " [" + v + "]"
		}
		out = append(out, line)
	}
	return out
}

func TestTheOddOneOut(t *testing.T) {
	t.Parallel()
	s := &hosts.Snapshot{Hosts: []*hosts.HostFacts{
		app("a", nil),
		app("b", func(c *hosts.Container) {
			c.ImageID, c.EnvNames, c.Restarts = "sha256:bbb", []string{"B", "DEBUG"}, 7
			c.Ports = []hosts.Port{{HostIP: "0.0.0.0", HostPort: 8080, ContainerPort: 80, Proto: "tcp"}}
		}),
		app("c", func(c *hosts.Container) { c.EnvNames = []string{"B", "A"} }),
		{Host: hosts.Host{Name: "down"}, Containers: hosts.Part[[]hosts.Container]{}.Failed("refused", "", "", time.Unix(1, 0))},
	}}
	got := Of(s, Subject{Service, "shop/web"})
	want := []string{
		"image/digest [0123456789ab] [!fedcba987654] [0123456789ab]",
		"image/image id [aaa] [!bbb] [aaa]",
		"state/restarts [0] [!7] [0]",
		"configuration/env names [A B] [!B DEBUG] [A B]",
		"configuration/ports [] [!0.0.0.0:8080->80/tcp] []",
	}
	if diff := cmp.Diff(want, differing(got)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"down: refused"}, got.Missing); diff != "" {
		t.Error(diff)
	}
	for _, r := range got.Rows {
		if r.Name == "started" && !r.Info {
			t.Error("when it was started is put to the vote")
		}
		if r.Name == "" || len(r.Cells) != 3 {
			t.Errorf("row %+v", r)
		}
	}
}

func TestTiesAndTheUnknown(t *testing.T) {
	t.Parallel()
	s := &hosts.Snapshot{Hosts: []*hosts.HostFacts{
		app("a", nil), app("b", func(c *hosts.Container) { c.Image, c.Inspected = "registry:5000/shop/web:1.5", false }),
	}}
	want := []string{"image/tag tie [1.4] [1.5]"}
	if diff := cmp.Diff(want, differing(Of(s, Subject{Service, "shop/web"}))); diff != "" {
		t.Error(diff)
	}
	// One that is unknown does not vote: the other two agree.
	s.Hosts = append(s.Hosts, app("c", func(c *hosts.Container) { c.Image = "registry:5000/shop/web:1.5" }))
	want = []string{"image/tag [!1.4] [1.5] [1.5]"}
	if diff := cmp.Diff(want, differing(Of(s, Subject{Image, "registry:5000/shop/web"}))); diff != "" {
		t.Error(diff)
	}
	if got := Of(s, Subject{Service, "nobody"}); len(got.Columns)+len(got.Rows) != 0 {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	unit := func(host, name string, change func(*hosts.Unit)) *hosts.HostFacts {
		_, instance := hosts.Unit{Name: name}.Instance()
		u := hosts.Unit{
			Name: name, Load: "loaded", Active: "active", Sub: "running", Fragment: "/etc/systemd/system/worker@.service",
			EnvFiles: []hosts.EnvFile{{Path: "/etc/worker-" + instance + ".conf", Read: true, Names: []string{"QUEUE"}}},
		}
		if change != nil {
			change(&u)
		}
		return &hosts.HostFacts{Host: hosts.Host{Name: host}, Units: part([]hosts.Unit{u})}
	}
	s := &hosts.Snapshot{Hosts: []*hosts.HostFacts{
		unit("a", "worker@eu.service", nil), unit("b", "worker@us.service", nil),
		unit("c", "worker@ap.service", func(u *hosts.Unit) {
			u.Active, u.DropIns = "failed", []string{"/etc/systemd/system/worker@ap.service.d/x.conf"}
		}),
		unit("d", "worker@sa.service", func(u *hosts.Unit) { u.EnvFiles[0].Read, u.EnvFiles[0].Error = false, "not readable" }),
	}}
	want := []string{
		"state/active [active] [active] [!failed] [active]",
		"configuration/drop-ins [] [] [!/etc/systemd/system/worker@%i.service.d/x.conf] []",
	}
	got := Of(s, Subject{Unit, "worker@.service"})
	if diff := cmp.Diff(want, differing(got)); diff != "" {
		t.Error(diff)
	}
	for _, r := range got.Rows {
		if r.Name == "env names" && !strings.Contains(r.Cells[3].Unknown, "not readable") {
			t.Errorf("names that could not be read: %+v", r.Cells[3])
		}
	}
}

func TestServers(t *testing.T) {
	t.Parallel()
	edge := func(name, conf string) *hosts.HostFacts {
		c := read.Parse([]nginx.File{{Name: "/etc/nginx/nginx.conf", Text: []byte("events {}\nhttp {\n" + conf + "\n}\n")}})
		return &hosts.HostFacts{Host: hosts.Host{Name: name}, Nginx: part([]hosts.Nginx{{Config: c, HTTP: nginx.NewHTTP(c), Version: "1.27"}})}
	}
	same := "server { listen 80; server_name shop.test; location / { proxy_pass http://app; } }"
	s := &hosts.Snapshot{Hosts: []*hosts.HostFacts{
		edge("a", same), edge("b", same),
		edge("c", "server { listen 80; server_name shop.test; client_max_body_size 1m; location / { proxy_pass http://old; } location /x { return 204; } }"),
	}}
	got := differing(Of(s, Subject{Server, "shop.test"}))
	for _, want := range []string{
		"server/client_max_body_size [] [] [!1m]", "location //proxy_pass [http://app] [http://app] [!http://old]",
		"location /x/location [] [] [!there]", "location /x/return [] [] [!204]",
	} {
		if !strings.Contains(strings.Join(got, "\n"), want) {
			t.Errorf("no %q in\n%s", want, strings.Join(got, "\n"))
		}
	}
	if len(got) != 5 || !strings.HasPrefix(got[0], "nginx/file hash") {
		t.Errorf("%d rows differ: %v", len(got), got)
	}
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	s := &hosts.Snapshot{Hosts: []*hosts.HostFacts{app("a", nil), app("b", nil), app("c", func(c *hosts.Container) { c.State = "exited" })}}
	s.Hosts[0].Containers.Value = append(s.Hosts[0].Containers.Value, hosts.Container{ID: "x", Name: "alone", Image: "alone"}, hosts.Container{ID: "y", Name: "plain", Image: "redis@sha256:1"})
	s.Hosts[0].Units = part([]hosts.Unit{{Name: "ssh.service", Active: "active"}, {Name: "x.mount"}})
	s.Hosts[1].Units = part([]hosts.Unit{{Name: "ssh.service", Active: "active"}, {Name: "x.mount"}})
	var got []string
	for _, x := range Subjects(s) {
		got = append(got, fmt.Sprintf("%s %v %d %d/%d", x.Subject, x.Hosts, x.Copies, x.Odd, x.Different))
	}
	want := []string{
		"image:registry:5000/shop/web [a b c] 3 1/1", "service:shop/web [a b c] 3 1/1", "unit:ssh.service [a b] 2 0/0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for object, want := range map[string]string{"a-id": "service:shop/web", "plain": "image:redis", "ssh.service": "unit:ssh.service", "service:x/y": "service:x/y", "nothing": ":"} {
		if got, _ := Find(s, "", object); got.String() != want {
			t.Errorf("%s is %s, want %s", object, got, want)
		}
	}
	if _, ok := Find(s, "c", "plain"); ok {
		t.Error("found on another host")
	}
}

func TestRepository(t *testing.T) {
	t.Parallel()
	for image, want := range map[string]string{
		"redis": "redis latest", "redis:7": "redis 7", "reg:5000/a/b": "reg:5000/a/b latest", "reg:5000/a/b:1@sha256:x": "reg:5000/a/b 1", "a@sha256:x": "a sha256:x",
	} {
		if got := repository(image) + " " + tag(image); got != want {
			t.Errorf("%s: %s, want %s", image, got, want)
		}
	}
}

func BenchmarkSubjects(b *testing.B) {
	s := &hosts.Snapshot{}
	for i := range 200 {
		h := app(fmt.Sprint("h", i), nil)
		for j := range 49 {
			c := h.Containers.Value[0]
			c.ID, c.Service, c.Image = fmt.Sprint(i, j), fmt.Sprint("s", j), fmt.Sprint("img", j)
			h.Containers.Value = append(h.Containers.Value, c)
		}
		s.Hosts = append(s.Hosts, h)
	}
	for b.Loop() {
		Subjects(s)
	}
}
