package worlds

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
)

func (x *stack) newProject(name string, at time.Time) *dokProject {
	p := &dokProject{id: x.id("project " + name), name: name, created: at}
	x.projects = append(x.projects, p)
	return p
}

func (x *stack) newApp(p *dokProject, name, appName string, at time.Time) *dokApp {
	if appName == "" {
		appName = p.name + "-" + name + "-" + x.s.Hex(name+uuid(x.rnd), 6)
	}
	a := &dokApp{id: x.id("app " + name), name: name, appName: appName, status: "idle", port: 8080, created: at, project: p}
	p.apps = append(p.apps, a)
	return a
}

// published are the tags that the registry has.
func published(image string) bool {
	_, tag, _ := strings.Cut(image, ":")
	return slices.Contains([]string{"latest", "v0.1.0", "v0.2.0", "v0.2.1"}, tag)
}

// deploy lets Dokploy deploy an application: the image is pulled, the service updated.
func (x *stack) deploy(a *dokApp, now time.Time, title string) {
	if title == "" {
		title = "Manual deployment"
	}
	d := &dokDeploy{id: x.id("deployment " + a.id), title: title, status: "running", image: a.image, created: now}
	a.deploys = append([]*dokDeploy{d}, a.deploys...)
	a.deploys = a.deploys[:min(len(a.deploys), 10)]
	a.status = "running"
	x.dokploy.Out(now, "Deploying application "+a.appName+" ("+a.image+")")
	x.s.After(time.Duration(9+x.rnd.IntN(8))*time.Second, func(now time.Time) { x.deployed(a, d, now) })
}

func (x *stack) deployed(a *dokApp, d *dokDeploy, now time.Time) {
	if x.app(a.id) != a {
		return // it was deleted meanwhile
	}
	d.done = now
	if !published(d.image) {
		d.status, a.status = "error", "error"
		d.fault = "Error response from daemon: manifest for " + d.image + " not found: manifest unknown: manifest unknown"
		x.dokploy.Errout(now, "Deployment of "+a.appName+" failed: "+d.fault)
		return
	}
	d.status, a.status = "done", "done"
	x.run(a, now, 0)
}

// run makes the service of an application, or replaces its task.
func (x *stack) run(a *dokApp, now time.Time, up time.Duration) {
	if a.svc != nil {
		a.svc.Image, a.svc.Previous = pinned(x.s, a.image), a.svc.Image
		a.svc.Updated = now
		a.svc.Update = &sim.UpdateStatus{State: "completed", Message: "update completed", Started: now.Add(-4 * time.Second), Completed: now}
		if a.box != nil {
			a.box.Restart(-1, nil)
		}
		return
	}
	net := []string{"dokploy-network"}
	box := x.stackBox(a)
	box.Networks, box.Aliases, box.Up = net, []string{a.appName}, up
	var mounts []sim.MountSpec
	if a.volume != "" {
		if x.dok.Volume(a.volume) == nil {
			x.dok.AddVolume(sim.Volume{Name: a.volume, Size: 80 * mib})
		}
		mounts = []sim.MountSpec{vol(a.volume, "/workspace")}
	}
	box.Mounts = mounts
	if up == 0 {
		box.Off = "created"
	}
	a.svc = x.c.service(sim.SwarmService{
		Name: a.appName, Image: pinned(x.s, a.image), Replicas: 1, Networks: net, Mounts: mounts, Env: box.Env, RestartPolicy: "any", Updated: now, Health: box.Health,
	}, box, x.dok.Spec.Name)
	a.box = a.svc.Tasks[0].Container
	a.svc.Created, a.svc.Tasks[0].At = now, now
	if up == 0 {
		a.box.Created = now
		a.box.Event(now, "create")
		a.box.Start()
	}
	x.route(a)
}

// stackBox is the container of the portal, or of a stack.
func (x *stack) stackBox(a *dokApp) sim.ContainerSpec {
	if a.name == "deployer" {
		return sim.ContainerSpec{
			Cmd: []string{"bun", "run", "src/index.ts"}, WorkDir: "/app", Expose: []string{"3000/tcp"}, Env: strings.Split(a.env, "\n"), CPU: 4, CPUSwing: 3, Mem: 120 * mib, MemSwing: 15 * mib, Net: 20e3, Warmup: 2 * time.Second,
			Health: &sim.HealthSpec{Test: []string{"CMD", "bun", "--eval", "fetch('http://localhost:3000/health').then(r=>process.exit(r.ok?0:1))"}, Interval: 30 * time.Second, Timeout: 10 * time.Second, StartPeriod: 5 * time.Second, Retries: 3},
			HTTP:   map[int]http.Handler{3000: serve(x.s, "portal", x.atPortal)},
			Boot: func(c *sim.Container, now time.Time) {
				c.Out(now.Add(900*time.Millisecond), x.portalLine(now, "info", "", "AI Stack Deployer listening on 0.0.0.0:3000", nil))
			},
		}
	}
	return sim.ContainerSpec{
		Cmd: []string{"opencode", "serve", "--hostname", "0.0.0.0", "--port", "8080"}, WorkDir: "/workspace", Expose: []string{"8080/tcp"}, Env: []string{"STACK_NAME=" + a.project.name}, CPU: 5, CPUSwing: 5, Mem: 340 * mib, MemSwing: 80 * mib, Net: 9e3, Warmup: 3 * time.Second,
		HTTP: map[int]http.Handler{8080: serve(x.s, "stack "+a.id, func(q *request) answer {
			if a.box != nil {
				a.box.Out(q.at, fmt.Sprintf("INFO  %s +%dms service=server method=%s path=%s request", q.at.UTC().Format("2006-01-02T15:04:05"), 1+q.took.Milliseconds(), q.method, q.path))
			}
			return answer{status: http.StatusOK, kind: "text/html", body: page("OpenCode")}
		})},
		Boot: func(c *sim.Container, now time.Time) {
			c.Out(now.Add(2*time.Second), "opencode server listening on http://0.0.0.0:8080")
		},
	}
}

// remove takes an application away with everything that belongs to it. Its volume stays.
func (x *stack) remove(a *dokApp) {
	x.unroute(a.appName)
	if a.svc != nil {
		x.c.sw.Services = slices.DeleteFunc(x.c.sw.Services, func(v *sim.SwarmService) bool { return v == a.svc })
	}
	if a.box != nil {
		a.box.Spec.Died = nil
		a.box.Kill("KILL")
		a.box.Remove()
	}
	a.project.apps = slices.DeleteFunc(a.project.apps, func(o *dokApp) bool { return o == a })
}

// create makes a stack as the portal does: project, application, domain, deployment.
func (x *stack) create(name string, at time.Time, up time.Duration) *dokApp {
	p := x.newProject("ai-stack-"+name, at)
	a := x.newApp(p, "opencode-"+name, "", at)
	a.image, a.volume = codeImage+":latest", "portal-ai-workspace-"+name
	a.domains = []dokDomain{{id: x.id("domain " + name), host: x.host(name), port: 8080, https: true}}
	if up > 0 {
		a.status = "done"
		a.deploys = []*dokDeploy{{id: x.id("deployment " + name), title: "Initial deployment", status: "done", image: a.image, created: at, done: at.Add(14 * time.Second)}}
		x.run(a, at, up)
	}
	return a
}

// stackOf finds the stack of a name.
func (x *stack) stackOf(name string) *dokApp {
	for _, p := range x.projects {
		if p.name == "ai-stack-"+name && len(p.apps) > 0 {
			return p.apps[0]
		}
	}
	return nil
}

func (x *stack) buildApps() {
	start := x.s.Start()
	p := x.newProject("ai-stack-deployer-portal", start.Add(-50*day))
	a := x.newApp(p, "deployer", "ai-stack-deployer-portal-deployer-x7k2qp", start.Add(-50*day))
	x.portal = a
	a.image, a.port = portalImage+":latest", 3000
	a.env = "NODE_ENV=production\nPORT=3000\nHOST=0.0.0.0\nDOKPLOY_URL=http://" + x.p.Addr("10.100.0.20") + ":3000\nDOKPLOY_API_TOKEN=" + dokployToken +
		"\nSTACK_DOMAIN_SUFFIX=" + stackDomain + "\nSTACK_IMAGE=" + codeImage + ":latest\nRESERVED_NAMES=admin,api,www,root,system,test,demo,portal,deploy"
	a.domains = []dokDomain{{id: x.id("domain portal"), host: x.host("deploy"), port: 3000, https: true}}
	for i, d := range []struct{ title, tag string }{{"Manual deployment", "v0.1.0"}, {"Rollback to v0.1.0", "v0.1.0"}, {"feat: multi-language support (NL, AR, EN)", "v0.2.0"}, {"fix: SSE timeout 255s", "latest"}} {
		at := start.Add(-time.Duration(50-i*15) * day)
		x := &dokDeploy{id: x.id("deployment portal"), title: d.title, status: "done", image: portalImage + ":" + d.tag, created: at, done: at.Add(16 * time.Second)}
		a.deploys = append([]*dokDeploy{x}, a.deploys...)
	}
	a.deploys[2].status, a.deploys[2].fault = "error", "Error: health check of "+a.appName+" failed after 60s"
	a.status = "done"
	x.run(a, start.Add(-5*day), 5*day)

	x.create("ahmed", start.Add(-9*day), 9*day)
	s := x.create("sanne", start.Add(-3*day), 3*day)
	s.image = codeImage + ":v0.3.0"
	s.status = "error"
	fault := "Error response from daemon: manifest for " + s.image + " not found: manifest unknown: manifest unknown"
	s.deploys = append([]*dokDeploy{{id: x.id("deployment sanne"), title: "Update image", status: "error", fault: fault, image: s.image, created: start.Add(-5 * time.Hour), done: start.Add(-5*time.Hour + 11*time.Second)}}, s.deploys...)
	s.box.Spec.Died = nil
	s.box.Kill("KILL")
	s.box.Remove()
	s.svc.Previous, s.svc.Image = s.svc.Image, s.image
	s.svc.Tasks = nil
	x.c.past(s.svc, x.dok.Spec.Name, 1, "rejected", "No such image: "+s.image, 5*time.Hour)
	s.svc.Tasks[0].ContainerID = ""
	s.svc.Update = &sim.UpdateStatus{State: "paused", Message: "update paused due to failure or early termination of task " + s.svc.Tasks[0].ID, Started: start.Add(-5 * time.Hour)}

	// What is left of a stack whose rollback stopped half way: the file of its domain.
	gone := &dokApp{appName: "ai-stack-smoke-test-opencode-smoke-test-9d01ce", domains: []dokDomain{{host: x.host("smoke-test"), port: 8080, https: true}}}
	x.newProject("ai-stack-smoke-test", start.Add(-30*time.Hour))
	x.route(gone)
}
