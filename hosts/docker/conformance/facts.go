package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"midwatch/hosts"
	"midwatch/hosts/docker"
)

func testEngine(t *testing.T, f Fixture) {
	e, err := f.Client.Engine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if e.Version == "" || e.APIVersion == "" || e.OS == "" || e.Kernel == "" || e.NCPU < 1 || e.MemTotal == 0 || e.LogDriver == "" || e.Swarm == "" {
		t.Errorf("engine %+v", e)
	}
}

// sentinel must not be seen anywhere.
const sentinel = "hunter2-sentinel"

func testFacts(t *testing.T, f Fixture) {
	before := time.Now().Add(-time.Minute)
	name := f.Create(t, Spec{
		Stays: true, Port: 80, Policy: "unless-stopped",
		Labels: map[string]string{"com.docker.compose.project": "shop", "com.docker.compose.service": "web", "api.token": sentinel},
		Env:    map[string]string{"DB_PASSWORD": sentinel, "PLAIN": sentinel},
	})
	c := mustFind(t, f, name)
	if c.State != "running" || !strings.HasPrefix(c.Status, "Up") || !c.Inspected || c.PID == 0 || c.Health != hosts.HealthNone {
		t.Errorf("state %q, status %q, inspected %v, pid %d, health %v", c.State, c.Status, c.Inspected, c.PID, c.Health)
	}
	if len(c.ID) != 64 || !strings.HasPrefix(c.ImageID, "sha256:") || c.Image == "" || len(c.Command) == 0 {
		t.Errorf("id %q, image %q %q, command %q", c.ID, c.Image, c.ImageID, c.Command)
	}
	if c.Project != "shop" || c.Service != "web" || c.Policy != "unless-stopped" || c.LogDriver == "" || c.NetMode == "" {
		t.Errorf("project %q, service %q, policy %q, log driver %q, network mode %q", c.Project, c.Service, c.Policy, c.LogDriver, c.NetMode)
	}
	if c.Created.Before(before) || c.Started.Before(c.Created) || !c.Finished.IsZero() {
		t.Errorf("created %v, started %v, finished %v", c.Created, c.Started, c.Finished)
	}
	if c.Labels["api.token"] != hosts.Dots {
		t.Errorf("label api.token is %q", c.Labels["api.token"])
	}
	for _, name := range []string{"DB_PASSWORD", "PLAIN"} {
		if !slices.Contains(c.EnvNames, name) {
			t.Errorf("environment %q lacks %s", c.EnvNames, name)
		}
	}
	if !slices.ContainsFunc(c.Ports, func(p hosts.Port) bool {
		return p.ContainerPort == 80 && p.HostIP == "127.0.0.1" && p.HostPort != 0 && p.Proto == "tcp"
	}) {
		t.Errorf("ports %+v", c.Ports)
	}
	if len(c.Networks) == 0 || c.Networks[0].IP == "" {
		t.Errorf("networks %+v", c.Networks)
	}
	if strings.Contains(fmt.Sprintf("%+v", c), sentinel) {
		t.Error("the secret is in the facts")
	}
	one, err := f.Client.Container(t.Context(), name)
	if err != nil || one.ID != c.ID || one.Name != name || one.State != "running" {
		t.Errorf("inspected by name: %q %q %q, %v", one.ID, one.Name, one.State, err)
	}
}

func testExit(t *testing.T, f Fixture) {
	name := f.Create(t, Spec{Exit: 3})
	eventually(t, func(ctx context.Context) error {
		c, err := find(ctx, f, name)
		if err != nil {
			return err
		}
		if c.State != "exited" || c.Exit != 3 || c.Finished.Before(c.Started) || c.PID != 0 || !strings.HasPrefix(c.Status, "Exited (3)") {
			return fmt.Errorf("state %q, exit %d, status %q, finished %v", c.State, c.Exit, c.Status, c.Finished)
		}
		return nil
	})
}

func testRestarts(t *testing.T, f Fixture) {
	name := f.Create(t, Spec{Exit: 1, Policy: "on-failure:2"})
	eventually(t, func(ctx context.Context) error {
		c, err := find(ctx, f, name)
		if err != nil {
			return err
		}
		if c.Restarts != 2 || c.State != "exited" || c.Policy != "on-failure" {
			return fmt.Errorf("restarts %d, state %q, policy %q", c.Restarts, c.State, c.Policy)
		}
		return nil
	})
}

func testHealth(t *testing.T, f Fixture) {
	for mode, want := range map[string]struct {
		health hosts.Health
		output string
		exit   int
	}{"ok": {hosts.HealthHealthy, "probe says yes", 0}, "bad": {hosts.HealthUnhealthy, "probe says no", 1}} {
		name := f.Create(t, Spec{Stays: true, Health: mode})
		if c := mustFind(t, f, name); c.Health == hosts.HealthNone || c.Health == hosts.HealthUnknown || c.Probe == "" {
			t.Errorf("at the start: health %v, probe %q", c.Health, c.Probe)
		}
		eventually(t, func(ctx context.Context) error {
			c, err := find(ctx, f, name)
			if err != nil {
				return err
			}
			if c.Health != want.health || len(c.HealthLog) == 0 {
				return fmt.Errorf("health %v with %d probes, want %v", c.Health, len(c.HealthLog), want.health)
			}
			last := c.HealthLog[len(c.HealthLog)-1]
			if !strings.Contains(last.Output, want.output) || last.Exit != want.exit || last.At.IsZero() || last.End.Before(last.At) {
				return fmt.Errorf("last probe %+v", last)
			}
			return nil
		})
	}
}

// testChanges: the remembered facts of inspect do not outlive what they say.
func testChanges(t *testing.T, f Fixture) {
	name := f.Create(t, Spec{Stays: true, Exit: 4})
	first := mustFind(t, f, name)
	if again := mustFind(t, f, name); !again.Started.Equal(first.Started) || again.PID != first.PID {
		t.Errorf("a container that did not change changed: %+v, %+v", first, again)
	}
	if err := f.Client.Stop(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if c := mustFind(t, f, name); c.State != "exited" || c.Exit != 4 || c.Finished.IsZero() || c.PID != 0 {
		t.Errorf("after the stop: state %q, exit %d, finished %v, pid %d", c.State, c.Exit, c.Finished, c.PID)
	}
	if err := f.Client.Start(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if c := mustFind(t, f, name); c.State != "running" || !c.Started.After(first.Started) || c.PID == 0 {
		t.Errorf("after the start: state %q, started %v and before %v", c.State, c.Started, first.Started)
	}
}

func testImages(t *testing.T, f Fixture) {
	c := mustFind(t, f, f.Create(t, Spec{Stays: true}))
	list, err := f.Client.Images(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		if i.ID == c.ImageID {
			if i.InUse < 1 || i.Size == 0 || i.Created.IsZero() || i.Dangling || !slices.Contains(i.Tags, c.Image) {
				t.Errorf("image %+v of container with image %q", i, c.Image)
			}
			return
		}
	}
	t.Errorf("image %s is not in the list", c.ImageID)
}

// testEvidence: what is parsed from evidence is what the client says, and evidence holds no secret.
func testEvidence(t *testing.T, f Fixture) {
	name := f.Create(t, Spec{
		Stays: true, Labels: map[string]string{"x.secret": sentinel},
		Env: map[string]string{"TOKEN": sentinel, "DATABASE_URL": "postgres://u:" + sentinel + "@db/x"},
	})
	for _, collector := range docker.Collectors() {
		e := f.Client.Collect(t.Context(), collector)
		if e.Error != "" || len(e.Data) == 0 || e.Collector != collector || e.Host == "" || e.At.IsZero() || e.Source == "" {
			t.Errorf("evidence %s: error %q, %d bytes, source %q", collector, e.Error, len(e.Data), e.Source)
		}
		if bytes.Contains(e.Data, []byte(sentinel)) {
			t.Errorf("the secret is in the evidence %s", collector)
		}
		if !json.Valid(e.Data) {
			t.Errorf("evidence %s is not JSON", collector)
		}
	}
	parsed, err := docker.ParseContainers(f.Client.Collect(t.Context(), docker.CollectContainers))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(parsed, func(c hosts.Container) bool { return c.Name == name })
	if i < 0 {
		t.Fatal("the container is not in the evidence")
	}
	live := mustFind(t, f, name)
	parsed[i].Status, live.Status = "", "" // an age
	if d := cmp.Diff(live, parsed[i]); d != "" {
		t.Errorf("live and parsed differ (-live +parsed):\n%s", d)
	}
}

func testDetail(t *testing.T, f Fixture) {
	name := f.Create(t, Spec{Stays: true, Env: map[string]string{"DB_PASSWORD": sentinel}})
	d, err := f.Client.Detail(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid([]byte(d.Inspect)) || strings.Contains(d.Inspect, sentinel) || !strings.Contains(d.Inspect, `"DB_PASSWORD=`+hosts.Dots+`"`) {
		t.Errorf("inspect document:\n%s", d.Inspect)
	}
	if len(d.Top) < 2 || !slices.Contains(d.Top[0], "PID") || len(d.Top[1]) != len(d.Top[0]) || d.TopErr != "" || d.At.IsZero() {
		t.Errorf("top %q, %q", d.Top, d.TopErr)
	}
	if err := f.Client.Stop(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	d, err = f.Client.Detail(t.Context(), name)
	if err != nil || d.Top != nil || !strings.Contains(d.TopErr, "not running") || d.Inspect == "" {
		t.Errorf("of a stopped container: top %q, %q, %v", d.Top, d.TopErr, err)
	}
}

func testStats(t *testing.T, f Fixture) {
	busy := mustFind(t, f, f.Create(t, Spec{Stays: true, Burn: true}))
	done := f.Create(t, Spec{})
	eventually(t, func(ctx context.Context) error {
		c, err := find(ctx, f, done)
		if err == nil && c.State != "exited" {
			err = fmt.Errorf("state %q", c.State)
		}
		return err
	})
	stopped := mustFind(t, f, done)
	var last hosts.Stats
	for range 2 {
		got, err := f.Client.Stats(t.Context(), []string{busy.ID, stopped.ID, strings.Repeat("0", 64)})
		if err != nil {
			t.Fatal(err)
		}
		s, ok := got[busy.ID]
		if !ok {
			t.Skip("this engine has no metrics of containers")
		}
		if len(got) != 1 {
			t.Errorf("stats of %d containers, want only the running one's", len(got))
		}
		if s.CPU < 5 || s.Mem == 0 || s.PIDs == 0 || !s.At.After(last.At) {
			t.Errorf("stats %+v after %+v", s, last)
		}
		last = s
	}
}
