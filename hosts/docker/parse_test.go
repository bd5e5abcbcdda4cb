package docker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"midwatch/hosts"
)

// sentinel stands wherever a secret was when the answers in testdata were recorded, from an engine
// 20.10.
const sentinel = "hunter2-sentinel"

func recorded(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/engine20/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// evidence makes what Collect would have made of recorded answers.
func evidence(t testing.TB, collector string) hosts.Evidence {
	t.Helper()
	var doc []byte
	switch collector {
	case CollectEngine:
		doc = fmt.Appendf(nil, `{"version":%s,"info":%s}`, recorded(t, "version"), recorded(t, "info"))
	case CollectContainers:
		list := recorded(t, "list")
		all, err := parseList(list)
		if err != nil {
			t.Fatal(err)
		}
		doc = fmt.Appendf(nil, `{"list":%s,"inspect":{%q:%s,%q:%s}}`, list,
			all[0].ID, recorded(t, "inspect_web1"), all[1].ID, recorded(t, "inspect_once"))
	case CollectImages:
		doc = fmt.Appendf(nil, `{"images":%s,"containers":%s}`, recorded(t, "images"), recorded(t, "list"))
	case CollectVolumes:
		doc = recorded(t, "volumes")
	case CollectNetworks:
		doc = recorded(t, "networks")
	case CollectSwarm:
		doc = fmt.Appendf(nil, `{"info":%s,"nodes":%s,"services":%s,"tasks":%s,"networks":%s}`, recorded(t, "info"),
			recorded(t, "nodes"), recorded(t, "services"), recorded(t, "tasks"), recorded(t, "networks"))
	}
	c := &Client{p: Params{Host: "h1"}}
	doc, err := c.redacted("test", doc)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(doc, []byte(sentinel)) {
		t.Errorf("%s: the secret is in the evidence:\n%s", collector, doc)
	}
	return hosts.Evidence{Host: "h1", Collector: collector, Data: doc}
}

func TestParseContainers(t *testing.T) {
	t.Parallel()
	got, err := ParseContainers(evidence(t, CollectContainers))
	if err != nil || len(got) != 6 {
		t.Fatalf("%d containers, %v", len(got), err)
	}
	at := func(s string) time.Time { return moment("2026-11-29T" + s + "Z") }
	web := got[0]
	id := web.ID
	if len(web.HealthLog) == 0 || web.HealthLog[0].Output != "probe says yes\n" || web.HealthLog[0].Exit != 0 || web.HealthLog[0].At.IsZero() {
		t.Errorf("health log %+v", web.HealthLog)
	}
	if len(id) != 64 || web.PID == 0 {
		t.Errorf("id %q, pid %d", id, web.PID)
	}
	web.HealthLog, web.PID = nil, 0
	want := hosts.Container{
		ID: id, Name: "web1", Image: "prog:1", ImageID: "sha256:b2eaee39628b6126975cbbdce92586b0810a9880a9e6f9998a035ab00a0263ce",
		Command: []string{"/prog", "-stays", "--", "--requirepass", hosts.Dots},
		State:   "running", Status: web.Status, Health: hosts.HealthHealthy, Policy: "on-failure",
		Created: at(web.Created.Format("15:04:05.999999999")), Started: at(web.Started.Format("15:04:05.999999999")),
		Mounts: []hosts.ContainerMount{
			{Type: "volume", Name: "data", Source: "/var/lib/docker/volumes/data/_data", Destination: "/data", Driver: "local", RW: true},
			{Type: "bind", Source: "/tmp", Destination: "/host"},
		},
		Networks: []hosts.ContainerNetwork{{Name: "host"}},
		Labels:   map[string]string{"api.token": hosts.Dots, "com.docker.compose.project": "shop", "com.docker.compose.service": "web"},
		EnvNames: []string{"DB_PASSWORD", "PLAIN"}, LogDriver: "json-file", NetMode: "host", Inspected: true,
		Probe: "probe ok", MemLimit: 64 << 20, CPULimit: 0.5, Project: "shop", Service: "web",
	}
	if d := cmp.Diff(want, web); d != "" {
		t.Errorf("web1 (-want +got):\n%s", d)
	}
	once := got[1]
	if once.Name != "once" || once.State != "exited" || once.Exit != 3 || once.Finished.IsZero() || once.Health != hosts.HealthNone || once.PID != 0 {
		t.Errorf("once: %+v", once)
	}
	task := got[5]
	if task.Project != "" || task.Service != "shop_web" || task.Inspected || task.Health != hosts.HealthHealthy || task.State != "running" {
		t.Errorf("a task, not inspected: %+v", task)
	}
	if created := got[2]; created.State != "created" || created.Exit != 0 || created.Health != hosts.HealthUnknown {
		t.Errorf("a container that never started: %+v", created)
	}
}

func TestParseEngine(t *testing.T) {
	t.Parallel()
	e, err := ParseEngine(evidence(t, CollectEngine))
	if err != nil {
		t.Fatal(err)
	}
	if e.Version != "20.10.24+dfsg1" || e.APIVersion != "1.41" || e.OS != "Debian GNU/Linux 12 (bookworm)" || e.Arch != "amd64" ||
		e.StorageDriver != "vfs" || e.CgroupDriver != "cgroupfs" || e.NCPU != 2 || e.MemTotal != 25276063744 ||
		e.Swarm != "active" || e.LogDriver != "json-file" || e.RootDir != "/var/lib/docker" || e.Kernel == "" {
		t.Errorf("%+v", e)
	}
}

func TestParseImages(t *testing.T) {
	t.Parallel()
	got, err := ParseImages(evidence(t, CollectImages))
	if err != nil || len(got) != 1 || !slices.Equal(got[0].Tags, []string{"prog:1"}) || got[0].InUse != 6 || got[0].Dangling || got[0].Size == 0 {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = parseImages([]byte(`{"images":[{"Id":"sha256:a","RepoTags":["<none>:<none>"],"RepoDigests":["<none>@<none>"]},
		{"Id":"sha256:b","RepoTags":null,"RepoDigests":["r/x@sha256:1"],"Size":-1}],"containers":[]}`))
	if err != nil || !got[0].Dangling || len(got[0].Digests) != 0 || !got[1].Dangling || len(got[1].Digests) != 1 || got[1].Size != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestParseVolumesAndNetworks(t *testing.T) {
	t.Parallel()
	vs, err := ParseVolumes(evidence(t, CollectVolumes))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(vs, func(v hosts.Volume) bool { return v.Name == "nfsdata" })
	want := map[string]string{"type": "nfs", "o": "addr=192.0.2.1,username=u,password=" + hosts.Dots + ",rw", "device": ":/export"}
	if i < 0 || vs[i].Driver != "local" || !cmp.Equal(vs[i].Options, want) {
		t.Errorf("volumes %+v, want nfsdata with %v", vs, want)
	}
	ns, err := ParseNetworks(evidence(t, CollectNetworks))
	if err != nil {
		t.Fatal(err)
	}
	i = slices.IndexFunc(ns, func(n hosts.Network) bool { return n.Name == "mwnet" })
	if i < 0 || !ns[i].Internal || ns[i].Driver != "bridge" || ns[i].Scope != "local" || !slices.Equal(ns[i].Subnets, []string{"10.99.0.0/24"}) {
		t.Errorf("networks %+v", ns)
	}
}

func TestParseSwarm(t *testing.T) {
	t.Parallel()
	s, err := ParseSwarm(evidence(t, CollectSwarm))
	if err != nil {
		t.Fatal(err)
	}
	if !s.Manager || s.ClusterID == "" || len(s.Nodes) != 1 || len(s.Services) != 3 || len(s.Tasks) != 6 {
		t.Fatalf("%+v", s)
	}
	if n := s.Nodes[0]; n.Hostname != "vm" || n.Role != "manager" || n.State != "ready" || n.Availability != "active" || !n.Leader || n.Reachability != "reachable" || n.EngineVersion != "20.10.24+dfsg1" {
		t.Errorf("node %+v", n)
	}
	agent, broken, web := s.Services[0], s.Services[1], s.Services[2]
	if agent.Name != "agent" || agent.Mode != "global" || agent.Wanted != 1 || agent.Running != 1 {
		t.Errorf("agent %+v", agent)
	}
	if broken.Name != "broken" || broken.Mode != "replicated" || broken.Wanted != 1 || broken.Running != 0 || broken.MaxAttempts != 1 {
		t.Errorf("broken %+v", broken)
	}
	if web.Stack != "shop" || web.Wanted != 2 || web.Running != 1 || web.UpdateState != "updating" || web.UpdateInfo != "update in progress" ||
		web.UpdateOrder != "start-first" || web.OnFailure != "rollback" || web.Restart != "on-failure" || web.MaxAttempts != 3 ||
		web.HealthCmd != "probe ok" || !slices.Equal(web.Networks, []string{"host"}) || !slices.Equal(web.Constraints, []string{"node.role==manager"}) ||
		!slices.Equal(web.EnvNames, []string{"DB_PASSWORD", "X"}) || web.Labels["api.token"] != hosts.Dots || web.PublishMode != "host" || web.Image != "prog:1" {
		t.Errorf("web %+v", web)
	}
	if !slices.Equal(web.Ports, []hosts.Port{{HostIP: "0.0.0.0", HostPort: 18080, ContainerPort: 80, Proto: "tcp"}}) {
		t.Errorf("ports %+v", web.Ports)
	}
	if !slices.Equal(web.Mounts, []hosts.ContainerMount{
		{Type: "volume", Name: "data", Destination: "/data", RW: true}, {Type: "bind", Source: "/tmp", Destination: "/host"},
	}) {
		t.Errorf("mounts %+v", web.Mounts)
	}
	var failed []hosts.SwarmTask
	for _, task := range s.Tasks {
		if task.Service == "broken" {
			failed = append(failed, task)
		}
	}
	if len(failed) != 2 || failed[0].State != "failed" || failed[0].Desired != "shutdown" || failed[0].Slot != 1 || failed[0].Node != "vm" ||
		!strings.Contains(failed[0].Error, "starting container failed") || failed[0].At.Before(failed[1].At) || failed[0].ContainerID == "" {
		t.Errorf("tasks of broken %+v", failed)
	}
	if web.Endpoint != "vip" || web.VIPs != nil {
		t.Errorf("in the network of the host there is no address: %q %q", web.Endpoint, web.VIPs)
	}
	other, err := parseSwarm([]byte(`{"services":[{"ID":"x","Endpoint":{"Spec":{"Mode":"vip"},"VirtualIPs":[{"Addr":"10.0.2.5/24"},{"Addr":"10.0.1.7/24"}]}}]}`))
	if err != nil || !slices.Equal(other.Services[0].VIPs, []string{"10.0.1.7", "10.0.2.5"}) {
		t.Errorf("%+v, %v", other.Services, err)
	}
	none, err := parseSwarm([]byte(`{"info":{"Swarm":{"LocalNodeState":"inactive"}}}`))
	if err != nil || none.Manager || none.Nodes != nil {
		t.Errorf("no Swarm: %+v, %v", none, err)
	}
}

// Sizes that the engine could not tell, and layers that are shared, are not counted as what can be had back.
func TestParseUsage(t *testing.T) {
	t.Parallel()
	got, err := ParseUsage(hosts.Evidence{Data: []byte(`{"LayersSize":900,"Images":[{"Containers":1,"Size":500,"SharedSize":100},{"Containers":0,"Size":400,"SharedSize":100},{"Containers":-1,"Size":70}],
"Containers":[{"SizeRw":10,"State":"running"},{"SizeRw":20,"State":"exited"}],
"Volumes":[{"UsageData":{"Size":1000,"RefCount":1}},{"UsageData":{"Size":300,"RefCount":0}},{"UsageData":{"Size":-1,"RefCount":0}},{}],
"BuildCache":[{"Size":50,"InUse":true},{"Size":60}]}`)})
	want := hosts.EngineDisk{
		Images: 900, ImagesUnused: 300, Containers: 30, ContainersStopped: 20, Volumes: 1300, VolumesUnused: 300, VolumesLoose: 1,
		BuildCache: 110, CacheUnused: 60, CacheItems: 2,
	}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestEvidenceWithoutData(t *testing.T) {
	t.Parallel()
	for name, parse := range map[string]func(hosts.Evidence) error{
		"engine":     func(e hosts.Evidence) error { _, err := ParseEngine(e); return err },
		"containers": func(e hosts.Evidence) error { _, err := ParseContainers(e); return err },
		"images":     func(e hosts.Evidence) error { _, err := ParseImages(e); return err },
		"stats":      func(e hosts.Evidence) error { _, err := ParseStats(e); return err },
		"volumes":    func(e hosts.Evidence) error { _, err := ParseVolumes(e); return err },
		"networks":   func(e hosts.Evidence) error { _, err := ParseNetworks(e); return err },
		"swarm":      func(e hosts.Evidence) error { _, err := ParseSwarm(e); return err },
		"usage":      func(e hosts.Evidence) error { _, err := ParseUsage(e); return err },
	} {
		if err := parse(hosts.Evidence{Error: "no such socket"}); err == nil || err.Error() != "no such socket" {
			t.Errorf("%s: %v", name, err)
		}
		if err := parse(hosts.Evidence{}); err == nil {
			t.Errorf("%s of nothing is no error", name)
		}
		if err := parse(hosts.Evidence{Data: []byte("[")}); err == nil || !strings.HasPrefix(err.Error(), "parse ") {
			t.Errorf("%s of half a document: %v", name, err)
		}
	}
}

func TestStatusWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status string
		health hosts.Health
		exit   int
		up     time.Duration
	}{
		{"Up 3 minutes (healthy)", hosts.HealthHealthy, 0, 3 * time.Minute},
		{"Up About an hour (unhealthy)", hosts.HealthUnhealthy, 0, time.Hour},
		{"Up Less than a second (health: starting)", hosts.HealthStarting, 0, time.Second},
		{"Up 2 weeks", hosts.HealthUnknown, 0, 14 * 24 * time.Hour},
		{"Up About a minute (Paused)", hosts.HealthUnknown, 0, time.Minute},
		{"Exited (137) 2 minutes ago", hosts.HealthUnknown, 137, 2 * time.Minute},
		{"Restarting (1) 5 seconds ago", hosts.HealthUnknown, 1, 5 * time.Second},
		{"Exited (x", hosts.HealthUnknown, 0, 0},
		{"Up 99999999999999999999 hours", hosts.HealthUnknown, 0, 0},
		{"Created", hosts.HealthUnknown, 0, 0},
		{"", hosts.HealthUnknown, 0, 0},
	} {
		if got := healthOfStatus(c.status); got != c.health {
			t.Errorf("%q: health %v, want %v", c.status, got, c.health)
		}
		if got := exitOfStatus(c.status); got != c.exit {
			t.Errorf("%q: exit %d, want %d", c.status, got, c.exit)
		}
		if got := upTime(c.status); got != c.up {
			t.Errorf("%q: up %v, want %v", c.status, got, c.up)
		}
	}
}

func TestPortsOf(t *testing.T) {
	t.Parallel()
	var m map[string][]wireBinding
	if err := json.Unmarshal([]byte(`{"443/tcp":[{"HostIp":"::","HostPort":"8443"},{"HostIp":"0.0.0.0","HostPort":"8443"}],
		"53/udp":[{"HostIp":"","HostPort":""}],"80":null,"x/tcp":[],"99999/tcp":[{"HostPort":"-1"}]}`), &m); err != nil {
		t.Fatal(err)
	}
	want := []hosts.Port{
		{Proto: "tcp"}, // out of range
		{ContainerPort: 53, Proto: "udp"},
		{ContainerPort: 80, Proto: "tcp"},
		{HostIP: "0.0.0.0", HostPort: 8443, ContainerPort: 443, Proto: "tcp"},
		{HostIP: "::", HostPort: 8443, ContainerPort: 443, Proto: "tcp"},
	}
	if got := portsOf(m); !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestSmallParts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		nano, quota, period int64
		want                float64
	}{{1_500_000_000, 0, 0, 1.5}, {0, 50_000, 0, 0.5}, {0, 50_000, 25_000, 2}, {0, -1, 100, 0}, {0, 0, 0, 0}} {
		if got := cpuLimit(c.nano, c.quota, c.period); got != c.want {
			t.Errorf("cpuLimit(%d, %d, %d) = %v, want %v", c.nano, c.quota, c.period, got, c.want)
		}
	}
	if got := probeOf([]string{"CMD", "curl", "-u", "a:b", "x"}); got != "curl -u a:"+hosts.Dots+" x" {
		t.Errorf("probe %q", got)
	}
	if probeOf([]string{"NONE"}) != "" || probeOf(nil) != "" || !moment("0001-01-01T00:00:00Z").IsZero() || !moment("x").IsZero() {
		t.Error("absent things are not absent")
	}
	names, _ := parseList([]byte(`[{"Names":["/a/alias","/real"]},{"Names":null},{"Names":["/x/y"]}]`))
	if names[0].Name != "real" || names[1].Name != "" || names[2].Name != "x/y" {
		t.Errorf("names %q %q %q", names[0].Name, names[1].Name, names[2].Name)
	}
}

// FuzzParse: no document makes a parser panic, and what it makes of one holds no sentinel where an
// inspect document keeps secrets.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"list", "inspect_web1", "inspect_once", "images", "volumes", "networks", "services", "tasks", "nodes"} {
		f.Add(recorded(f, name))
	}
	f.Add([]byte(`{"State":{"Health":{"Log":[null]}},"Mounts":[null],"NetworkSettings":{"Networks":{"a":null}}}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		_, _ = parseList(doc)
		_, _ = parseInspect(doc)
		_, _ = parseVolumes(doc)
		_, _ = parseNetworks(doc)
		_, _ = parseImages(fmt.Appendf(nil, `{"images":%s}`, doc))
		_, _ = parseEngine(fmt.Appendf(nil, `{"info":%s,"version":%s}`, doc, doc))
		_, _ = parseSwarm(fmt.Appendf(nil, `{"services":%s}`, doc))
		_, _ = parseSwarm(fmt.Appendf(nil, `{"tasks":%s}`, doc))
		_, _ = parseSwarm(fmt.Appendf(nil, `{"nodes":%s}`, doc))
		_, _ = ParseStats(hosts.Evidence{Data: fmt.Appendf(nil, `{"x":%s}`, doc)})
	})
}

func BenchmarkParseInspect(b *testing.B) {
	doc := recorded(b, "inspect_web1")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseInspect(doc); err != nil {
			b.Fatal(err)
		}
	}
}
