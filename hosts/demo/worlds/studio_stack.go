package worlds

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
)

const (
	studioRegistry = "workflowbuilder.azurecr.io/ai-studio/"
	studioModel    = "mistralai/mistral-small-3.2-24b-instruct"
	studioNew      = "9f31c2e" // commit of the images
	studioOld      = "3f8c1a2" // the commit before the fixes
)

// studioStack is the stack in one of its two orchestrations. The site's lock guards it.
type studioStack struct {
	s      *sim.Site
	h      *sim.Host // with the web server
	domain string
	events bool // nginx has a location for server-sent events
	debug  bool // and one for the Temporal UI

	web, backend, worker, appDB, temporalDB, temporal *sim.Container

	nginx *nginxBox
	rnd   *rnd
	seen  map[string]*budget // runs by address, as the backend's limiter counts them
}

// budget is how many runs an address has started.
type budget struct {
	minute, day time.Time
	inMinute, n int
}

// allow counts a run: ten a minute and fifty a day.
func (b *budget) allow(now time.Time) (left bool, window string) {
	if now.Sub(b.minute) >= time.Minute {
		b.minute, b.inMinute = now.Truncate(time.Minute), 0
	}
	if now.Sub(b.day) >= day {
		b.day, b.n = now.Truncate(day), 0
	}
	switch {
	case b.n >= 50:
		return false, "day"
	case b.inMinute >= 10:
		return false, "minute"
	}
	b.inMinute++
	b.n++
	return true, ""
}

// pino is a line of the backend's log.
func (k *studioStack) pino(at time.Time, level int, id, msg string, extra map[string]any) {
	m := map[string]any{"level": level, "time": at.UnixMilli(), "pid": 1, "hostname": k.backend.Short(), "msg": msg}
	if id != "" {
		m["reqId"] = id
	}
	for key, v := range extra {
		m[key] = v
	}
	b, _ := json.Marshal(m) //nolint:errchkjson // plain values
	k.backend.Out(at, string(b))
}

// atWeb is the nginx of the stack.
func (k *studioStack) atWeb(q *request) answer {
	path, _, _ := strings.Cut(q.path, "?")
	q.id = strings.ReplaceAll(q.id, "-", "") // $request_id
	q.set("X-Request-Id", q.id)
	var a answer
	switch {
	case path == "/healthz":
		return textAnswer(http.StatusOK, "ok\n")
	case strings.HasPrefix(path, "/api/"):
		to := "http://" + k.backendAddr() + ":3001"
		a = k.nginx.upstream(q, k.reach(), "_", to, k.atBackend)
	case k.debug && strings.HasPrefix(path, "/temporal/"):
		k.nginx.err(q.at, fmt.Sprintf("%s [error] %d#%d: *%d temporal-ui could not be resolved (3: Host not found), client: %s, server: _, request: \"%s %s HTTP/1.1\", host: \"%s\"",
			q.at.UTC().Format("2006/01/02 15:04:05"), k.nginx.worker, k.nginx.worker, 7000+k.nginx.n, q.peer, q.method, q.path, q.host))
		a = nginxAnswer(http.StatusBadGateway, k.nginx.version)
	case strings.HasPrefix(path, "/assets/"):
		a = answer{status: http.StatusOK, kind: "application/javascript", body: "/* built */\n", server: "nginx/" + k.nginx.version}
	default:
		a = answer{status: http.StatusOK, kind: "text/html", body: page("AI Studio"), server: "nginx/" + k.nginx.version}
	}
	k.nginx.log(q, a)
	return a
}

func (k *studioStack) reach() error { return live(k.backend) }

func (k *studioStack) backendAddr() string {
	if ip := k.backend.IP(); ip != "" {
		return ip
	}
	return "backend"
}

// atBackend is the API. Who asks is whom nginx names in X-Forwarded-For: its own peer.
func (k *studioStack) atBackend(q *request) answer {
	path, _, _ := strings.Cut(q.path, "?")
	a := k.route(q, path)
	q.status = a.status
	if path != "/api/health" || a.status != http.StatusOK {
		k.pino(q.at.Add(q.took), 30, q.id, "request completed", map[string]any{
			"req": map[string]any{"method": q.method, "url": q.path, "remoteAddress": q.peer}, "res": m2("statusCode", a.status), "responseTime": float64(q.took.Microseconds()) / 1000,
		})
	}
	return a
}

func (k *studioStack) route(q *request, path string) answer {
	if live(k.appDB) != nil {
		k.failed(q, "Error", "connect ECONNREFUSED "+k.appDB.Spec.Aliases[0]+":5432", "at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1610:16)")
		if path == "/api/health" {
			return jsonAnswer(http.StatusServiceUnavailable, `{"status":"error","database":"unreachable"}`)
		}
		return jsonAnswer(http.StatusInternalServerError, `{"error":"Internal Server Error","reqId":"`+q.id+`"}`)
	}
	switch {
	case path == "/api/health":
		return jsonAnswer(http.StatusOK, `{"status":"ok","database":"ok","migrations":"applied"}`)
	case strings.HasSuffix(path, "/events"):
		id := strings.Split(path, "/")[3]
		return answer{status: http.StatusOK, kind: "text/event-stream", header: map[string]string{"Cache-Control": "no-cache"}, events: studioEvents(id)}
	case strings.HasSuffix(path, "/execute") && q.method == http.MethodPost:
		return k.execute(q, path)
	case strings.HasSuffix(path, "/execute"):
		return jsonAnswer(http.StatusMethodNotAllowed, `{"error":"Method Not Allowed"}`)
	case path == "/api/workflows" || path == "/api/templates":
		return jsonAnswer(http.StatusOK, `[{"id":"sales-inquiry","name":"Sales Inquiry Pipeline"},{"id":"support-triage","name":"Support Triage"}]`)
	case strings.HasPrefix(path, "/api/workflows/") || strings.HasPrefix(path, "/api/executions/"):
		return jsonAnswer(http.StatusOK, `{"id":"`+strings.Split(path, "/")[3]+`"}`)
	default:
		return jsonAnswer(http.StatusNotFound, `{"error":"Not Found"}`)
	}
}

// studioEvents is the stream of one run.
func studioEvents(id string) func(int) string {
	steps := []string{"execution_started", "node_started", "node_completed", "node_started", "node_completed", "execution_completed"}
	return func(i int) string {
		if i >= len(steps) {
			return ""
		}
		return fmt.Sprintf("event: %s\ndata: {\"executionId\":%q,\"seq\":%d}\n\n", steps[i], id, i+1)
	}
}

// execute starts a run, when the address has runs left.
func (k *studioStack) execute(q *request, path string) answer {
	b := k.seen[q.peer]
	if b == nil {
		b = &budget{}
		k.seen[q.peer] = b
	}
	if ok, window := b.allow(q.at); !ok {
		k.pino(q.at, 40, q.id, "rate limit exceeded", map[string]any{"ip": q.peer, "window": window, "route": "POST /api/workflows/:id/execute"})
		a := jsonAnswer(http.StatusTooManyRequests, `{"error":"Too Many Requests","window":"`+window+`"}`)
		a.header = map[string]string{"Retry-After": "60"}
		return a
	}
	if k.temporal == nil || live(k.temporal) != nil {
		k.failed(q, "ServiceError", "14 UNAVAILABLE: No connection established. Last error: connect ECONNREFUSED temporal:7233", "at Connection.workflowService (/app/node_modules/@temporalio/client/src/connection.ts:412:9)")
		return jsonAnswer(http.StatusInternalServerError, `{"error":"Internal Server Error","reqId":"`+q.id+`"}`)
	}
	id := "exec-" + q.id[:8]
	if k.rnd.IntN(40) == 0 {
		k.failed(q, "TypeError", "Cannot read properties of undefined (reading 'conditions')", "at branchMatches (/app/packages/execution-core/src/decision.ts:61:24)",
			"at evaluateDecision (/app/packages/execution-core/src/decision.ts:33:18)", "at startExecution (/app/apps/backend/src/executions/start.ts:74:20)", "at Object.<anonymous> (/app/apps/backend/src/routes/execute.ts:41:5)")
		return jsonAnswer(http.StatusInternalServerError, `{"error":"Internal Server Error","reqId":"`+q.id+`"}`)
	}
	k.pino(q.at, 30, q.id, "execution started", map[string]any{"executionId": id, "workflowId": strings.Split(path, "/")[3], "taskQueue": "ai-studio"})
	k.work(q.at.Add(90*time.Millisecond), id)
	return jsonAnswer(http.StatusAccepted, `{"executionId":"`+id+`","status":"running"}`)
}

// failed writes an error with its stack.
func (k *studioStack) failed(q *request, kind, message string, at ...string) {
	k.pino(q.at, 50, q.id, "request errored", map[string]any{
		"err": map[string]any{"type": kind, "message": message, "stack": kind + ": " + message + "\n    " + strings.Join(at, "\n    ")},
		"req": map[string]any{"method": q.method, "url": q.path, "remoteAddress": q.peer},
	})
}

// work is a run in the worker, when there is one: otherwise it stays in the queue.
func (k *studioStack) work(at time.Time, id string) {
	line := func(at time.Time, level, text string) {
		k.worker.Out(at, fmt.Sprintf("%s [%s] %s", at.UTC().Format("2006-01-02T15:04:05.000Z"), level, text))
	}
	k.s.At(at, func(now time.Time) {
		if live(k.worker) != nil {
			return
		}
		line(now, "INFO", fmt.Sprintf("Workflow started { workflowId: '%s', taskQueue: 'ai-studio', workflowType: 'runWorkflow' }", id))
		end := now
		for i := range 2 + k.rnd.IntN(3) {
			end = end.Add(time.Duration(600+k.rnd.IntN(2400)) * time.Millisecond)
			if k.rnd.IntN(25) == 0 {
				line(end, "WARN", fmt.Sprintf("Activity failed { workflowId: '%s', activityType: 'runAiNode', attempt: 1, error: OpenRouterError: 502 Bad Gateway from https://openrouter.ai/api/v1/chat/completions }", id))
				end = end.Add(2 * time.Second)
			}
			line(end, "INFO", fmt.Sprintf("Activity completed { workflowId: '%s', activityType: 'runAiNode', node: %d, model: '%s', costUsd: 0.000%d }", id, i+1, studioModel, 2+k.rnd.IntN(7)))
		}
		line(end.Add(40*time.Millisecond), "INFO", fmt.Sprintf("Workflow completed { workflowId: '%s', event: 'execution_completed' }", id))
	})
}

// bootBackend migrates the database and listens, or gives up when the database does not answer.
func (k *studioStack) bootBackend(c *sim.Container, now time.Time) {
	k.s.At(now.Add(2200*time.Millisecond), func(now time.Time) {
		if !c.Running() {
			return
		}
		if live(k.appDB) != nil {
			k.pino(now, 60, "", "database migrations failed", map[string]any{"err": map[string]any{
				"type": "Error", "message": "connect ECONNREFUSED app-db:5432", "stack": "Error: connect ECONNREFUSED app-db:5432\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1610:16)\n    at migrate (/app/node_modules/drizzle-orm/postgres-js/migrator.js:7:9)\n    at boot (/app/apps/backend/src/index.ts:22:3)",
			}})
			c.Fail(1)
			return
		}
		k.pino(now, 30, "", "database migrations applied", map[string]any{"folder": "apps/backend/drizzle", "count": 7})
		k.pino(now.Add(300*time.Millisecond), 30, "", "Server listening at http://0.0.0.0:3001", nil)
	})
}

// bootWorker connects to Temporal at the address it was given.
func (k *studioStack) bootWorker(c *sim.Container, now time.Time) {
	for i, t := range []string{
		"[INFO] Creating worker { options: { namespace: 'default', identity: '1@" + c.Short() + "', taskQueue: 'ai-studio' } }",
		"[INFO] Workflow bundle created { size: '1.42MB' }", "[INFO] Worker state changed { state: 'RUNNING' }",
	} {
		at := now.Add(time.Duration(900+i*1400) * time.Millisecond)
		c.Out(at, at.UTC().Format("2006-01-02T15:04:05.000Z")+" "+t)
	}
}

// postgres is a database of the stack.
func postgres(role string, up time.Duration, mem float64) sim.ContainerSpec {
	return sim.ContainerSpec{
		Image: "postgres:16.9-alpine", Entrypoint: []string{"docker-entrypoint.sh"}, Cmd: []string{"postgres"}, Expose: []string{"5432/tcp"}, Up: up, CPU: 3, CPUSwing: 2, Mem: mem, MemSwing: mem / 10, Net: 20e3,
		Env:    []string{"POSTGRES_USER=" + role, "POSTGRES_PASSWORD=demo-not-a-secret", "POSTGRES_DB=" + role, "PGDATA=/var/lib/postgresql/data"},
		Health: &sim.HealthSpec{Test: []string{"CMD-SHELL", "pg_isready -U " + role}, Interval: 10 * time.Second, Good: "/var/run/postgresql:5432 - accepting connections\n", Bad: "/var/run/postgresql:5432 - rejecting connections\n", BadExit: 1},
		Banner: map[int]string{5432: ""}, Warmup: 7 * time.Second, StopTime: 700 * time.Millisecond,
		Boot: func(c *sim.Container, now time.Time) {
			for i, t := range []string{"starting PostgreSQL 16.9 on x86_64-pc-linux-musl", "listening on IPv4 address \"0.0.0.0\", port 5432", "database system was shut down at " + now.UTC().Format("2006-01-02 15:04:05 MST"), "database system is ready to accept connections"} {
				at := now.Add(time.Duration(i*i*700) * time.Millisecond)
				c.Errout(at, at.UTC().Format("2006-01-02 15:04:05.000 MST")+" [1] LOG:  "+t)
			}
		},
		Halt: func(c *sim.Container, now time.Time) {
			c.Errout(now, now.UTC().Format("2006-01-02 15:04:05.000 MST")+" [1] LOG:  received fast shutdown request")
		},
	}
}
