package capture

import (
	"fmt"
	"testing"

	"midwatch/hosts"
)

func evidence(host, collector, data, err string) hosts.Evidence {
	return hosts.Evidence{Host: host, Collector: collector, Data: []byte(data), Error: err}
}

func shown(c *Capture) string {
	out := ""
	for _, e := range c.Evidence {
		out += fmt.Sprintf("%s/%s=%s%s ", e.Host, e.Collector, e.Data, e.Error)
	}
	return out
}

func TestOver(t *testing.T) {
	t.Parallel()
	a, b, moved := hosts.Host{Name: "a"}, hosts.Host{Name: "b"}, hosts.Host{Name: "b", Address: "10.0.0.2"}
	old := &Capture{Hosts: []hosts.Host{a, b}, Evidence: []hosts.Evidence{
		evidence("a", "system", "old", ""), evidence("a", "nginx", "x", ""), evidence("a", "nginx", "y", ""), evidence("a", "docker.containers", "c", ""),
		evidence("a", "mounts", "", "refused"), evidence("b", "system", "old", ""), evidence("gone", "system", "old", ""),
	}}
	for name, c := range map[string]struct {
		hosts []hosts.Host
		now   []hosts.Evidence
		want  string
	}{
		"what answered replaces": {
			[]hosts.Host{a, b},
			[]hosts.Evidence{evidence("a", "system", "new", ""), evidence("a", "nginx", "x2", "")},
			"a/docker.containers=c b/system=old a/system=new a/nginx=x2 ",
		},
		"a failure keeps the value and comes after it": {
			[]hosts.Host{a},
			[]hosts.Evidence{evidence("a", "system", "", "timeout"), evidence("a", "nginx", "n", ""), evidence("a", "docker.containers", "d", "")},
			"a/system=old a/system=timeout a/nginx=n a/docker.containers=d ",
		},
		"an engine that went away has no containers": {
			[]hosts.Host{a},
			[]hosts.Evidence{evidence("a", "docker.absent", "", ""), evidence("a", "system", "s", ""), evidence("a", "nginx", "n", "")},
			"a/docker.absent= a/system=s a/nginx=n ",
		},
		"another address is another host": {[]hosts.Host{moved}, nil, ""},
	} {
		got := shown((&Capture{Hosts: c.hosts, Evidence: c.now}).Over(old))
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
	if got := shown((&Capture{Evidence: old.Evidence[:1]}).Over(nil)); got != "a/system=old " {
		t.Errorf("over nothing: %s", got)
	}
}
