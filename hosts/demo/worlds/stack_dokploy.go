package worlds

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
)

// dokProject is a project of Dokploy.
type dokProject struct {
	id, name string
	created  time.Time
	apps     []*dokApp
}

// dokApp is an application: a Swarm service with its deployments.
type dokApp struct {
	id, name, appName string
	image, env        string
	status            string // idle, running, done, error
	port              int    // of the program inside
	created           time.Time
	domains           []dokDomain
	deploys           []*dokDeploy // the newest first
	project           *dokProject
	volume            string
	box               *sim.Container
	svc               *sim.SwarmService
}

type dokDomain struct {
	id, host string
	port     int
	https    bool
}

type dokDeploy struct {
	id, title, status, fault string
	image                    string
	created, done            time.Time
}

// jsTime is a time as JavaScript writes it.
func jsTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func (d dokDomain) doc(a *dokApp) map[string]any {
	kind := "none"
	if d.https {
		kind = "letsencrypt"
	}
	return map[string]any{
		"domainId": d.id, "host": d.host, "https": d.https, "port": d.port, "path": "/", "internalPath": "/", "stripPath": false, "serviceName": nil, "domainType": "application", "uniqueConfigKey": 1,
		"createdAt": jsTime(a.created), "composeId": nil, "applicationId": a.id, "certificateType": kind, "customCertResolver": nil,
	}
}

func (d *dokDeploy) doc(a *dokApp) map[string]any {
	m := map[string]any{
		"deploymentId": d.id, "title": d.title, "description": "", "status": d.status, "logPath": "/etc/dokploy/logs/" + a.appName + "/" + a.appName + "-" + d.created.UTC().Format("2006-01-02:15:04:05") + ".log",
		"applicationId": a.id, "composeId": nil, "serverId": nil, "createdAt": jsTime(d.created), "startedAt": jsTime(d.created), "finishedAt": jsTime(d.done), "errorMessage": nil, "rollbackId": nil,
	}
	if d.fault != "" {
		m["errorMessage"] = d.fault
	}
	return m
}

// doc is an application: with all Dokploy knows of it, or as a list shows it.
func (a *dokApp) doc(full bool) map[string]any {
	m := map[string]any{
		"applicationId": a.id, "name": a.name, "appName": a.appName, "description": "", "applicationStatus": a.status, "sourceType": "docker", "dockerImage": a.image, "replicas": 1,
		"createdAt": jsTime(a.created), "environmentId": "env-" + a.project.id, "serverId": nil, "buildType": "nixpacks", "autoDeploy": true,
	}
	domains, deploys := []any{}, []any{}
	for _, d := range a.domains {
		domains = append(domains, d.doc(a))
	}
	m["domains"] = domains
	if !full {
		return m
	}
	for _, d := range a.deploys {
		deploys = append(deploys, d.doc(a))
	}
	m["deployments"], m["env"], m["registryUrl"], m["username"], m["password"] = deploys, a.env, "git.app.flexinit.nl", "oussamadouhou", "demo-not-a-secret"
	mounts := []any{}
	if a.volume != "" {
		mounts = append(mounts, map[string]any{"mountId": "mnt-" + a.id, "type": "volume", "volumeName": a.volume, "mountPath": "/workspace", "serviceType": "application", "applicationId": a.id})
	}
	m["mounts"], m["ports"], m["redirects"], m["security"], m["memoryLimit"], m["restartPolicySwarm"] = mounts, []any{}, []any{}, []any{}, nil, nil
	return m
}

func (p *dokProject) doc() map[string]any {
	apps := []any{}
	for _, a := range p.apps {
		apps = append(apps, a.doc(false))
	}
	env := map[string]any{
		"environmentId": "env-" + p.id, "name": "production", "description": "Production environment", "createdAt": jsTime(p.created), "env": "", "projectId": p.id,
		"applications": apps, "compose": []any{}, "mariadb": []any{}, "mongo": []any{}, "mysql": []any{}, "postgres": []any{}, "redis": []any{},
	}
	return map[string]any{"projectId": p.id, "name": p.name, "description": "", "createdAt": jsTime(p.created), "organizationId": "org-1", "env": "", "environments": []any{env}}
}

func trpc(status int, code, message string) answer {
	b, _ := json.Marshal(map[string]any{"message": message, "code": code}) //nolint:errchkjson // plain values
	return jsonAnswer(status, string(b))
}

func docAnswer(v any) answer {
	b, _ := json.Marshal(v) //nolint:errchkjson // plain values
	return jsonAnswer(http.StatusOK, string(b))
}

// atDokploy is Dokploy's API and page.
func (x *stack) atDokploy(q *request) answer {
	u, err := url.ParseRequestURI(q.path)
	call, ok := "", false
	if err == nil {
		call, ok = strings.CutPrefix(u.Path, "/api/")
	}
	switch {
	case !ok:
		return answer{status: http.StatusOK, kind: "text/html", body: page("Dokploy")}
	case q.live && q.get("x-api-key") != dokployToken:
		return trpc(http.StatusUnauthorized, "UNAUTHORIZED", "Unauthorized")
	case live(x.db) != nil:
		x.dokploy.Errout(q.at, "PostgresError: connect ECONNREFUSED dokploy-postgres:5432 on "+call)
		return trpc(http.StatusInternalServerError, "INTERNAL_SERVER_ERROR", "connect ECONNREFUSED dokploy-postgres:5432")
	case q.method == http.MethodGet:
		return x.dokRead(call, u.Query())
	case q.method == http.MethodPost:
		in := map[string]any{}
		if q.sent != "" && json.Unmarshal([]byte(q.sent), &in) != nil {
			return trpc(http.StatusBadRequest, "BAD_REQUEST", "Input validation failed")
		}
		return x.dokWrite(q.at, call, func(k string) string { s, _ := in[k].(string); return s }, in)
	}
	return trpc(http.StatusMethodNotAllowed, "METHOD_NOT_SUPPORTED", "Unsupported method")
}

func (x *stack) app(id string) *dokApp {
	for _, p := range x.projects {
		for _, a := range p.apps {
			if a.id == id {
				return a
			}
		}
	}
	return nil
}

func (x *stack) project(id string) *dokProject {
	for _, p := range x.projects {
		if p.id == id || "env-"+p.id == id {
			return p
		}
	}
	return nil
}

func (x *stack) dokRead(call string, in url.Values) answer {
	a := x.app(in.Get("applicationId"))
	switch call {
	case "project.all":
		out := []any{}
		for _, p := range x.projects {
			out = append(out, p.doc())
		}
		return docAnswer(out)
	case "project.one":
		if p := x.project(in.Get("projectId")); p != nil {
			return docAnswer(p.doc())
		}
		return trpc(http.StatusNotFound, "NOT_FOUND", "Project not found")
	case "settings.getDokployVersion":
		return docAnswer("v0.25.6")
	case "application.one", "domain.byApplicationId", "deployment.all":
		if a == nil {
			return trpc(http.StatusNotFound, "NOT_FOUND", "Application not found")
		}
		full := a.doc(true)
		switch call {
		case "domain.byApplicationId":
			return docAnswer(full["domains"])
		case "deployment.all":
			return docAnswer(full["deployments"])
		}
		return docAnswer(full)
	}
	return trpc(http.StatusNotFound, "NOT_FOUND", "No \"query\"-procedure on path \""+call+"\"")
}

// dokWrite changes something. Every call that names what does not exist is answered with 404.
func (x *stack) dokWrite(now time.Time, call string, in func(string) string, raw map[string]any) answer {
	a, p := x.app(in("applicationId")), x.project(in("projectId")+in("environmentId"))
	missing := trpc(http.StatusNotFound, "NOT_FOUND", "Not found")
	switch call {
	case "project.create":
		p = x.newProject(in("name"), now)
		return docAnswer(map[string]any{"project": p.doc(), "environment": m2("environmentId", "env-"+p.id)})
	case "project.remove":
		if p == nil {
			return missing
		}
		for _, a := range slices.Clone(p.apps) {
			x.remove(a)
		}
		x.projects = slices.DeleteFunc(x.projects, func(o *dokProject) bool { return o == p })
		return docAnswer(p.doc())
	case "application.create":
		if p == nil {
			return missing
		}
		return docAnswer(x.newApp(p, in("name"), "", now).doc(true))
	case "domain.delete":
		return x.dropDomain(in("domainId"))
	}
	if a == nil {
		return missing
	}
	switch call {
	case "application.update", "application.saveDockerProvider":
		if v := in("dockerImage"); v != "" {
			a.image = v
		}
		return docAnswer(true)
	case "application.saveEnvironment":
		a.env = in("env")
		return docAnswer(true)
	case "application.deploy", "application.redeploy":
		x.deploy(a, now, in("title"))
		return docAnswer(true)
	case "application.stop":
		if a.box != nil {
			a.box.Stop(-1, nil)
		}
		a.status = "idle"
		return docAnswer(a.doc(true))
	case "application.start":
		if a.box != nil {
			a.box.Start()
		}
		a.status = "done"
		return docAnswer(a.doc(true))
	case "application.delete":
		x.remove(a)
		return docAnswer(a.doc(true))
	case "domain.create":
		port, _ := raw["port"].(float64)
		https, _ := raw["https"].(bool)
		d := dokDomain{id: x.id("domain" + in("host")), host: in("host"), port: int(port), https: https}
		a.domains = append(a.domains, d)
		x.route(a)
		return docAnswer(d.doc(a))
	}
	return trpc(http.StatusNotFound, "NOT_FOUND", "No \"mutation\"-procedure on path \""+call+"\"")
}

func (x *stack) dropDomain(id string) answer {
	for _, p := range x.projects {
		for _, a := range p.apps {
			for i, d := range a.domains {
				if d.id == id {
					a.domains = slices.Delete(a.domains, i, i+1)
					x.route(a)
					return docAnswer(d.doc(a))
				}
			}
		}
	}
	return trpc(http.StatusNotFound, "NOT_FOUND", "Domain not found")
}

// id is one of Dokploy's: 21 letters.
func (x *stack) id(of string) string { return x.s.Hex(of+uuid(x.rnd), 21) }
