package worlds

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
)

// portalLine is a line of the portal's log.
func (x *stack) portalLine(at time.Time, level, id, msg string, extra map[string]any) string {
	m := map[string]any{"time": jsTime(at), "level": level, "msg": msg}
	if id != "" {
		m["requestId"] = id
	}
	for k, v := range extra {
		m[k] = v
	}
	b, _ := json.Marshal(m) //nolint:errchkjson // plain values
	return string(b)
}

func (x *stack) say(q *request, level, msg string, extra map[string]any) {
	x.portal.box.Out(q.at, x.portalLine(q.at, level, q.id, msg, extra))
}

// errDokploy is what the portal says when Dokploy does not do as it is told.
var errDokploy = errors.New("dokploy api: 500 INTERNAL_SERVER_ERROR")

// callDokploy is the portal's way to Dokploy, with a circuit breaker that opens after five failures.
func (x *stack) callDokploy(q *request, what string) error {
	if live(x.dokploy) == nil && live(x.db) == nil {
		if x.broken >= 5 {
			x.say(q, "info", "circuit breaker closed", nil)
		}
		x.broken = 0
		return nil
	}
	x.broken++
	x.say(q, "error", "dokploy call failed", map[string]any{"call": what, "failures": x.broken, "stack": "DokployError: " + errDokploy.Error() + "\n    at DokployClient.request (/app/src/api/dokploy.ts:61:13)\n    at async StackDeployer.run (/app/src/orchestrator/production-deployer.ts:144:22)"})
	if x.broken == 5 {
		x.say(q, "warn", "circuit breaker opened", map[string]any{"threshold": 5, "timeout": "60s"})
	}
	return errDokploy
}

// taken says why a name cannot be had, "" when it can.
func (x *stack) taken(name string) string {
	reserved := strings.Split("admin,api,www,root,system,test,demo,portal,deploy", ",")
	switch {
	case slices.Contains(reserved, name):
		return "reserved"
	case len(name) < 3 || len(name) > 20:
		return "invalid"
	case x.stackOf(name) != nil:
		return "taken"
	}
	return ""
}

// atPortal is the portal.
func (x *stack) atPortal(q *request) answer {
	name, _, _ := strings.Cut(q.path, "?")
	var a answer
	switch rest, check := strings.CutPrefix(name, "/api/check/"); {
	case name == "/health":
		return x.health()
	case check:
		if why := x.taken(rest); why != "" {
			a = jsonAnswer(http.StatusOK, `{"available":false,"valid":true,"reason":"`+why+`"}`)
		} else {
			a = jsonAnswer(http.StatusOK, `{"available":true,"valid":true,"name":"`+rest+`"}`)
		}
	case name == "/api/deploy" && q.method == http.MethodPost:
		a = x.order(q)
	case strings.HasPrefix(name, "/api/status/"):
		return answer{status: http.StatusOK, kind: "text/event-stream", events: stackEvents}
	case strings.HasPrefix(name, "/api/stack/") && q.method == http.MethodDelete:
		a = x.drop(q, strings.TrimPrefix(name, "/api/stack/"))
	case strings.HasPrefix(name, "/api/"):
		a = jsonAnswer(http.StatusNotFound, `{"error":"Not found"}`)
	default:
		return answer{status: http.StatusOK, kind: "text/html", body: strings.Replace(page("AI Stack Deployer"), "<div id=\"root\">", "<select><option>NL</option><option>AR</option><option>EN</option></select><div id=\"root\">", 1)}
	}
	x.say(q, "info", "request", map[string]any{"method": q.method, "path": name, "status": a.status, "durationMs": q.took.Milliseconds()})
	return a
}

func stackEvents(i int) string {
	steps := []string{"creating project", "creating application", "configuring domain", "deploying", "verifying health", "completed"}
	if i >= len(steps) {
		return ""
	}
	return fmt.Sprintf("event: progress\ndata: {\"step\":%q,\"percent\":%d}\n\n", steps[i], (i+1)*100/len(steps))
}

func (x *stack) health() answer {
	status, breaker, dok := "healthy", "closed", "connected"
	if live(x.db) != nil || live(x.dokploy) != nil {
		status, dok = "degraded", "error"
	}
	if x.broken >= 5 {
		status, breaker = "degraded", "open"
	}
	return jsonAnswer(http.StatusOK, fmt.Sprintf(`{"status":%q,"version":"0.2.1","service":"ai-stack-deployer","dokploy":%q,"circuitBreaker":%q,"stacks":%d}`, status, dok, breaker, len(x.projects)-1))
}

// order creates a stack.
func (x *stack) order(q *request) answer {
	var in struct {
		Name string `json:"name"`
	}
	if json.Unmarshal([]byte(q.sent), &in) != nil || x.taken(in.Name) != "" {
		return jsonAnswer(http.StatusBadRequest, `{"error":"Name is not available"}`)
	}
	x.say(q, "info", "deployment started", map[string]any{"stack": in.Name, "phase": "initializing"})
	if err := x.callDokploy(q, "project.create"); err != nil {
		x.say(q, "error", "deployment failed, rolled back", map[string]any{"stack": in.Name, "phase": "creating_project", "error": err.Error()})
		return jsonAnswer(http.StatusBadGateway, `{"error":"Deployment failed"}`)
	}
	a := x.create(in.Name, q.at, 0)
	x.deploy(a, q.at, "Initial deployment")
	x.s.At(q.at.Add(20*time.Second), func(now time.Time) {
		done := *q
		done.at = now
		x.say(&done, "info", "deployment finished", map[string]any{"stack": in.Name, "phase": "completed", "url": "https://" + x.host(in.Name), "status": a.status})
	})
	return jsonAnswer(http.StatusAccepted, `{"success":true,"deploymentId":"dep_`+q.id[:8]+`","url":"https://`+x.host(in.Name)+`"}`)
}

// drop deletes a stack: domain, application, project.
func (x *stack) drop(q *request, name string) answer {
	a := x.stackOf(name)
	if a == nil {
		return jsonAnswer(http.StatusNotFound, `{"error":"Stack not found"}`)
	}
	if x.callDokploy(q, "project.remove") != nil {
		return jsonAnswer(http.StatusBadGateway, `{"error":"Deletion failed"}`)
	}
	p := a.project
	x.remove(a)
	x.projects = slices.DeleteFunc(x.projects, func(o *dokProject) bool { return o == p })
	x.say(q, "info", "stack deleted", map[string]any{"stack": name, "removed": []string{"domain", "application", "project"}})
	return jsonAnswer(http.StatusOK, `{"success":true}`)
}

// through sends a request over both proxies.
func (x *stack) through(q request) {
	q.peer = q.client
	x.outer.through(q, "websecure", func(*sim.Container) hop {
		return func(q *request) answer {
			if q.host == x.p.Domain("app.flexinit.nl") {
				return x.atDokploy(q)
			}
			in := *q
			in.client = x.edge.Spec.Addr
			return x.inner.through(in, "websecure", func(c *sim.Container) hop {
				if c == x.portal.box {
					return x.atPortal
				}
				return func(*request) answer { return answer{status: http.StatusOK, body: "ok"} }
			})
		}
	})
}

// live lets people look, create stacks and throw them away.
func (x *stack) live() {
	often(x.s, "portal", 0.5, func(now time.Time, r *rnd) {
		x.through(newRequest(now, r, x.host("deploy"), "GET", choose(r, "/", "/api/check/test-name", "/api/check/lab-"+uuid(r)[:4], "/assets/app.js", "/health")))
	})
	often(x.s, "stacks", 0.4, func(now time.Time, r *rnd) {
		x.through(newRequest(now, r, x.host(choose(r, "ahmed", "ahmed", "ahmed", "sanne", "smoke-test")), "GET", choose(r, "/", "/session", "/event", "/config")))
	})
	often(x.s, "dokploy ui", 0.05, func(now time.Time, r *rnd) {
		x.through(newRequest(now, r, x.p.Domain("app.flexinit.nl"), "GET", choose(r, "/dashboard/projects", "/api/trpc/project.all")))
	})
	if x.p.Calm {
		return
	}
	n := 0
	x.s.Every(2*time.Minute, func(now time.Time) time.Duration {
		n++
		name := fmt.Sprintf("lab-%d", n)
		q := newRequest(now, x.rnd, x.host("deploy"), "POST", "/api/deploy")
		q.sent = `{"name":"` + name + `"}`
		x.through(q)
		x.s.After(7*time.Minute, func(now time.Time) {
			q := newRequest(now, x.rnd, x.host("deploy"), "DELETE", "/api/stack/"+name)
			x.through(q)
		})
		return 3*time.Minute + time.Duration(x.rnd.IntN(60))*time.Second
	})
	x.s.Every(5*time.Minute, func(time.Time) time.Duration {
		x.db.Restart(-1, nil)
		for i := range 6 { // somebody tries again and again
			x.s.After(time.Duration(1+i)*time.Second, func(now time.Time) {
				q := newRequest(now, x.rnd, x.host("deploy"), "POST", "/api/deploy")
				q.sent = `{"name":"again"}`
				x.through(q)
			})
		}
		return 8 * time.Minute
	})
}
