package diff

import (
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/nginx"
	"midwatch/hosts/nginx/read"
)

func known[T any](v T) hosts.Part[T] {
	return hosts.Read(v, "test", time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC))
}

func conf(text string) hosts.Part[[]hosts.Nginx] {
	c := read.Parse([]nginx.File{{Name: "/etc/nginx/nginx.conf", Text: []byte(text)}})
	return known([]hosts.Nginx{{Config: c, HTTP: nginx.NewHTTP(c)}})
}

func snap(hs ...*hosts.HostFacts) *hosts.Snapshot { return &hosts.Snapshot{Hosts: hs} }

func text(cs []Change) string {
	var out []string
	for _, c := range cs {
		out = append(out, c.String())
	}
	return strings.Join(out, "\n")
}

func TestCompare(t *testing.T) {
	t.Parallel()
	a := &hosts.HostFacts{
		Host:       hosts.Host{Name: "h"},
		Containers: known([]hosts.Container{{Name: "web", Image: "web:1", ImageID: "sha256:aaaaaaaaaaaaaaaa", State: "running", ID: "1"}, {Name: "old", Image: "old:1", State: "running"}}),
		Units:      known([]hosts.Unit{{Name: "a.service", Active: "active", Sub: "running"}}),
		Sockets:    known([]hosts.Socket{{Proto: "tcp", Address: "0.0.0.0", Port: 80, Process: "nginx"}}),
		Mounts:     known([]hosts.Mount{{Point: "/data", FSType: "ext4", Source: "/dev/sdb"}}),
		Nginx:      conf("http {\n server {\n listen 80;\n location / { proxy_pass http://a:1; }\n }\n}\n"),
	}
	b := &hosts.HostFacts{
		Host:       hosts.Host{Name: "h"},
		Containers: known([]hosts.Container{{Name: "web", Image: "web:1", ImageID: "sha256:bbbbbbbbbbbbbbbb", State: "running", ID: "1"}, {Name: "new", Image: "new:1", State: "exited", Exit: 1}}),
		Units:      known([]hosts.Unit{{Name: "a.service", Active: "failed", Sub: "failed"}}),
		Sockets:    known([]hosts.Socket{{Proto: "tcp", Address: "0.0.0.0", Port: 81, Process: "nginx"}}),
		Mounts:     known([]hosts.Mount{{Point: "/data", FSType: "nfs4", Source: "nas:/x"}}),
		Nginx:      conf("http {\n server {\n listen 80;\n location / { proxy_pass http://b:1; }\n }\n}\n"),
	}
	want := `h: container new added: new:1, exited
h: container old removed: old:1, running
h: container web: image id aaaaaaaaaaaa → bbbbbbbbbbbb
h: unit a.service: active active → failed
h: unit a.service: sub running → failed
h: port tcp 0.0.0.0:80 removed: nginx
h: port tcp 0.0.0.0:81 added: nginx
h: mount /data: source /dev/sdb → nas:/x
h: mount /data: type ext4 → nfs4
h: route nginx (no name) *:80 location /: target proxy_pass http://a:1; → proxy_pass http://b:1;
h: file /etc/nginx/nginx.conf: line 4 location / { proxy_pass http://a:1; } → location / { proxy_pass http://b:1; }`
	if got := text(Compare(snap(a), snap(b))); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := Compare(snap(a), snap(a)); len(got) != 0 {
		t.Errorf("the same is different: %v", got)
	}
}

// Unknown on one side is said, and is never a removal.
func TestUnknownIsNotRemoved(t *testing.T) {
	t.Parallel()
	a := &hosts.HostFacts{Host: hosts.Host{Name: "h"}, Containers: known([]hosts.Container{{Name: "web"}})}
	b := &hosts.HostFacts{Host: hosts.Host{Name: "h"}, Containers: hosts.Part[[]hosts.Container]{Reason: "docker: permission denied", Tried: time.Now()}}
	if got := text(Compare(snap(a), snap(b))); got != "h: container cannot be compared: after: docker: permission denied" {
		t.Error(got)
	}
	if got := text(Compare(snap(a), snap())); got != "h: host h removed" {
		t.Error(got)
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	d := &differ{host: "h"}
	d.lines("f", "a\nb\nc\nd\n", "a\nx\nc\ne\nd\n")
	if got := text(d.out); got != "h: file f: line 2 b → x\nh: file f: line 4 (none) → e" {
		t.Error(got)
	}
}

func FuzzLines(f *testing.F) {
	f.Add("a\nb", "b\na")
	f.Fuzz(func(t *testing.T, a, b string) {
		d := &differ{}
		d.lines("f", a, b)
		if a == b && len(d.out) > 0 {
			t.Error("the same is different")
		}
	})
}
