package worlds

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
)

type rnd = rand.Rand

// live lets people use the hub and things go wrong.
func (x *cortex) live() {
	often(x.s, "visits", 1.3, x.visit)
	often(x.s, "logins", 0.03, x.login)
	often(x.s, "voice", 0.05, x.voice)
	often(x.s, "git", 0.04, func(now time.Time, r *rnd) {
		x.through(newRequest(now, r, x.domain("git.jerxie.com"), "GET", "/jerxie/cortex-hub/info/refs?service=git-upload-pack"))
	})
	often(x.s, "wrong names", 0.015, func(now time.Time, r *rnd) {
		x.through(newRequest(now, r, x.p.Addr("192.168.68.90"), "GET", choose(r, "/.env", "/wp-login.php", "/admin/")))
	})
	if x.p.Calm {
		return
	}
	r := x.s.Rand("stalls")
	x.s.Every(x.s.Start().Sub(x.s.Now())-9*time.Minute, func(time.Time) time.Duration {
		x.setStall(true)
		x.s.After(time.Duration(60+r.IntN(50))*time.Second, func(time.Time) { x.setStall(false) })
		return 6*time.Minute + time.Duration(r.IntN(180))*time.Second
	})
	ooms := x.s.Rand("ooms")
	x.s.Every(4*time.Minute, func(now time.Time) time.Duration {
		if x.browser.Running() {
			x.browser.Errout(now, `{"level":"warn","msg":"page heap above 90%","url":"https://example.org/report","rss_mb":741}`)
			x.browser.OOMKill()
		}
		return 5*time.Minute + time.Duration(ooms.IntN(240))*time.Second
	})
}

// setStall lets the database's file server be slow, or answer again.
func (x *cortex) setStall(on bool) {
	x.stalled = on
	now := x.s.Now()
	if on {
		x.hub.Sick = "database is locked"
		x.prod.ExtraStall, x.prod.ExtraLoad = 71, 3.2
		x.prod.KernelLog(now, sim.Warning, "nfs: server "+x.p.Addr("192.168.68.90")+" not responding, still trying")
		return
	}
	x.hub.Sick = ""
	x.prod.ExtraStall, x.prod.ExtraLoad = 0, 0
	x.prod.KernelLog(now, sim.Notice, "nfs: server "+x.p.Addr("192.168.68.90")+" OK")
}

func (x *cortex) visit(now time.Time, r *rnd) {
	session := fmt.Sprintf("%d", 400+r.IntN(60))
	method, path := "GET", ""
	switch k := r.IntN(100); {
	case k < 18:
		path = choose(r, "/", "/chat", "/nodes", "/settings")
	case k < 34:
		path = choose(r, "/assets/index-3f2a9c.js", "/assets/index-91bc.css", "/favicon.ico", "/assets/logo.svg")
	case k < 52:
		path = "/api/v1/sessions/" + session
	case k < 66:
		method, path = "POST", "/api/v1/sessions/"+session+"/messages"
	case k < 78:
		path = "/api/v1/nodes"
	case k < 90:
		path = "/api/v1/agent/version"
	default:
		path = choose(r, "/api/v1/users/me", "/api/v1/skills", "/api/v1/knowledge")
	}
	q := newRequest(now, r, x.domain("ai.jerxie.com"), method, path)
	if path == "/api/v1/agent/version" {
		q.agent, q.client = "cortex-agent/1.5 (AutoUpdater)", x.p.Addr(choose(r, "192.168.68.131", "192.168.68.132"))
	}
	x.through(q)
}

// login is a person who comes in by OIDC: to the hub, and from there to Dex.
func (x *cortex) login(now time.Time, r *rnd) {
	q := newRequest(now, r, x.domain("ai.jerxie.com"), "GET", "/api/v1/users/login/oidc")
	if x.through(q) != http.StatusFound {
		return
	}
	then := now.Add(240 * time.Millisecond)
	a := newRequest(then, r, x.domain("auth.jerxie.com"), "GET", "/auth?client_id="+x.clientID+"&response_type=code&scope=openid+profile+email")
	a.client, a.agent = q.client, q.agent
	x.s.At(then, func(now time.Time) { a.at = now; x.through(a) })
}

func (x *cortex) voice(now time.Time, r *rnd) {
	if r.IntN(2) == 0 {
		x.through(newRequest(now, r, x.domain("voice.ai.jerxie.com"), "GET", "/api/v1/voice/ws"))
		return
	}
	x.through(newRequest(now, r, x.domain("ai.jerxie.com"), "POST", "/api/v1/voice/dial"))
}

// through sends a request of the world's own traffic through Envoy and what is behind it; every hop
// writes its line. It returns the status the client got. The site is locked.
func (x *cortex) through(q request) int {
	path, _, _ := strings.Cut(q.path, "?")
	v := x.envoy.route(q.host, q.host, path)
	q.status = v.status
	if x.envoy.chain(q.host) == nil && !x.envoy.c.Running() {
		return 0
	}
	switch v.to.C {
	case x.front:
		q = x.atFront(q)
	case x.python:
		q.status = http.StatusNotFound
		q.bytes = 469
		x.pythonLine(q.at, x.p.Addr("192.168.68.90"), q.method, q.path, q.status)
	case x.dex:
		if q.status = http.StatusFound; strings.Contains(q.path, "client_id=&") {
			q.status = http.StatusBadRequest
			x.dexRefuses(q.at, "")
		}
	}
	if v.cluster == nil || v.to.C == nil {
		q.bytes = len(v.body)
	}
	x.envoy.note(q, v)
	return q.status
}

// atFront is the nginx of the front end.
func (x *cortex) atFront(q request) request {
	if strings.HasPrefix(q.path, "/api/v1/") {
		q = x.atHub(q)
	} else if strings.HasPrefix(q.path, "/favicon") {
		q.status = http.StatusNotFound
	}
	x.front.Out(q.at, q.nginx(x.p.Addr("192.168.68.90")))
	return q
}

// atHub is the API: slow while its database stalls, and wrong now and then.
func (x *cortex) atHub(q request) request {
	peer, upstream := x.front.IP(), "http://"+x.hub.IP()+":8000"
	roll := q.bytes % 1000
	switch {
	case !x.hub.Running() || !x.hub.Ready:
		q.status = http.StatusBadGateway
		x.front.Errout(q.at, q.nginxErr(29, errRefused.Error(), x.p.Addr("192.168.68.90"), x.domain("ai.jerxie.com"), upstream))
		return q
	case x.stalled && roll < 850:
		q.status, q.took = http.StatusGatewayTimeout, 60*time.Second
		x.front.Errout(q.at, q.nginxErr(29, errTimeout.Error(), x.p.Addr("192.168.68.90"), x.domain("ai.jerxie.com"), upstream))
		if roll < 250 {
			x.hubError(q, "/app/app/db/session.py", "get_db", "session.execute(text(\"BEGIN\"))", "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) database is locked")
		}
		return q
	case q.path == "/api/v1/voice/dial":
		q.status = http.StatusBadRequest
		x.hub.Errout(q.at, "WARNING:  Unsupported upgrade request.")
	case strings.HasPrefix(q.path, "/api/v1/users/login/oidc"):
		q.status = http.StatusFound
		x.hub.Errout(q.at, "INFO  [app.api.routes.user] Initiating OIDC login. Client ID: '"+x.clientID+"'")
	case roll < 6:
		q.status = http.StatusInternalServerError
		x.hub.Out(q.at, q.uvicorn(peer))
		x.hubError(q, "/app/app/services/rag.py", "chat_with_rag", "chunk = response.choices[0].delta.content", "IndexError: list index out of range")
		return q
	}
	x.hub.Out(q.at, q.uvicorn(peer))
	if q.method == "POST" && q.status == http.StatusOK {
		x.hub.Errout(q.at, fmt.Sprintf("INFO  [app.services.session] request_id=%s user_id=%d session=%s tokens=%d provider=deepseek", q.id, 10+roll%7, strings.Split(q.path, "/")[4], 80+roll))
	}
	return q
}

func (x *cortex) hubError(q request, file, fn, code, err string) {
	x.hub.Errout(q.at, "ERROR [app.middleware] request_id="+q.id+" unhandled error on "+q.method+" "+q.path)
	for _, l := range traceback(file, fn, code, err) {
		x.hub.Errout(q.at, l)
	}
}

// serveFront answers live requests as the configuration of the nginx says.
func (x *cortex) serveFront(w http.ResponseWriter, r *http.Request) {
	x.s.Lock()
	hub, ready, pid := x.hub, x.hub.Running() && x.hub.Ready, x.front.IP()
	x.s.Unlock()
	out := newCapture()
	switch path := r.URL.Path; {
	case path == "/nginx-health":
		_, _ = w.Write([]byte("ok\n"))
		return
	case strings.HasPrefix(path, "/api/v1/"):
		if !ready {
			nginxError(out, http.StatusBadGateway, "1.27.2")
			break
		}
		pass(out, r, hub.Spec.HTTP[8000], pid, func(r *http.Request) {
			r.Header.Set("X-Forwarded-Proto", "http") // $scheme: this is the fault
			if strings.HasPrefix(path, "/api/v1/voice/") {
				r.Header.Set("Connection", "upgrade")
			}
		})
	case strings.HasPrefix(path, "/assets/"), path == "/favicon.ico":
		out.header.Set("Content-Type", "application/javascript")
		_, _ = out.Write([]byte("/* built */\n"))
	default:
		html(out, page("Cortex Hub"))
	}
	out.header.Set("Server", "nginx/1.27.2")
	peer, _, _ := strings.Cut(r.RemoteAddr, ":")
	x.s.Lock()
	q := request{at: x.s.Now(), id: r.Header.Get("X-Request-Id"), client: r.Header.Get("X-Forwarded-For"), agent: r.UserAgent(), method: r.Method, path: r.URL.RequestURI(), status: out.code, bytes: out.body.Len(), took: 3 * time.Millisecond}
	x.front.Out(q.at, q.nginx(peer))
	x.s.Unlock()
	out.copyTo(w)
}

// serveHub answers live requests as the API does.
func (x *cortex) serveHub(w http.ResponseWriter, r *http.Request) {
	x.s.Lock()
	stalled, id, now := x.stalled, x.clientID, x.s.Now()
	x.s.Unlock()
	scheme := r.Header.Get("X-Forwarded-Proto")
	if scheme == "" {
		scheme = "http"
	}
	out := newCapture()
	switch path := r.URL.Path; {
	case strings.EqualFold(r.Header.Get("Connection"), "upgrade") && r.Header.Get("Upgrade") == "":
		reply(out, http.StatusBadRequest, m2("detail", "Unsupported upgrade request."))
	case stalled && path != "/api/v1/agent/version":
		reply(out, http.StatusServiceUnavailable, map[string]any{"status": "error", "database": "database is locked"})
	case path == "/api/v1/voice/ws" && strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		out.header.Set("Upgrade", "websocket")
		out.header.Set("Connection", "Upgrade")
		out.code = http.StatusSwitchingProtocols
	case path == "/api/v1/health":
		reply(out, http.StatusOK, map[string]any{"status": "ok", "database": "ok"})
	case path == "/api/v1/agent/version":
		if r.Header.Get("X-Agent-Token") != agentKey {
			reply(out, http.StatusUnauthorized, m2("detail", "Invalid agent token"))
			break
		}
		reply(out, http.StatusOK, m2("version", "1.5.2"))
	case path == "/api/v1/users/login/oidc":
		out.header.Set("Location", "https://"+x.domain("auth.jerxie.com")+"/auth?client_id="+id+"&redirect_uri="+scheme+"%3A%2F%2F"+r.Host+"%2Fapi%2Fv1%2Fusers%2Flogin%2Fcallback&response_type=code")
		out.code = http.StatusFound
	case path == "/api/v1/sessions":
		out.header.Set("Location", scheme+"://"+r.Host+"/api/v1/sessions/")
		out.code = http.StatusTemporaryRedirect
	case strings.HasPrefix(path, "/api/v1/"):
		reply(out, http.StatusOK, m2("items", []any{}))
	default:
		reply(out, http.StatusNotFound, m2("detail", "Not Found"))
	}
	out.header.Set("Server", "uvicorn")
	peer, _, _ := strings.Cut(r.RemoteAddr, ":")
	q := request{at: now, method: r.Method, path: r.URL.RequestURI(), status: out.code}
	x.s.Lock()
	if r.URL.Path == "/api/v1/users/login/oidc" && out.code == http.StatusFound {
		x.hub.Errout(now, "INFO  [app.api.routes.user] Initiating OIDC login. Client ID: '"+id+"'")
	}
	x.hub.Out(now, q.uvicorn(peer))
	x.s.Unlock()
	out.copyTo(w)
}
