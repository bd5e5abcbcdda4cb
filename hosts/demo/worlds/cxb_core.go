package worlds

import (
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
	"midwatch/hosts/demo/vfs"
)

// cxb is the world while it lives. The site's lock guards it.
type cxb struct {
	w World
	s *sim.Site
	p *Plan

	fleets       []*cxbFleet
	api, dialler *sim.Unit
	apiNginx     *nginxBox
	apiAccess    *logFile
	apiErrors    *logFile
	sick         bool // the API has lost its database
	rnd          *rnd
}

// cxbFleet is one server with workers.
type cxbFleet struct {
	x       *cxb
	h       *sim.Host
	domain  string
	claims  int // what CXBCORE_WORKERS says
	second  bool
	workers []*cxbWorker
	nginx   *nginxBox
	next    int
}

// cxbWorker is an instance of cxbcore@: it serves one call.
type cxbWorker struct {
	f       *cxbFleet
	u       *sim.Unit
	n       int
	limited bool   // max_conns=1 in nginx
	claims  int    // what CXBCORE_WORKERS said when it started
	pending int    // results that wait in the outbox
	current string // the call that runs
}

func (w *cxbWorker) socket() string { return fmt.Sprintf("/run/cxb/core-%d.sock", w.n) }

func buildCXB(w World, s *sim.Site, p *Plan) {
	x := &cxb{w: w, s: s, p: p, rnd: s.Rand("cxb")}
	for n, a := range w.Names {
		s.SetName(p.Domain(n), p.Addr(a))
	}
	base(s.AddHost(x.machine(0, 1, 1*gib)))
	x.buildFleet(1, "fleet.example.com", 4)
	x.buildFleet(2, "fleet-2.example.com", 5)
	x.buildAPI()
	x.buildDialler()
	x.live()
}

func (x *cxb) machine(i, cpus int, mem uint64) sim.HostSpec {
	sp := machine(x.p, x.w.Hosts[i], bookworm(), cpus, mem)
	sp.Up = time.Duration(30+i*11) * day
	sp.Disks[0].Size, sp.Disks[0].Used = 40*gib, uint64(11+i)*gib
	return sp
}

func (x *cxb) buildFleet(i int, domain string, claims int) {
	sp := x.machine(i, 4, 8*gib)
	sp.Load, sp.LoadSwing = 1.2, 0.7
	if i == 2 {
		sp.Disks = append(sp.Disks, sim.DiskSpec{Device: "/dev/sdb1", Mount: "/var/lib/cxb/recordings", Type: "ext4", Size: 40 * gib, Used: 37 * gib, Inodes: 2621440, InodesUsed: 88120, Growth: 12e3})
	}
	h := x.s.AddHost(sp)
	base(h)
	files(h.FS, x.w, x.p, "cxb/core", x.s.Start().Add(-19*day), nil)
	f := &cxbFleet{x: x, h: h, domain: x.p.Domain(domain), claims: claims, second: i == 2}
	if f.second {
		files(h.FS, x.w, x.p, "cxb/core2", x.s.Start().Add(-4*day), nil)
		for n := range 6 {
			h.FS.Put(fmt.Sprintf("/var/lib/cxb/recordings/call-%s.wav", x.s.Hex(fmt.Sprintf("rec %d", n), 8)), vfs.Node{Mode: 0o640, Owner: "cxb", Group: "www-data", Len: int64(3+n) * mib})
		}
	}
	x.fleets = append(x.fleets, f)
	h.AddUnit(sim.UnitSpec{Name: "cxb-core.target", Description: "CXB Core workers", Wants: []string{"cxbcore@1.service", "cxbcore@2.service", "cxbcore@3.service", "cxbcore@4.service"}})
	for n := 1; n <= 4; n++ {
		f.addWorker(n)
	}
	if f.second {
		f.env(5) // of the instance that was taken away; nginx still has its socket
		h.AddUnit(sim.UnitSpec{Name: "cxbcore@5.service", Description: "CXB Core worker 5", Off: true, Enabled: "disabled", Since: 11 * day, EnvFiles: []string{"/etc/cxb/core-5.env"}, PartOf: []string{"cxb-core.target"}, Restart: "on-failure"})
	}
	access, errors := newLogFile(h, "/var/log/nginx/access.log"), newLogFile(h, "/var/log/nginx/error.log")
	f.nginx = &nginxBox{s: x.s, version: "1.22.1", worker: 741, out: access.add, err: errors.add}
	nginxUnit(h, newCerts(x.s, cert{[]string{f.domain}, 80 - 71*(i-1), "Demo E6"}), serve(x.s, "nginx "+f.domain, f.atNginx), serve(x.s, "nginx plain "+f.domain, toTLS))
	if f.second {
		storm := f.workers[1].u
		x.s.After(time.Second, func(time.Time) { storm.Fail(1, "") })
	}
}

// nginxUnit is the nginx of a host: TLS on 443, and a plain port that sends there.
func nginxUnit(h *sim.Host, c *certs, secure, plain http.Handler) {
	tls := c.bySNI(false)
	for _, d := range c.list {
		for _, n := range []string{"fullchain.pem", "privkey.pem"} {
			mode := fs.FileMode(0o644)
			if n == "privkey.pem" {
				mode = 0o600
			}
			h.FS.Put("/etc/letsencrypt/live/"+strings.TrimPrefix(d.names[0], "*.")+"/"+n, vfs.Node{Mode: mode, Len: 2840, MTime: d.from(h.Site.Start())})
		}
	}
	h.AddUnit(sim.UnitSpec{
		Name: "nginx.service", Description: "A high performance web server and a reverse proxy server", Vendor: true, Kind: "forking", Exec: []string{"/usr/sbin/nginx", "-g", "daemon on; master_process on;"},
		ExecReload: []string{"/usr/sbin/nginx", "-g", "daemon on; master_process on;", "-s", "reload"}, Mem: 14 * mib, CPU: 1, Tasks: 5, Reload: "command", Ident: "nginx",
		Listen: []sim.Listener{{Proto: "tcp", IP: "0.0.0.0", Port: 80, Process: "nginx", Handler: plain}, {Proto: "tcp", IP: "0.0.0.0", Port: 443, Process: "nginx", Handler: secure, TLS: tls}},
	})
}

// toTLS sends plain requests to https.
func toTLS(q *request) answer {
	host, _, _ := strings.Cut(q.host, ":")
	a := nginxAnswer(http.StatusMovedPermanently, "1.22.1")
	a.location = "https://" + host + q.path
	return a
}

// env is the environment file of an instance.
func (f *cxbFleet) env(n int) {
	calls, box, rec := 1, fmt.Sprintf("/var/lib/cxbcore/results-%d.db", n), "RECORDINGS_BUCKET=s3://cxb-recordings"
	if f.second {
		box, rec = "/tmp/cxb-outbox/results.db", "RECORDINGS_DIR=/var/lib/cxb/recordings"
	}
	if f.second && n == 3 {
		calls = 2
	}
	text := fmt.Sprintf("CXBCORE_INSTANCE=%d\nCXBCORE_WORKERS=%d\nMAX_CONCURRENT_CALLS=%d\nCXB_API_URL=https://%s\nCXB_API_TOKEN=demo-core-token\nRESULT_OUTBOX_DB=%s\nAGENT_DESK_OUTBOX_DB=%s\n%s\nLIVEKIT_URL=wss://livekit.example\nLIVEKIT_API_KEY=demo-key\n",
		n, f.claims, calls, f.x.p.Domain("api.cxb.example"), box, strings.Replace(box, "results", "agent-desk", 1), rec)
	if !f.second || n != 2 {
		text += "LIVEKIT_API_SECRET=demo-not-a-secret\n"
	}
	f.h.FS.Put(fmt.Sprintf("/etc/cxb/core-%d.env", n), vfs.Node{Mode: 0o640, Group: "adm", Data: []byte(text), MTime: f.x.s.Start().Add(-19 * day)})
}

// setting is a number of the environment file of an instance, as it is now.
func (f *cxbFleet) setting(n int, name string, otherwise int) int {
	b, err := f.h.FS.ReadFile(vfs.Cred{User: "root"}, fmt.Sprintf("/etc/cxb/core-%d.env", n))
	if err != nil {
		return otherwise
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), name+"="); ok {
			if k, err := strconv.Atoi(v); err == nil {
				return k
			}
		}
	}
	return otherwise
}

// outbox puts the SQLite files of an instance where its unit keeps them, and returns how the process
// sees them.
func (f *cxbFleet) outbox(n int) (seen []string, mount sim.MountSpec) {
	names := []string{fmt.Sprintf("results-%d.db", n), fmt.Sprintf("agent-desk-%d.db", n)}
	inside := "/var/lib/private/cxbcore"
	mount = sim.MountSpec{Source: "/var/lib/private/cxbcore", Target: inside}
	if f.second {
		names, inside = []string{"results.db", "agent-desk.db"}, "/tmp"
		mount = sim.MountSpec{Source: fmt.Sprintf("/tmp/systemd-private-%s-cxbcore@%d.service-%s/tmp", f.h.BootID, n, f.h.Hex("private", 6)), Target: inside}
	}
	at := f.x.s.Start().Add(-time.Minute)
	for _, name := range names {
		if f.second {
			name = "cxb-outbox/" + name
		}
		head := append([]byte("SQLite format 3\x00\x10\x00\x02\x02\x00\x40\x20\x20"), make([]byte, 76)...)
		f.h.FS.Put(mount.Source+"/"+name, vfs.Node{Mode: 0o600, Owner: "cxb", Group: "cxb", Data: head, Len: 96 * kib, MTime: at})
		f.h.FS.Put(mount.Source+"/"+name+"-wal", vfs.Node{Mode: 0o600, Owner: "cxb", Group: "cxb", Data: make([]byte, 32), Len: 32 * kib, MTime: at})
		seen = append(seen, inside+"/"+name, inside+"/"+name+"-wal")
	}
	if !f.second {
		f.h.FS.Put("/var/lib/cxbcore", vfs.Node{Mode: fs.ModeSymlink | 0o777, Target: "private/cxbcore"})
	}
	return seen, mount
}

func (f *cxbFleet) addWorker(n int) {
	f.env(n)
	open, mount := f.outbox(n)
	w := &cxbWorker{f: f, n: n, claims: f.claims, limited: !f.second || n != 4}
	w.u = f.h.AddUnit(sim.UnitSpec{
		Name: fmt.Sprintf("cxbcore@%d.service", n), Description: fmt.Sprintf("CXB Core worker %d", n), User: "cxb", EnvFiles: []string{fmt.Sprintf("/etc/cxb/core-%d.env", n)},
		Exec: []string{"/opt/cxb/core/.venv/bin/uvicorn", "cxbcore.main:app", "--uds", w.socket()}, Restart: "on-failure", RestartSec: 5 * time.Second, TimeoutStop: 2 * time.Minute, Drain: 110 * time.Second, IdleStop: 1500 * time.Millisecond,
		PartOf: []string{"cxb-core.target"}, Mem: 310 * mib, CPU: 14, Tasks: 9, Since: 9 * day, Ident: "uvicorn", Files: open, Mounts: []sim.MountSpec{mount},
		Listen:  []sim.Listener{{Proto: "unix", Path: w.socket(), Process: "uvicorn", Handler: serve(f.x.s, f.domain+w.socket(), w.answer)}},
		OnStart: w.start, OnStop: func(u *sim.Unit, now time.Time) {
			u.Log(now, sim.Info, "INFO:     Shutting down")
			u.Log(now, sim.Info, "INFO:     Waiting for connections to close. (CTRL+C to force quit)")
		},
	})
	if f.second && n == 2 {
		w.u.Restarts, w.u.Entered = 412, f.x.s.Now()
	}
	f.h.FS.Put(w.socket(), vfs.Node{Mode: fs.ModeSocket | 0o666, Owner: "cxb", Group: "www-data"})
	f.workers = append(f.workers, w)
}

// start is what a worker writes when it starts; the one without a secret ends with it.
func (w *cxbWorker) start(u *sim.Unit, now time.Time) {
	w.claims = w.f.setting(w.n, "CXBCORE_WORKERS", w.f.claims)
	u.Log(now.Add(300*time.Millisecond), sim.Info, fmt.Sprintf("INFO:     Started server process [%d]", u.PID))
	u.Log(now.Add(400*time.Millisecond), sim.Info, "INFO:     Waiting for application startup.")
	if !w.f.second || w.n != 2 {
		u.Log(now.Add(900*time.Millisecond), sim.Info, "INFO:     Application startup complete.")
		u.Log(now.Add(901*time.Millisecond), sim.Info, "INFO:     Uvicorn running on unix socket "+w.socket()+" (Press CTRL+C to quit)")
		return
	}
	u.Deaf = true // it ends before it listens
	w.f.x.s.At(now.Add(time.Second), func(now time.Time) {
		if u.PID == 0 {
			return
		}
		for _, l := range []string{
			"ERROR:    Traceback (most recent call last):", `  File "/opt/cxb/core/.venv/lib/python3.11/site-packages/starlette/routing.py", line 732, in lifespan`, "    async with self.lifespan_context(app) as maybe_state:",
			`  File "/opt/cxb/core/cxbcore/settings.py", line 58, in require`, `    raise ConfigError(f"{name} is not set")`, "cxbcore.settings.ConfigError: LIVEKIT_API_SECRET is not set",
		} {
			u.Log(now, sim.Info, l)
		}
		u.Log(now, sim.Info, "ERROR:    Application startup failed. Exiting.")
		u.Fail(3, "")
	})
}

// uvicornLine is uvicorn's access line behind a proxy on a unix socket.
func uvicornLine(q *request, status int) string {
	return fmt.Sprintf(`INFO:     %s:0 - "%s %s HTTP/1.1" %d %s`, q.client, q.method, q.path, status, statusText(status))
}

// answer is a worker that answers.
func (w *cxbWorker) answer(q *request) answer {
	name, _, _ := strings.Cut(q.path, "?")
	a := jsonAnswer(http.StatusNotFound, `{"detail":"Not Found"}`)
	switch {
	case q.upgradeWithout():
		w.u.Log(q.at, sim.Info, "WARNING:  Unsupported upgrade request.")
		a = textAnswer(http.StatusBadRequest, "Invalid HTTP request received.")
	case name == "/health":
		a = jsonAnswer(http.StatusOK, fmt.Sprintf(`{"status":"ok","instance":%d,"capacity":%d,"active_calls":%d}`, w.n, w.claims, w.f.busy()))
	case name == "/health/fleet":
		b := w.f.busy()
		a = jsonAnswer(http.StatusOK, fmt.Sprintf(`{"status":"ok","capacity":%d,"active_calls":%d,"available":%d,"max_concurrent_calls_per_worker":1,"outbox_pending":%d}`, w.claims, b, w.claims-b, w.f.pending()))
	case name == "/dialout" && q.method == http.MethodPost, strings.HasPrefix(name, "/ws/"):
		a = w.call(q, name)
	case name == "/dialout":
		a = jsonAnswer(http.StatusMethodNotAllowed, `{"detail":"Method Not Allowed"}`)
	}
	if !strings.HasPrefix(name, "/health") {
		w.u.Log(q.at, sim.Info, uvicornLine(q, a.status))
	}
	return a
}

func (f *cxbFleet) busy() int {
	n := 0
	for _, w := range f.workers {
		n += min(1, w.u.Busy)
	}
	return n
}

func (f *cxbFleet) pending() int {
	n := 0
	for _, w := range f.workers {
		n += w.pending
	}
	return n
}

// call takes a call, when none runs.
func (w *cxbWorker) call(q *request, name string) answer {
	if w.u.Busy > 0 {
		w.u.Log(q.at, sim.Info, fmt.Sprintf("WARNING:cxbcore.calls:request_id=%s call rejected: MAX_CONCURRENT_CALLS=1 reached", q.id))
		return jsonAnswer(http.StatusServiceUnavailable, `{"detail":"worker is busy"}`)
	}
	if q.live && q.method == http.MethodGet {
		return jsonAnswer(http.StatusUpgradeRequired, `{"detail":"Upgrade Required"}`)
	}
	id := q.id[:8]
	w.u.Busy++
	w.current = id
	w.u.Log(q.at, sim.Info, fmt.Sprintf("INFO:cxbcore.calls:request_id=%s call_id=%s started room=cxb-%s", q.id, id, id))
	took := time.Duration(15+w.f.x.rnd.IntN(75)) * time.Second
	w.f.x.s.At(q.at.Add(took), func(now time.Time) { w.ended(now, id, took) })
	if strings.HasPrefix(name, "/ws/") {
		return answer{status: http.StatusSwitchingProtocols}
	}
	return jsonAnswer(http.StatusOK, `{"call_id":"`+id+`","status":"dialing"}`)
}

// ended stores a call's recording and hands its result to the API, or keeps it in the outbox.
func (w *cxbWorker) ended(now time.Time, id string, took time.Duration) {
	if w.u.Busy == 0 || w.current != id {
		return // the process was ended meanwhile
	}
	w.u.Busy--
	w.u.Idle()
	where := "s3://cxb-recordings/call-" + id + ".wav"
	if w.f.second {
		where = "/var/lib/cxb/recordings/call-" + id + ".wav (local)"
	}
	w.u.Log(now, sim.Info, fmt.Sprintf("INFO:cxbcore.calls:call_id=%s ended duration=%.1f", id, took.Seconds()))
	w.u.Log(now.Add(200*time.Millisecond), sim.Info, "INFO:cxbcore.recordings:call_id="+id+" stored "+where)
	if w.f.x.sick {
		w.pending++
		w.u.Log(now.Add(time.Second), sim.Info, "WARNING:cxbcore.outbox:call_id="+id+" result not delivered: 503 from https://"+w.f.x.p.Domain("api.cxb.example")+"/api/v1/results, kept, pending="+strconv.Itoa(w.pending))
		return
	}
	if w.pending > 0 {
		w.u.Log(now.Add(time.Second), sim.Info, "INFO:cxbcore.outbox:flushed "+strconv.Itoa(w.pending)+" results")
		w.pending = 0
	}
	w.u.Log(now.Add(time.Second), sim.Info, "INFO:cxbcore.outbox:call_id="+id+" result delivered")
}

// atNginx is the nginx of a fleet server.
func (f *cxbFleet) atNginx(q *request) answer {
	name, _, _ := strings.Cut(q.path, "?")
	var a answer
	switch {
	case f.second && strings.HasPrefix(name, "/agent-desk/"):
		f.nginx.n++
		f.nginx.err(q.at, q.nginxErr(f.nginx.worker, "connect() to unix:/run/cxb/core-5.sock failed (2: No such file or directory)", q.peer, f.domain, "http://unix:/run/cxb/core-5.sock:"))
		a = nginxAnswer(http.StatusBadGateway, f.nginx.version)
	case f.second && strings.HasPrefix(name, "/recordings/"):
		a = nginxAnswer(http.StatusNotFound, f.nginx.version)
		if b, err := f.h.FS.ReadFile(vfs.Cred{User: "root"}, "/var/lib/cxb/recordings/"+path.Base(name)); err == nil {
			a = answer{status: http.StatusOK, kind: "audio/x-wav", body: string(b), server: "nginx/" + f.nginx.version}
		}
	default:
		if !strings.HasPrefix(name, "/health") && f.second {
			q.set("Connection", "upgrade") // hard-coded: this is the fault
			if q.header == nil && q.method == http.MethodPost {
				q.header = http.Header{"Connection": {"upgrade"}}
			}
		}
		a = f.toWorker(q)
	}
	f.nginx.log(q, a)
	return a
}

// toWorker picks a server of the group as nginx does: in turn, none with more than one connection
// where it has max_conns=1.
func (f *cxbFleet) toWorker(q *request) answer {
	for range f.workers {
		w := f.workers[f.next%len(f.workers)]
		f.next++
		if w.limited && w.u.Busy > 0 {
			continue
		}
		if !w.u.Running() || w.u.Deaf {
			f.nginx.err(q.at, q.nginxErr(f.nginx.worker, "connect() to unix:"+w.socket()+" failed (111: Connection refused)", q.peer, f.domain, "http://unix:"+w.socket()+":"))
			continue
		}
		return f.nginx.upstream(q, nil, f.domain, "", w.answer)
	}
	f.nginx.n++
	f.nginx.err(q.at, q.nginxErr(f.nginx.worker, "no live upstreams", q.peer, f.domain, "http://cxb_workers"))
	return nginxAnswer(http.StatusBadGateway, f.nginx.version)
}
