package catalog

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"midwatch/checks"
	"midwatch/hosts"
	"midwatch/hosts/envoy"
	"midwatch/hosts/nginx"
	"midwatch/hosts/nginx/read"
)

var at = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func known[T any](v T) hosts.Part[T] { return hosts.Read(v, "bench", at) }

// fleet makes a snapshot of n hosts as large as real ones: 20 containers, 120 units, 60 sockets, two
// compose projects, a nginx of 40 locations and an Envoy each.
func fleet(tb testing.TB, n int) *hosts.Snapshot {
	tb.Helper()
	var conf, comp strings.Builder
	conf.WriteString("http { map $http_upgrade $connection_upgrade { default upgrade; '' close; } upstream app { server app:8000; server app:8001 max_conns=1; }\nserver { listen 80; server_name a.example.com; proxy_set_header Host $host;\n")
	for i := range 40 {
		fmt.Fprintf(&conf, "location /p%d/ { proxy_pass http://app; proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; }\n", i)
	}
	conf.WriteString("} }")
	comp.WriteString("services:\n")
	for i := range 10 {
		fmt.Fprintf(&comp, "  s%d:\n    image: reg.example.com/s%d:1.%d\n    restart: unless-stopped\n    environment:\n      DATABASE_URL: postgres://db:5432/x\n      LOG_LEVEL: info\n    ports: [\"%d:80\"]\n    volumes: [\"data%d:/data\"]\n    depends_on: [db]\n", i, i, i, 9000+i, i)
	}
	comp.WriteString("  db:\n    image: postgres:16\nvolumes:\n  data0: {}\n")
	dump := `{"configs":[{"@type":"type.googleapis.com/envoy.admin.v3.ClustersConfigDump","dynamic_active_clusters":[{"cluster":{"name":"hub","type":"STATIC","load_assignment":{"endpoints":[{"lb_endpoints":[{"endpoint":{"address":{"socket_address":{"address":"10.0.0.1","port_value":9000}}}}]}]}}}]}]}`
	e, err := envoy.ParseConfigDump([]byte(dump))
	if err != nil {
		tb.Fatal(err)
	}
	s := &hosts.Snapshot{At: at, Gen: 1}
	for i := range n {
		f := &hosts.HostFacts{Host: hosts.Host{Name: fmt.Sprintf("host-%03d", i), Address: fmt.Sprintf("10.0.%d.%d", i/250, i%250+1)}, Link: hosts.Link{State: hosts.StateConnected}, Latest: at}
		c := read.Parse([]nginx.File{{Name: "/etc/nginx/nginx.conf", Text: []byte(conf.String())}})
		f.Nginx = known([]hosts.Nginx{{Config: c, HTTP: nginx.NewHTTP(c)}})
		f.Envoy = known([]hosts.Envoy{{Admin: "127.0.0.1:9901", Config: e}})
		f.System, f.Disks, f.Mounts = known(hosts.System{CPUs: 4}), known([]hosts.Disk{{Mount: "/", Size: 100, Used: 10, Avail: 90}}), known([]hosts.Mount{{Point: "/", FSType: "ext4"}})
		f.Volumes, f.Networks, f.Databases = known([]hosts.Volume{}), known([]hosts.Network{}), known([]hosts.Database{})
		f.Images, f.Engine, f.Swarm, f.Addresses = known([]hosts.Image{}), known(hosts.Engine{}), known(hosts.Swarm{}), known([]string{f.Host.Address})
		var containers []hosts.Container
		for j := range 20 {
			containers = append(containers, hosts.Container{
				ID: fmt.Sprintf("%064d", j), Name: fmt.Sprintf("shop-s%d-1", j), Project: "shop", Service: fmt.Sprintf("s%d", j), State: "running", Image: "reg.example.com/s:1", Inspected: true,
				Ports:  []hosts.Port{{HostIP: "0.0.0.0", HostPort: uint16(9000 + j), ContainerPort: 80, Proto: "tcp"}},
				Mounts: []hosts.ContainerMount{{Type: "volume", Name: "data", Destination: "/data"}},
			})
		}
		var units []hosts.Unit
		for j := range 120 {
			units = append(units, hosts.Unit{Name: fmt.Sprintf("unit-%d@%d.service", j%10, j), Load: "loaded", Active: "active", Sub: "running", Result: "success"})
		}
		var sockets []hosts.Socket
		for j := range 60 {
			sockets = append(sockets, hosts.Socket{Proto: "tcp", Address: "0.0.0.0", Port: uint16(9000 + j), Process: "docker-proxy"})
		}
		f.Containers, f.Units, f.Sockets = known(containers), known(units), known(sockets)
		f.Compose = known([]hosts.ComposeProject{
			{Name: "shop", Files: []hosts.ComposeFile{{Path: "/srv/shop/docker-compose.yml", Text: comp.String()}}},
			{Name: "tools", Files: []hosts.ComposeFile{{Path: "/srv/tools/docker-compose.yml", Text: comp.String()}}},
		})
		s.Hosts = append(s.Hosts, f)
	}
	return s
}

func runAll(tb testing.TB, s *hosts.Snapshot) *checks.Report {
	tb.Helper()
	return checks.Run(checks.FromSnapshot(s), All(), checks.Options{})
}

// BenchmarkAllChecks200Hosts says how long all checks take on 200 hosts, which is to be under a second;
// this only notices when it becomes something else altogether, whatever the machine is doing.
func TestTwoHundredHosts(t *testing.T) {
	s := fleet(t, 200)
	began := processorTime(t)
	if len(runAll(t, s).Answers) < 200 {
		t.Fatal("hardly any answers")
	}
	// The time of the processors, shared by as many as there are.
	took := (processorTime(t) - began) / time.Duration(runtime.GOMAXPROCS(0))
	t.Logf("%d checks on 200 hosts: %s", len(All()), took)
	if took > 15*time.Second {
		t.Errorf("%d checks on 200 hosts take %s", len(All()), took)
	}
}

// processorTime is what this process has used.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkAllChecks200Hosts(b *testing.B) {
	s := fleet(b, 200)
	b.ReportAllocs()
	for b.Loop() {
		runAll(b, s)
	}
}
