package step

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const inspected = `[{"Id":"c1","Name":"/p-web-1","Image":"sha256:aaaaaaaaaaaaaaaa","RestartCount":2,
"State":{"Status":"running","ExitCode":0,"StartedAt":"2026-11-29T15:00:00.5Z","FinishedAt":"0001-01-01T00:00:00Z","Health":{"Status":"healthy"}},
"Config":{"Image":"p/web:latest","Env":["TOKEN=hunter2","A=b"],"Labels":{"com.docker.compose.service":"web","com.docker.compose.config-hash":"h1","other":"x"}},
"NetworkSettings":{"Networks":{"p_default":{}}}},
{"Id":"c0","Name":"/p-job-1","Image":"sha256:b","State":{"Status":"exited","ExitCode":3,"OOMKilled":true},"Config":{"Image":"j"},"NetworkSettings":{}}]`

func TestParseContainers(t *testing.T) {
	got, err := parseContainers([]byte(inspected))
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	job, web := got[0], got[1]
	if web.Name != "p-web-1" || web.Service != "web" || web.Hash != "h1" || web.Health != "healthy" || web.Restarts != 2 ||
		fmt.Sprint(web.Env, web.Networks) != "[TOKEN A] [p_default]" || len(web.Labels) != 2 || web.Started.Second() != 0 {
		t.Errorf("web %+v", web)
	}
	if job.Exit != 3 || !job.OOM || job.Service != "" {
		t.Errorf("job %+v", job)
	}
	if strings.Contains(fmt.Sprintf("%+v", got), "hunter2") {
		t.Error("a value of the environment is kept")
	}
	for _, bad := range []string{"", "null x", "{}", "[1]"} {
		if _, err := parseContainers([]byte(bad)); err == nil {
			t.Errorf("%q is no answer of docker inspect", bad)
		}
	}
}

func FuzzParseContainers(f *testing.F) {
	f.Add([]byte(inspected))
	f.Add([]byte("[]"))
	f.Add([]byte(`[{"Config":null}]`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		list, err := parseContainers(doc)
		if err != nil {
			return
		}
		w := upWish{jobs: map[string]bool{"job": true}, stable: time.Second}
		for _, c := range list {
			if v := w.judgeService(c.Service, list, time.Unix(0, 0)); v.ok && v.fail || v.line == "" {
				t.Errorf("%+v: %+v", c, v)
			}
		}
	})
}

const merged = `{"name":"p","services":{
"web":{"build":{"context":"/x","args":{"KEY":"hunter2"}},"environment":{"TOKEN":"hunter2","MODE":"a"},"labels":{"app.secret":"hunter2"},
 "command":["serve","--token","hunter2"],"depends_on":{"seed":{"condition":"service_completed_successfully"}}},
"seed":{"image":"lab/svc:1","build":null}},"configs":{"c":{"content":"hunter2"}}}`

func TestParseConfig(t *testing.T) {
	got, err := parseConfig([]byte(merged))
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if s := got[0]; s.Name != "seed" || s.Builds || !s.Job || s.Image != "lab/svc:1" {
		t.Errorf("%+v", s)
	}
	if s := got[1]; s.Name != "web" || !s.Builds || s.Job || s.Image != "p-web" || fmt.Sprint(s.EnvKeys) != "[MODE TOKEN]" {
		t.Errorf("%+v", s)
	}
	masked := string(maskConfig([]byte(merged)))
	if strings.Contains(masked, "hunter2") || !strings.Contains(masked, "lab/svc:1") || !strings.Contains(masked, "TOKEN") {
		t.Errorf("%s", masked)
	}
}

func FuzzMaskConfig(f *testing.F) {
	f.Add("hunter2xyz", "MODE")
	f.Fuzz(func(t *testing.T, value, name string) {
		if len(value) < 4 || strings.ContainsAny(value+name, `"\`) || !isText(value+name) || strings.Contains(merged, value) {
			return
		}
		doc := strings.Replace(strings.ReplaceAll(merged, "hunter2", value), "MODE", "M"+name, 1)
		if strings.Contains(value, "<") || strings.Contains(value, "&") || strings.Contains(value, ">") {
			return
		}
		if out := string(maskConfig([]byte(doc))); strings.Contains(out, value) && !strings.Contains(name, value) && out != "{}" {
			t.Errorf("%q is in %s", value, out)
		}
	})
}

func TestJudge(t *testing.T) {
	now := time.Unix(1000, 0)
	w := upWish{
		image: map[string]string{"web": "sha256:new"}, jobs: map[string]bool{"seed": true}, count: map[string]int{"many": 2}, stable: 10 * time.Second,
		restarts: map[string]int{"old": 7},
	}
	c := func(service, state string, up time.Duration) compContainer {
		return compContainer{Service: service, State: state, Image: "sha256:new", Started: now.Add(-up), Finished: now}
	}
	with := func(k compContainer, f func(*compContainer)) compContainer { f(&k); return k }
	for name, k := range map[string]struct {
		service  string
		list     []compContainer
		ok, fail bool
		line     string
	}{
		"none":           {"web", nil, false, false, "no container"},
		"young":          {"web", []compContainer{c("web", "running", 3*time.Second)}, false, false, "3s / 10s"},
		"old enough":     {"web", []compContainer{c("web", "running", 10*time.Second)}, true, false, "no healthcheck"},
		"healthy":        {"web", []compContainer{with(c("web", "running", time.Minute), func(c *compContainer) { c.Health = "healthy" })}, true, false, "healthy, runs for 1m0s"},
		"not decided":    {"web", []compContainer{with(c("web", "running", time.Minute), func(c *compContainer) { c.Health = "starting" })}, false, false, "not decided"},
		"unhealthy":      {"web", []compContainer{with(c("web", "running", time.Minute), func(c *compContainer) { c.Health = "unhealthy" })}, false, false, "healthcheck fails"},
		"another image":  {"web", []compContainer{with(c("web", "running", time.Minute), func(c *compContainer) { c.Image = "sha256:was" })}, false, false, "runs image was, not new"},
		"exit after 5 s": {"web", []compContainer{with(c("web", "exited", 5*time.Second), func(c *compContainer) { c.Exit = 3 })}, false, true, "exit 3 after 5s"},
		"exit 0":         {"web", []compContainer{c("web", "exited", time.Second)}, false, true, "name it in jobs"},
		"loop":           {"web", []compContainer{c("web", "restarting", time.Second)}, false, true, "again and again"},
		"was restarted":  {"web", []compContainer{with(c("web", "running", time.Minute), func(c *compContainer) { c.Restarts = 1 })}, false, true, "once by the engine"},
		"long ago":       {"web", []compContainer{with(c("web", "running", time.Minute), func(c *compContainer) { c.ID, c.Restarts = "old", 7 })}, true, false, ""},
		"out of memory":  {"web", []compContainer{with(c("web", "exited", time.Minute), func(c *compContainer) { c.Exit, c.OOM = 137, true })}, false, true, "out of memory"},
		"job runs":       {"seed", []compContainer{c("seed", "running", time.Hour)}, false, false, "job is running"},
		"job done":       {"seed", []compContainer{c("seed", "exited", time.Second)}, true, false, "job done, exit 0 after 1s"},
		"job failed":     {"seed", []compContainer{with(c("seed", "exited", time.Second), func(c *compContainer) { c.Exit = 7 })}, false, true, "job failed, exit 7"},
		"too few":        {"many", []compContainer{c("many", "running", time.Hour)}, false, false, "1 of 2"},
		"enough":         {"many", []compContainer{c("many", "running", time.Hour), c("many", "running", time.Hour)}, true, false, "(2 containers)"},
		"one of two bad": {"many", []compContainer{c("many", "running", time.Hour), c("many", "exited", time.Hour)}, false, true, "ended with exit 0"},
		"unknown":        {"web", []compContainer{c("web", "", time.Hour)}, false, false, "state unknown"},
	} {
		v := w.judgeService(k.service, k.list, now)
		if v.ok != k.ok || v.fail != k.fail || !strings.Contains(v.line, k.line) {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestRepoOf(t *testing.T) {
	for ref, want := range map[string]string{
		"web": "web", "a/web:1": "a/web", "r:5000/a/web": "r:5000/a/web", "r:5000/web:2": "r:5000/web", "a/web@sha256:1": "a/web",
		"a/web:1@sha256:1": "a/web", "sha256:123": "", "": "",
	} {
		if got := repoOf(ref); got != want {
			t.Errorf("%q: %q, want %q", ref, got, want)
		}
	}
}

func TestUndoTags(t *testing.T) {
	tags := undoTags("r 1", "P", map[string]string{"a": "1", "b": "1", "c": "2", "d": "3"},
		map[string]string{"a": "x/svc:1", "b": "x/svc:1", "c": "x/svc:2", "d": "sha256:3"})
	want := "map[a:x/svc:midwatch-undo-r-1 b:x/svc:midwatch-undo-r-1 c:x/svc:midwatch-undo-r-1.c d:midwatch/p-d:midwatch-undo-r-1]"
	if fmt.Sprint(tags) != want {
		t.Errorf("%v", tags)
	}
	pin := pinFile(map[string]string{"a": "x/svc:u"})
	if pin != "services:\n  \"a\":\n    image: \"x/svc:u\"\n    build: !reset null\n    pull_policy: never\n" {
		t.Errorf("%s", pin)
	}
	refs := refTags("r1", map[string]string{"x/svc:1": "1", "x/svc:9": "9", "x/svc:8": "8", "none": "", "y@sha256:1": "1"},
		map[string]string{"a": "x/svc:midwatch-undo-r1"}, map[string]string{"a": "1"})
	if fmt.Sprint(refs) != "map[x/svc:8:x/svc:midwatch-undo-r1.ref x/svc:9:x/svc:midwatch-undo-r1.ref2]" {
		t.Errorf("%v", refs)
	}
}

func TestCanReset(t *testing.T) {
	for v, want := range map[string]bool{"2.24.4": true, "v2.26.1-4": true, "2.24.3": false, "2.9.0": false, "5.0.1": true, "1.29.2": false, "2.24": false, "": false, "x": false, "2.25": true} {
		if canReset(v) != want {
			t.Errorf("%q: %v", v, !want)
		}
	}
}

func TestBackOf(t *testing.T) {
	c := func(id, service, state string) compContainer {
		return compContainer{ID: id, Service: service, State: state}
	}
	rec := composeRecord{Services: []string{"new", "same", "changed", "job", "two", "stopped"}, Containers: []compContainer{
		c("1", "same", "running"), c("2", "changed", "running"), c("3", "job", "exited"), c("4", "two", "running"), c("5", "two", "running"), c("6", "stopped", "running"),
	}}
	b := backOf(rec, []compContainer{
		c("9", "new", "running"), c("1", "same", "running"), c("8", "changed", "exited"), c("7", "job", "exited"), c("4", "two", "running"), c("6", "stopped", "exited"),
	})
	if fmt.Sprint(b.remove, b.up, b.create, b.count["two"]) != "[new] [changed two stopped] [job] 2" || slices.Contains(b.up, "same") {
		t.Errorf("%+v", b)
	}
	if b := backOf(rec, rec.Containers); len(b.up)+len(b.create)+len(b.remove) != 0 {
		t.Errorf("nothing was changed: %+v", b)
	}
}

func TestComposeFault(t *testing.T) {
	for want, tail := range map[string][]string{
		"failed to solve: exit code: 17": {"#5 x", "failed to solve: exit code: 17", "done"},
		"disk full":                      {"write /x: no space left on device"},
		"it said nothing":                nil,
		"last":                           {"first", "last"},
		"Error response from daemon: port is already": {" Container x Starting", "Error response from daemon: port is already allocated"},
	} {
		if got := composeFault(tail); !strings.Contains(got, want) {
			t.Errorf("%q: %q", tail, got)
		}
	}
}
