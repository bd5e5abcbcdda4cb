//go:build lab

package lab

import (
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/transport"
	"midwatch/ops/deploy"
)

const composeYAML = `services:
  web:
    build: ./web
    image: labdeploy/web:latest
    command: ["serve"]
    environment: {MODE: "@MODE@", API_TOKEN: "sentinel-compose"}
  seed:
    image: lab/svc:1
    command: ["crash", "-after", "200ms", "-code", "0"]
  api:
    image: lab/svc:health
    command: ["serve"]
`

// labProject puts a compose project on a host; its containers, images and files are gone when the test ends.
func (l *Lab) labProject(t *testing.T, host, yaml string) *deploy.Compose {
	t.Helper()
	const dir = "/srv/labdeploy"
	after(t, l.execArgv(t, host, "sh", "-c", `docker ps -aq --filter label=com.docker.compose.project=labdeploy | xargs -r docker rm -f >/dev/null
docker network rm labdeploy_default >/dev/null 2>&1
docker images --format '{{.Repository}}:{{.Tag}}' | grep -E '^labdeploy/|midwatch-undo' | xargs -r docker rmi -f >/dev/null; rm -rf `+dir)...)
	l.put(t, host, dir+"/docker-compose.yml", yaml)
	l.put(t, host, dir+"/web/Dockerfile", "FROM lab/svc:1\nCOPY VERSION /VERSION\n")
	l.put(t, host, dir+"/web/VERSION", "one\n")
	return &deploy.Compose{
		Op: "up", Project: "labdeploy", ProjectDir: dir, Files: []deploy.Text{"docker-compose.yml"},
		Ready: deploy.Ready{StableFor: 2 * time.Second, Within: 30 * time.Second},
	}
}

// running is what runs of the project: "service image state", sorted.
func (l *Lab) running(t *testing.T, host string) string {
	t.Helper()
	out := l.Exec(t, host, "sh", "-c", `for c in $(docker ps -aq --filter label=com.docker.compose.project=labdeploy); do
docker inspect -f '{{index .Config.Labels "com.docker.compose.service"}} {{.Image}} {{.State.Status}} {{.State.ExitCode}}' $c; done`)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// A project is built and brought up, changed and brought up again, and goes back to the image ids it had,
// though what was built before has no name left; the job does not run again.
func TestStepCompose(t *testing.T) {
	l := Open(t)
	l.NeedCompose(t, "h1")
	k := kind(t, "compose")
	set := l.labProject(t, "h1", composeYAML)
	set.Jobs = []deploy.Text{"seed"}
	step := func(run, op string) *stage {
		c := *set
		c.Op, c.NoBuild = op, op == "up"
		s := l.stage(t, "h1", &c)
		s.Run = run
		return s
	}
	step("r1", "build").forward(k)
	first := step("r1", "up").forward(k)
	if strings.Contains(string(first.Data), "sentinel-compose") {
		t.Error("the record holds a value of the environment")
	}
	before := l.running(t, "h1")
	if strings.Count(before, "\n") != 2 || !strings.Contains(before, "seed") || !strings.Contains(before, "exited 0") {
		t.Fatalf("running:\n%s", before)
	}
	again := step("r2", "up")
	if c, err := k.Plan(t.Context(), again.Env); err != nil || strings.Contains(strings.Join(c.Lines, "\n"), "~ recreate") {
		t.Errorf("a second up would recreate: %q, %v", c.Lines, err)
	}

	l.Exec(t, "h1", "sh", "-c", "echo two >/srv/labdeploy/web/VERSION; sed -i 's/@MODE@/new/; s/lab.svc:health/lab\\/svc:1/; s/MODE:/EXTRA: x, MODE:/' /srv/labdeploy/docker-compose.yml")
	build := step("r2", "build")
	built := build.forward(k)
	up := step("r2", "up")
	if c, err := k.Plan(t.Context(), up.Env); err != nil || !strings.Contains(strings.Join(c.Lines, "\n"), "recreate web: image ") || !strings.Contains(strings.Join(c.Lines, "\n"), "+EXTRA") {
		t.Errorf("plan %q, %v", c.Lines, err)
	}
	upped := up.forward(k)
	if l.running(t, "h1") == before {
		t.Fatal("nothing else runs")
	}
	if d, err := k.Drift(t.Context(), up.Env, upped); err != nil || len(d) > 0 {
		t.Errorf("drift %q, %v", d, err)
	}
	l.Exec(t, "h1", "docker", "image", "prune", "-f") // what has no name is deleted
	started := l.Exec(t, "h1", "docker", "inspect", "-f", "{{.State.StartedAt}}", "labdeploy-seed-1")
	build.back(k, built)
	up.back(k, upped)
	if got := l.running(t, "h1"); got != before {
		t.Errorf("before\n%s\nafter the way back\n%s", before, got)
	}
	if now := l.Exec(t, "h1", "docker", "inspect", "-f", "{{.State.StartedAt}}", "labdeploy-seed-1"); now != started {
		t.Errorf("the job ran again at %s", now)
	}
}

// The first up of all goes back to nothing.
func TestStepComposeFirst(t *testing.T) {
	l := Open(t)
	l.NeedCompose(t, "h1")
	k := kind(t, "compose")
	s := l.stage(t, "h1", l.labProject(t, "h1", composeYAML))
	s.Settings.(*deploy.Compose).Jobs = []deploy.Text{"seed"}
	u := s.forward(k)
	s.back(k, u)
	if got := l.running(t, "h1"); got != "" {
		t.Errorf("still there:\n%s", got)
	}
}

// Each of these ends in one line that says which service and why; with the file of before, the way back brings
// the images that ran. A job that had ended is there with its image, and is not run again.
func TestStepComposeTroubles(t *testing.T) {
	l := Open(t)
	l.NeedCompose(t, "h1")
	k := kind(t, "compose")
	set := l.labProject(t, "h1", composeYAML)
	set.Jobs, set.Ready.StableFor = []deploy.Text{"seed"}, time.Second
	l.stage(t, "h1", set).forward(k)
	before := l.running(t, "h1")
	run := 1
	for name, c := range map[string]struct {
		edit, want, op string
		stable         time.Duration
	}{
		"a service that exits after 5 s": {`s/command: \["serve"\]/command: ["crash","-after","5s","-code","3"]/`, "ended with exit 3 after 5", "up", 7 * time.Second},
		"a job that fails":               {`s/"-code", "0"/"-code", "7"/`, "seed: job failed, exit 7", "up", time.Second},
		"a service that ends with 0":     {`s/command: \["serve"\]/command: ["crash","-after","1s","-code","0"]/`, "if that is how it should end, name it in jobs", "up", 3 * time.Second},
		"a healthcheck that fails":       {`s/image: lab.svc:health/image: lab\/svc:health\n    healthcheck: {test: ["CMD", "\/svc", "nothing"], interval: 1s, retries: 1}/`, "healthcheck", "up", time.Second},
		"a build that fails":             {`w /dev/null`, "docker compose build ended with exit", "build", time.Second},
	} {
		run++
		t.Run(name, func(t *testing.T) {
			l.Exec(t, "h1", "sed", "-i", c.edit, "/srv/labdeploy/docker-compose.yml")
			if c.op == "build" {
				l.Exec(t, "h1", "sh", "-c", "echo 'RUN exit 17' >>/srv/labdeploy/web/Dockerfile; echo three >/srv/labdeploy/web/VERSION")
			}
			bad := *set
			bad.Op, bad.Ready.StableFor, bad.Ready.Within = c.op, c.stable, 8*time.Second
			s := l.stage(t, "h1", &bad)
			s.Run = fmt.Sprint("r", run)
			was := l.running(t, "h1")
			u, line := s.fails(k)
			if !strings.Contains(line, c.want) || !strings.HasPrefix(strings.TrimPrefix(line, "effect not seen: "), "h1: ") {
				t.Errorf("the line is %q", line)
			}
			if c.op == "build" {
				l.write(t, "h1", "/srv/labdeploy/web/Dockerfile", "FROM lab/svc:1\nCOPY VERSION /VERSION\n")
			}
			// The way back of a case before this one may have left the job as created, so the look is at the act alone.
			if now := l.running(t, "h1"); c.op == "build" && now != was {
				t.Errorf("a failing build changed what runs\n%s\nto\n%s", was, now)
			}
			l.write(t, "h1", "/srv/labdeploy/docker-compose.yml", composeYAML)
			bad.Ready.StableFor = time.Second
			s.back(k, u)
			if got := l.running(t, "h1"); strings.ReplaceAll(got, "created", "exited") != before {
				t.Errorf("before\n%s\nafter the way back\n%s", before, got)
			}
		})
	}
}

// A login without docker is told so before anything happens.
func TestStepComposeNoDocker(t *testing.T) {
	l := Open(t)
	l.NeedCompose(t, "h1")
	set := l.labProject(t, "h1", composeYAML)
	s := l.stageAs(t, "h1", transport.Target{Name: "h1", Kind: hosts.KindSSH, Alias: "h1", User: "ro", SSHConfig: l.Path("ssh_config")}, set)
	_, err := kind(t, "compose").Record(t.Context(), s.Env)
	if err == nil || !strings.Contains(err.Error(), "may not use docker") {
		t.Errorf("%v", err)
	}
	t.Log(err)
}

// One container is restarted, stopped and started, each seen.
func TestStepContainer(t *testing.T) {
	l := Open(t)
	l.NeedEngine(t, "h1")
	k := kind(t, "container")
	look := func(format string) string {
		return strings.TrimSpace(l.Exec(t, "h1", "docker", "inspect", "-f", format, "victim"))
	}
	after(t, l.execArgv(t, "h1", "docker", "start", "victim")...)
	was := look("{{.State.StartedAt}}")
	s := l.stage(t, "h1", &deploy.Container{Name: "victim", Op: "restart"})
	s.forward(k)
	if look("{{.State.StartedAt}}") == was {
		t.Error("not restarted")
	}
	s = l.stage(t, "h1", &deploy.Container{Name: "victim", Op: "stop"})
	u := s.forward(k)
	if got := look("{{.State.Status}}"); got != "exited" {
		t.Errorf("it is %s", got)
	}
	s.back(k, u)
	if got := look("{{.State.Status}}"); got != "running" {
		t.Errorf("it is %s", got)
	}
}
