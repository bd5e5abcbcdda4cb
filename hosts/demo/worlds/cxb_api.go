package worlds

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
	"midwatch/hosts/demo/vfs"
)

func (x *cxb) buildAPI() {
	h := x.s.AddHost(x.machine(3, 2, 4*gib))
	base(h)
	files(h.FS, x.w, x.p, "cxb/api", x.s.Start().Add(-6*day), func(name string, n *vfs.Node) {
		if strings.HasPrefix(name, "/etc/cxb/") {
			n.Mode, n.Group = 0o640, "adm"
		}
	})
	h.FS.Put("/srv/cxb/console/dist/index.html", vfs.Node{Mode: 0o644, Data: []byte(page("CXB Console")), MTime: x.s.Start().Add(-6 * day)})
	x.api = h.AddUnit(sim.UnitSpec{
		Name: "cxb-api.service", Description: "CXB API", User: "cxb", Exec: []string{"/opt/cxb/api/.venv/bin/uvicorn", "app.main:app", "--host", "127.0.0.1", "--port", "8000", "--proxy-headers", "--forwarded-allow-ips", "127.0.0.1"},
		EnvFiles: []string{"/etc/cxb/api.env"}, Restart: "always", RestartSec: 2 * time.Second, Mem: 240 * mib, CPU: 7, Tasks: 6, Since: 6 * day, Ident: "uvicorn", Drain: 600 * time.Millisecond,
		Listen: []sim.Listener{{Proto: "tcp", IP: "127.0.0.1", Port: 8000, Process: "uvicorn", Handler: serve(x.s, "api", x.atAPI)}},
		OnStart: func(u *sim.Unit, now time.Time) {
			u.Log(now.Add(time.Second), sim.Info, "INFO:     Application startup complete.")
			u.Log(now.Add(time.Second+time.Millisecond), sim.Info, "INFO:     Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)")
		},
	})
	x.apiAccess, x.apiErrors = newLogFile(h, "/var/log/nginx/access.log"), newLogFile(h, "/var/log/nginx/error.log")
	x.apiNginx = &nginxBox{s: x.s, version: "1.22.1", worker: 688, out: x.apiAccess.add, err: x.apiErrors.add}
	pair := newCerts(x.s, cert{[]string{"cxb.example", x.p.Domain("api.cxb.example"), x.p.Domain("console.cxb.example")}, 49, "Demo E6"})
	nginxUnit(h, pair, serve(x.s, "api nginx", x.atAPINginx), serve(x.s, "api plain", toTLS))
}

func (x *cxb) buildDialler() {
	h := x.s.AddHost(x.machine(4, 2, 2*gib))
	base(h)
	files(h.FS, x.w, x.p, "cxb/dialler", x.s.Start().Add(-6*day), nil)
	x.dialler = h.AddUnit(sim.UnitSpec{
		Name: "cxb-dialler.service", Description: "CXB Dialler", User: "cxb", Exec: []string{"/opt/cxb/dialler/.venv/bin/python", "-m", "dialler"}, EnvFiles: []string{"/etc/cxb/dialler.env"}, Restart: "always", RestartSec: 5 * time.Second,
		TimeoutStop: 5 * time.Minute, Drain: 40 * time.Second, Mem: 130 * mib, CPU: 3, Tasks: 4, Since: 6 * day, Ident: "dialler",
		Listen: []sim.Listener{{Proto: "tcp", IP: "127.0.0.1", Port: 8090, Process: "python", Handler: serve(x.s, "dialler", x.atDialler)}},
		OnStart: func(u *sim.Unit, now time.Time) {
			u.Log(now.Add(time.Second), sim.Info, "INFO dialler.main campaigns=2 api=https://"+x.p.Domain("api.cxb.example"))
		},
	})
}

func (x *cxb) atDialler(q *request) answer {
	if q.path != "/health" {
		return jsonAnswer(http.StatusNotFound, `{"detail":"Not Found"}`)
	}
	return jsonAnswer(http.StatusOK, fmt.Sprintf(`{"status":"ok","campaigns":2,"uptime":%d}`, int(x.s.Now().Sub(x.dialler.Entered).Seconds())))
}

// atAPINginx is the nginx of the API's host, which has the console too.
func (x *cxb) atAPINginx(q *request) answer {
	var a answer
	if host, _, _ := strings.Cut(q.host, ":"); host == x.p.Domain("console.cxb.example") {
		a = answer{status: http.StatusOK, kind: "text/html", body: page("CXB Console"), server: "nginx/" + x.apiNginx.version}
	} else {
		q.id = strings.ReplaceAll(q.id, "-", "") // $request_id
		q.set("X-Request-Id", q.id)
		var why error
		if !x.api.Running() {
			why = errRefused
		}
		a = x.apiNginx.upstream(q, why, x.p.Domain("api.cxb.example"), "http://127.0.0.1:8000", x.atAPI)
	}
	x.apiNginx.log(q, a)
	return a
}

// apiLog is a line of the API's structured log.
func (x *cxb) apiLog(q *request, level, logger, message string, extra map[string]any) {
	m := map[string]any{"ts": stampOf(q.at), "level": level, "logger": logger, "message": message, "request_id": q.id}
	for k, v := range extra {
		m[k] = v
	}
	b, _ := json.Marshal(m) //nolint:errchkjson // plain values
	x.api.Log(q.at, sim.Info, string(b))
}

func (x *cxb) atAPI(q *request) answer {
	name, _, _ := strings.Cut(q.path, "?")
	var a answer
	switch {
	case x.sick && name == "/health":
		a = jsonAnswer(http.StatusServiceUnavailable, `{"status":"degraded","mongodb":"ServerSelectionTimeoutError"}`)
	case x.sick:
		x.apiLog(q, "ERROR", "app.db", "request failed", map[string]any{"exc_info": "Traceback (most recent call last):\n  File \"/opt/cxb/api/app/db/mongo.py\", line 44, in session\n    await client.admin.command(\"ping\")\npymongo.errors.ServerSelectionTimeoutError: cluster0.mongodb.example:27017: timed out"})
		a = jsonAnswer(http.StatusServiceUnavailable, `{"detail":"database is not available"}`)
	case name == "/health":
		a = jsonAnswer(http.StatusOK, `{"status":"ok","mongodb":"ok","redis":"ok"}`)
	case name == "/api/v1/calls" && q.method == http.MethodPost:
		a = x.place(q)
	case strings.HasPrefix(name, "/api/v1/recordings/"):
		a = x.playback(q, name)
	case strings.HasPrefix(name, "/api/v1/") && q.live:
		a = jsonAnswer(http.StatusUnauthorized, `{"detail":"Not authenticated"}`)
	case strings.HasPrefix(name, "/api/v1/"):
		a = jsonAnswer(http.StatusOK, `{"items":[]}`)
	default:
		a = jsonAnswer(http.StatusNotFound, `{"detail":"Not Found"}`)
	}
	if name != "/health" {
		x.api.Log(q.at, sim.Info, fmt.Sprintf(`INFO:     %s:0 - "%s %s HTTP/1.1" %d %s`, q.client, q.method, q.path, a.status, statusText(a.status)))
	}
	return a
}

// place gives a call to the fleet that says it has more room.
func (x *cxb) place(q *request) answer {
	if q.live {
		return jsonAnswer(http.StatusUnauthorized, `{"detail":"Not authenticated"}`)
	}
	f := x.fleets[0]
	if o := x.fleets[1]; o.claims-o.busy() > f.claims-f.busy() && x.rnd.IntN(3) > 0 {
		f = o
	}
	url := "https://" + f.domain + "/dialout"
	sent := request{at: q.at.Add(40 * time.Millisecond), id: q.id, client: x.api.Host.Spec.Addr, peer: x.api.Host.Spec.Addr, agent: "python-httpx/0.27.2", method: http.MethodPost, path: "/dialout", host: f.domain, took: 30 * time.Millisecond}
	got := f.atNginx(&sent)
	if got.status == http.StatusOK {
		x.apiLog(q, "INFO", "app.calls", "call placed", map[string]any{"fleet": url, "call_id": q.id[:8]})
		return jsonAnswer(http.StatusCreated, `{"call_id":"`+q.id[:8]+`"}`)
	}
	kind := "Client"
	if got.status >= 500 {
		kind = "Server"
	}
	why := fmt.Sprintf("httpx.HTTPStatusError: %s error '%d %s' for url '%s'", kind, got.status, statusText(got.status), url)
	x.apiLog(q, "ERROR", "app.calls", "call was not placed", map[string]any{
		"fleet": url, "exc_info": "Traceback (most recent call last):\n  File \"/opt/cxb/api/app/calls/service.py\", line 118, in place\n    response.raise_for_status()\n  File \"/opt/cxb/api/.venv/lib/python3.11/site-packages/httpx/_models.py\", line 829, in raise_for_status\n    raise HTTPStatusError(message, request=request, response=self)\n" + why,
	})
	return jsonAnswer(http.StatusInternalServerError, `{"detail":"call was not placed","request_id":"`+q.id+`"}`)
}

// playback finds recordings in the bucket; those of the second fleet never got there.
func (x *cxb) playback(q *request, name string) answer {
	id := name[strings.LastIndexByte(name, '/')+1:]
	if len(id) > 0 && id[0] >= 'a' {
		x.apiLog(q, "WARNING", "app.recordings", "recording is not in the bucket", map[string]any{"call_id": id, "fleet": "https://" + x.fleets[1].domain})
		return jsonAnswer(http.StatusNotFound, `{"detail":"recording not found"}`)
	}
	return answer{status: http.StatusFound, location: "https://objects.example/cxb-recordings/call-" + id + ".wav"}
}

// live lets people call and listen.
func (x *cxb) live() {
	often(x.s, "dialler", 0.05, func(now time.Time, r *rnd) {
		if !x.dialler.Running() {
			return
		}
		q := newRequest(now, r, x.p.Domain("api.cxb.example"), "POST", "/api/v1/calls")
		q.client, q.agent = x.dialler.Host.Spec.Addr, "cxb-dialler/2.3 python-httpx/0.27.2"
		q.peer = q.client
		a := x.atAPINginx(&q)
		level := "INFO"
		if a.status >= 400 {
			level = "ERROR"
		}
		x.dialler.Log(now.Add(100*time.Millisecond), sim.Info, fmt.Sprintf("%s dialler.campaign campaign=%s attempt=%d status=%d request_id=%s", level, choose(r, "renewals-nl", "survey-de"), 1+r.IntN(3), a.status, q.id))
	})
	often(x.s, "inbound", 0.025, func(now time.Time, r *rnd) {
		f := x.fleets[r.IntN(2)]
		q := newRequest(now, r, f.domain, "GET", "/ws/call/"+uuid(r)[:8])
		q.agent, q.peer = "livekit-sip/1.3", q.client
		f.atNginx(&q)
	})
	often(x.s, "console", 0.3, func(now time.Time, r *rnd) {
		q := newRequest(now, r, x.p.Domain("api.cxb.example"), "GET", choose(r, "/api/v1/calls", "/api/v1/campaigns", "/api/v1/agents/me", "/api/v1/fleet", "/api/v1/recordings/"+uuid(r)[:8]))
		if r.IntN(3) == 0 {
			q.host, q.path = x.p.Domain("console.cxb.example"), choose(r, "/", "/calls", "/assets/index-3f2a9c.js")
		}
		q.peer = q.client
		x.atAPINginx(&q)
	})
	often(x.s, "agent desk", 0.01, func(now time.Time, r *rnd) {
		q := newRequest(now, r, x.fleets[1].domain, "GET", "/agent-desk/ws")
		q.peer = q.client
		x.fleets[1].atNginx(&q)
	})
	x.s.Every(9*time.Second, func(now time.Time) time.Duration {
		q := request{at: now, id: "-"}
		x.apiLog(&q, "WARNING", "app.fleet", "fleet is not reachable", map[string]any{"fleet": "https://fleet-3.example.com/health/fleet", "error": "httpx.ConnectError: [Errno -2] Name or service not known"})
		return time.Minute
	})
	drains := x.fleets[0].workers[2]
	x.s.Every(x.s.Start().Sub(x.s.Now())-40*time.Second, func(time.Time) time.Duration {
		drains.u.Busy, drains.current = 1, "long" // a call that does not end before it is killed
		drains.u.Restart()
		if x.p.Calm {
			return 0
		}
		return 4 * time.Minute
	})
	if x.p.Calm {
		return
	}
	x.s.Every(3*time.Minute, func(time.Time) time.Duration {
		x.sick = true
		x.s.After(time.Duration(40+x.rnd.IntN(40))*time.Second, func(time.Time) { x.sick = false })
		return 6 * time.Minute
	})
}
