package collect

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"midwatch/hosts"
)

func TestParseMounts(t *testing.T) {
	t.Parallel()
	got := ParseMounts(sample(t, "debian12", "mounts"))
	if len(got) != 29 {
		t.Errorf("%d mounts of 29 lines", len(got))
	}
	if m, ok := hosts.MountOf(got, "/etc/hosts"); !ok || m.FSType != "ext4" || m.Device != "254:0" || !strings.HasSuffix(m.Root, "/hosts") {
		t.Errorf("%+v", m)
	}
	cases := []struct {
		line string
		want hosts.Mount
	}{
		{
			`36 35 0:52 / /mnt/my\040files rw,noatime shared:1 master:2 - nfs4 10.0.0.9:/export/a rw,vers=4.2,hard`,
			hosts.Mount{Root: "/", Point: "/mnt/my files", Options: "rw,noatime,vers=4.2,hard", FSType: "nfs4", Source: "10.0.0.9:/export/a", Device: "0:52"},
		},
		{
			`36 35 0:53 /sub /x ro - fuse.sshfs ops@nas:/d rw,user_id=0`,
			hosts.Mount{Root: "/sub", Point: "/x", Options: "ro,user_id=0", FSType: "fuse.sshfs", Source: "ops@nas:/d", Device: "0:53"},
		},
	}
	for _, c := range cases {
		if diff := cmp.Diff([]hosts.Mount{c.want}, ParseMounts([]byte(c.line+"\nnonsense\n1 2 3 - x\n"))); diff != "" {
			t.Error(diff)
		}
	}
}

func TestParseAddresses(t *testing.T) {
	t.Parallel()
	const trie = `/proc/net/fib_trie:Main:
/proc/net/fib_trie:  +-- 0.0.0.0/0 3 0 5
/proc/net/fib_trie:     |-- 0.0.0.0
/proc/net/fib_trie:        /0 universe UNICAST
/proc/net/fib_trie:     |-- 127.0.0.1
/proc/net/fib_trie:        /32 host LOCAL
/proc/net/fib_trie:     |-- 172.17.0.2
/proc/net/fib_trie:        /32 host LOCAL
/proc/net/fib_trie:     |-- 172.17.255.255
/proc/net/fib_trie:        /32 link BROADCAST
/proc/net/if_inet6:00000000000000000000000000000001 01 80 10 80       lo
`
	for name, c := range map[string]struct {
		data []byte
		want []string
	}{
		"ip":     {sample(t, "debian12", "addresses"), []string{"127.0.0.1", "172.17.0.2"}},
		"kernel": {[]byte(trie), []string{"127.0.0.1", "172.17.0.2", "::1"}},
	} {
		if diff := cmp.Diff(c.want, ParseAddresses(c.data)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// ss and the kernel's own tables tell the same listeners of the same host.
func TestParseSockets(t *testing.T) {
	t.Parallel()
	ss, kernel := ParseSockets(sample(t, "debian12", "sockets")), ParseSockets(sample(t, "busybox", "sockets"))
	key := func(list []hosts.Socket) (out []string) {
		for _, s := range list {
			out = append(out, strings.Join([]string{s.Proto, s.Address, s.Process, s.Unit}, " "))
		}
		return out
	}
	if len(ss) != 10 {
		t.Errorf("%d listeners", len(ss))
	}
	if diff := cmp.Diff(key(ss), key(kernel)); diff != "" {
		t.Error(diff)
	}
	want := hosts.Socket{Proto: "tcp", Address: "::", Port: 80, V6Only: true, Process: "nginx", PID: 43, Unit: "nginx.service", Backlog: 511}
	if diff := cmp.Diff(want, ss[3]); diff != "" {
		t.Error(diff)
	}
}

func TestParseSocketLines(t *testing.T) {
	t.Parallel()
	const id = "93d29b9b7b8493de05bc6ef210b9c96863098c9e219460fa0d8bef85b83a806a"
	data := `mw-sockets
tcp LISTEN 0 4096 *:443 *:* users:(("envoy",pid=9,fd=5)) v6only:0
tcp LISTEN 0 4096 127.0.0.53%lo:53 0.0.0.0:* users:(("resolved",pid=7,fd=5))
udp UNCONN 0 0 [fe80::1]%eth0:546 [::]:*
tcp LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:(("nginx",pid=4,fd=6),("nginx",pid=3,fd=6))
tcp LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:(("nginx",pid=4,fd=6),("nginx",pid=3,fd=6))
u_str LISTEN 0 4096 @abstract 1 * 0
u_str LISTEN 0 64 /run/cxb/worker-1.sock 1 * 0 users:(("systemd",pid=1,fd=9),("python3",pid=8,fd=3))
u_dgr UNCONN 0 0 /run/systemd/notify 1 * 0
u_str LISTEN 0 64 /run/seen.sock 11 * 0
/proc/5/net/unix:0000000000000000: 00000002 00000000 00010000 0001 01 12 /sock/app.sock
/proc/5/net/unix:0000000000000000: 00000002 00000000 00010000 0001 01 13 @hidden
/proc/5/net/unix:0000000000000000: 00000003 00000000 00000000 0001 03 14 /sock/app.sock
/proc/6/net/unix:0000000000000000: 00000002 00000000 00010000 0001 01 11 /run/seen.sock
/proc/7/net/unix:0000000000000000: 00000002 00000000 00010000 0001 01 15 /run/of-no-container.sock
tcp LISTEN
tcp LISTEN 0 1 nonsense x y
mw-processes
/proc/1/cgroup:0::/init.scope
/proc/9/cgroup:0::/system.slice/docker-` + id + `.scope
/proc/8/cgroup:0::/system.slice/system-cxb.slice/cxb@1.service
/proc/3/comm:not-looked-for
/proc/5/cgroup:0::/system.slice/docker-` + id + `.scope
/proc/6/cgroup:0::/system.slice/docker-` + id + `.scope
`
	want := []hosts.Socket{
		{Proto: "tcp", Address: "127.0.0.53", Port: 53, Process: "resolved", PID: 7, Backlog: 4096},
		{Proto: "tcp", Address: "0.0.0.0", Port: 80, Process: "nginx", PID: 4, Backlog: 511},
		{Proto: "tcp", Address: "::", Port: 443, Process: "envoy", PID: 9, Container: id, Backlog: 4096},
		{Proto: "udp", Address: "fe80::1", Port: 546},
		{Proto: "unix", Address: "/run/cxb/worker-1.sock", Process: "python3", PID: 8, Unit: "cxb@1.service", Backlog: 64},
		{Proto: "unix", Address: "/run/seen.sock", Backlog: 64},
		{Proto: "unix", Address: "/sock/app.sock", Container: id},
		{Proto: "unix", Address: "@abstract", Backlog: 4096},
	}
	if diff := cmp.Diff(want, ParseSockets([]byte(data))); diff != "" {
		t.Error(diff)
	}
}

func TestParseDatabases(t *testing.T) {
	t.Parallel()
	const id = "93d29b9b7b8493de05bc6ef210b9c96863098c9e219460fa0d8bef85b83a806a"
	host := ParseDatabases(sample(t, "debian12", "databases"))
	if len(host) != 1 || host[0].Path != "/data/app.db" || host[0].InnerPath != "" || host[0].WALSize != 4152 ||
		host[0].Process != "sqlite3" || host[0].Mount.Point != "/" {
		t.Errorf("%+v", host)
	}
	inside := ParseDatabases(sample(t, "dockerhost", "databases"))
	if len(inside) != 1 || inside[0].InnerPath != "/data/app.db" || inside[0].Container != id ||
		!strings.HasPrefix(inside[0].Path, "/var/lib/docker/") || !strings.HasSuffix(inside[0].Path, "/merged/data/app.db") {
		t.Errorf("%+v", inside)
	}
}

// A volume on a network file system is known by the host under another path.
func TestLocateDatabase(t *testing.T) {
	t.Parallel()
	const data = `mw-databases
/proc/1/mountinfo:1 0 8:1 / / rw - ext4 /dev/sda1 rw
/proc/1/mountinfo:2 1 0:50 / /mnt/nas rw - nfs4 nas:/export rw
/proc/1/mountinfo:3 1 0:50 /vol /var/lib/docker/volumes/data/_data rw - nfs4 nas:/export/vol rw
mw-db 7 100 200 /app/data/my base.db
/proc/7/comm:python3
/proc/7/mountinfo:9 8 0:99 / / rw - overlay overlay rw
/proc/7/mountinfo:10 9 0:50 /vol /app/data rw - nfs4 nas:/export/vol rw
mw-db 8 1 0 /gone/x.db
mw-db x
`
	got := ParseDatabases([]byte(data))
	if len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	d := got[1]
	if d.Path != "/mnt/nas/vol/my base.db" || d.InnerPath != "/app/data/my base.db" || !d.Mount.Network() || d.Size != 100 || d.WALSize != 200 {
		t.Errorf("%+v", d)
	}
}

func TestParseNginx(t *testing.T) {
	t.Parallel()
	var f hosts.HostFacts
	f.Nginx.Value = []hosts.Nginx{{Container: "edge"}, {Version: "old"}}
	Apply(&f, hosts.Evidence{Collector: "nginx", At: time.Unix(1, 0), Data: sample(t, "debian12", "nginx")})
	if f.Nginx.Standing() != hosts.Fresh || len(f.Nginx.Value) != 2 || f.Nginx.Value[1].Container != "edge" {
		t.Fatalf("%v: %+v", f.Nginx.Reason, f.Nginx.Value)
	}
	n := f.Nginx.Value[0]
	if n.Version != "1.22.1" || n.HTTP.Version != "1.22.1" || len(n.HTTP.Servers) != 1 || len(n.Notes) != 0 {
		t.Errorf("version %q, %d servers, notes %q", n.Version, len(n.HTTP.Servers), n.Notes)
	}
	Apply(&f, hosts.Evidence{Collector: "nginx", At: time.Unix(2, 0), Data: []byte("mw-absent nginx is not installed\n")})
	if f.Nginx.Standing() != hosts.Fresh || len(f.Nginx.Value) != 1 || f.Nginx.Needs == "" {
		t.Errorf("%+v", f.Nginx)
	}
}

func TestAgentSection(t *testing.T) {
	t.Parallel()
	s := AgentSection("node", "/opt/agent node/VERSION")
	var f hosts.HostFacts
	s.Apply(&f, hosts.Evidence{Collector: s.ID, At: time.Unix(1, 0), Data: []byte("mw-version 2.4.1\nmw-process /proc/7/cmdline\n")})
	AgentSection("other", "/x").Apply(&f, hosts.Evidence{At: time.Unix(1, 0), Data: []byte("mw-version 1\n")})
	want := []hosts.Agent{{Name: "other", Version: "1", Path: "/x"}, {Name: "node", Version: "2.4.1", Path: "/opt/agent node/VERSION", Running: true}}
	if diff := cmp.Diff(want, f.Agents.Value); diff != "" {
		t.Error(diff)
	}
	if _, err := ParseAgent([]byte("mw-version \n")); err == nil {
		t.Error("an empty version file was taken")
	}
}

func TestUnitRelations(t *testing.T) {
	t.Parallel()
	var f hosts.HostFacts
	for _, id := range []string{"units", "unitenv", "units"} {
		Apply(&f, hosts.Evidence{Collector: id, At: time.Unix(1, 0), Data: sample(t, "debian12", id)})
	}
	by := map[string]hosts.Unit{}
	for _, u := range f.Units.Value {
		by[u.Name] = u
	}
	w := by["worker@1.service"]
	env := []hosts.EnvFile{{Path: "/etc/worker/1.env", Optional: true, Names: []string{"QUEUE", "TOKEN"}, Read: true}}
	if diff := cmp.Diff(env, w.EnvFiles); diff != "" {
		t.Error(diff)
	}
	if e := by["worker@2.service"].EnvFiles; len(e) != 1 || e[0].Error != "missing" || e[0].Read {
		t.Errorf("%+v", e)
	}
	if tpl, in := w.Instance(); tpl != "worker@.service" || in != "1" {
		t.Errorf("%q %q", tpl, in)
	}
	if w.StopTimeout != 10*time.Minute || !cmp.Equal(w.PartOf, []string{"workers.target"}) {
		t.Errorf("%v %v", w.StopTimeout, w.PartOf)
	}
	if tg := by["workers.target"]; !cmp.Equal(tg.Wants, []string{"worker@1.service", "worker@2.service"}) || len(tg.ConsistsOf) == 0 {
		t.Errorf("target wants %v, consists of %v", tg.Wants, tg.ConsistsOf)
	}
	if s := by["dbus.socket"]; !cmp.Equal(s.Listen, []string{"/run/dbus/system_bus_socket (Stream)"}) {
		t.Errorf("listen %q", s.Listen)
	}
	if tm := by["systemd-tmpfiles-clean.timer"]; tm.NextRun.IsZero() && tm.LastRun.IsZero() && tm.Active == "active" {
		t.Logf("a timer by the monotonic clock has no wall-clock time: %+v", tm)
	}
}

// Environment files are read beside the units, by another login: either answer may be the first.
func TestUnitEnvBeforeUnits(t *testing.T) {
	t.Parallel()
	var f hosts.HostFacts
	for _, id := range []string{"unitenv", "units"} {
		Apply(&f, hosts.Evidence{Collector: id, At: time.Unix(1, 0), Data: sample(t, "debian12", id)})
	}
	for _, u := range f.Units.Value {
		if u.Name == "worker@1.service" && (len(u.EnvFiles) != 1 || !u.EnvFiles[0].Read) {
			t.Errorf("%+v", u.EnvFiles)
		}
	}
}

func TestDraining(t *testing.T) {
	t.Parallel()
	var f hosts.HostFacts
	at := time.Unix(1000, 0)
	Apply(&f, hosts.Evidence{Collector: "units", At: at, Data: []byte("Id=w@1.service\nActiveState=deactivating\nSubState=stop-sigterm\nTimeoutStopUSec=5min\nStateChangeTimestamp=Sun 2026-11-29 04:26:25 UTC\n")})
	Apply(&f, hosts.Evidence{Collector: "unitstates", At: at, Data: []byte("w@1.service loaded deactivating stop-sigterm W\nmw-jobs\n1234 w@1.service stop running\n")})
	u := f.Units.Value[0]
	if !u.Draining() || u.Job != "stop running" || u.DrainEnd() != time.Date(2026, 11, 29, 4, 31, 25, 0, time.UTC) {
		t.Errorf("%+v, until %v", u, u.DrainEnd())
	}
	for in, want := range map[string]time.Duration{
		"1min 30s": 90 * time.Second, "infinity": -1, "100ms": 100 * time.Millisecond, "1h 5min": 65 * time.Minute,
		"1.5s": 1500 * time.Millisecond, "": 0, "5 min": 0, "x": 0, "1d": 24 * time.Hour,
	} {
		if got := span(in); got != want {
			t.Errorf("span %q is %v", in, got)
		}
	}
}

// The values of an environment file stay where they are, but for numbers of workers.
func TestUnitEnvNumbers(t *testing.T) {
	t.Parallel()
	got := ParseUnitEnv([]byte("mw-file /etc/cxb/core-1.env\nCXBCORE_WORKERS\nMAX_CONCURRENT_CALLS\nTOKEN\nmw-number CXBCORE_WORKERS 12\nmw-number MAX_CONCURRENT_CALLS 1\nmw-number BROKEN x\n"))
	want := map[string]hosts.EnvFile{"/etc/cxb/core-1.env": {
		Path: "/etc/cxb/core-1.env", Read: true,
		Names: []string{"CXBCORE_WORKERS", "MAX_CONCURRENT_CALLS", "TOKEN"}, Numbers: map[string]int{"CXBCORE_WORKERS": 12, "MAX_CONCURRENT_CALLS": 1},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNginxAges(t *testing.T) {
	t.Parallel()
	at := time.Unix(10_000, 0)
	loaded, changed, file := nginxAges([]byte("mw-version x\nmw-worker 500\nmw-worker 400\nmw-changed 900 /etc/nginx/nginx.conf\nmw-changed 60 /etc/nginx/conf.d/a b.conf\nmw-changed -5 /x\nmw-worker x\nmw-config\nmw-worker 1\n"), at)
	if want := at.Add(-400 * time.Second); !loaded.Equal(want) {
		t.Errorf("loaded %v, want %v", loaded, want)
	}
	if want := at.Add(-time.Minute); !changed.Equal(want) || file != "/etc/nginx/conf.d/a b.conf" {
		t.Errorf("changed %v %q", changed, file)
	}
	if loaded, _, _ := nginxAges([]byte("mw-version x\nmw-config\n"), at); !loaded.IsZero() {
		t.Error("no worker was said, and yet it was loaded")
	}
}
