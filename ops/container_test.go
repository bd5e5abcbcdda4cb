package ops

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"midwatch/hosts"
)

// TestEffectIsSeen: what a verb reports is what the container did, whatever the API answered.
func TestEffectIsSeen(t *testing.T) {
	exited := web("exited")
	exited.Finished = exited.Started
	for name, c := range map[string]struct {
		verb  string
		from  hosts.Container
		react func(c hosts.Container, verb string, took time.Duration) hosts.Container
		want  string // the line, or the end of the error
		good  bool
		late  time.Duration // at most
	}{
		"start without healthcheck": {"start", exited, func(c hosts.Container, _ string, took time.Duration) hosts.Container {
			return became(c, took)
		}, "running for 2.0 s, no healthcheck", true, 3 * time.Second},
		"start, healthy after a while": {"start", exited, func(c hosts.Container, _ string, took time.Duration) hosts.Container {
			c = became(c, took)
			c.Health = hosts.HealthStarting
			if took >= 4*time.Second {
				c.Health = hosts.HealthHealthy
			}
			return c
		}, "running, healthy after 4.0 s", true, 5 * time.Second},
		"start, unhealthy": {"start", exited, func(c hosts.Container, _ string, took time.Duration) hosts.Container {
			c = became(c, took)
			c.Health = hosts.HealthUnhealthy
			c.HealthLog = []hosts.HealthResult{{Output: "HTTP\x1b[31m 503\n"}}
			return c
		}, "running, but unhealthy after 0.0 s: HTTP 503", false, time.Second},
		"start, health never decides": {"start", exited, func(c hosts.Container, _ string, took time.Duration) hosts.Container {
			c = became(c, took)
			c.Health = hosts.HealthStarting
			return c
		}, "running, but its healthcheck has not decided after 90 s", false, 92 * time.Second},
		"start, dies at once": {"start", exited, func(c hosts.Container, _ string, took time.Duration) hosts.Container {
			if took < time.Second {
				return became(c, took)
			}
			c.State, c.Exit, c.OOMKilled = "exited", 137, true
			return c
		}, "exited 137 (out of memory) 1.0 s after the start", false, 2 * time.Second},
		"start, loops": {"start", exited, func(c hosts.Container, _ string, took time.Duration) hosts.Container {
			c.State, c.Exit = "restarting", 1
			return c
		}, "restarting again and again, last exit 1", false, 92 * time.Second},
		"start, stays created": {"start", exited, func(c hosts.Container, _ string, took time.Duration) hosts.Container {
			c.State, c.Error = "created", "port is already\nallocated"
			return c
		}, "still not started: port is already allocated", false, 16 * time.Second},
		"start of a running one": {"start", web("running"), func(c hosts.Container, _ string, took time.Duration) hosts.Container {
			return c
		}, "was running already, since ", true, time.Second},
		"start of a paused one": {"start", web("paused"), func(c hosts.Container, _ string, took time.Duration) hosts.Container {
			return c
		}, "paused: unpause it first", false, time.Second},
		"restart": {"restart", web("running"), func(c hosts.Container, _ string, took time.Duration) hosts.Container {
			return became(c, took)
		}, "running for 2.0 s, no healthcheck", true, 3 * time.Second},
		"restart that did not": {"restart", web("running"), func(c hosts.Container, _ string, took time.Duration) hosts.Container {
			return c
		}, "still running since before, ", false, 16 * time.Second},
		"stop": {"stop", web("running"), func(c hosts.Container, _ string, took time.Duration) hosts.Container {
			c.State, c.Exit, c.Finished = "exited", 0, time.Now()
			return c
		}, "stopped, exit 0", true, time.Second},
		"stop by force": {"stop", web("running"), func(c hosts.Container, _ string, took time.Duration) hosts.Container {
			c.State, c.Exit, c.Finished = "exited", 137, time.Now()
			return c
		}, "stopped, exit 137: killed, it did not end within its grace period", true, time.Second},
		"stop, something starts it again": {"stop", web("running"), func(c hosts.Container, _ string, took time.Duration) hosts.Container {
			return became(c, took)
		}, "running again, something started it", false, 32 * time.Second},
		"stop that did not": {"stop", web("running"), func(c hosts.Container, _ string, took time.Duration) hosts.Container {
			return c
		}, "still running", false, 32 * time.Second},
		"stop of a stopped one": {"stop", exited, func(c hosts.Container, _ string, took time.Duration) hosts.Container {
			return c
		}, "was not running", true, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &book{}
				// Times made outside of the bubble would lie in its future.
				c.from.Started = time.Now().Add(-time.Hour)
				m := manager(t, &engine{c: c.from, react: c.react}, b)
				_, _ = m.Unlock("why", time.Hour)
				start := time.Now()
				line, err := m.Container(t.Context(), c.verb, "plain", "web", "")
				if took := time.Since(start); took > c.late {
					t.Errorf("took %v", took)
				}
				if !strings.HasPrefix(line, c.want) {
					t.Errorf("line %q, want %q", line, c.want)
				}
				if c.good && err != nil || !c.good && (!errors.Is(err, ErrEffect) || IsRefusal(err)) {
					t.Errorf("error %v", err)
				}
				if end := b.recs[len(b.recs)-1]; end.Result != line || (end.Error == "") != c.good {
					t.Errorf("recorded %q, error %q", end.Result, end.Error)
				}
			})
		})
	}
}

func TestTargetTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		e    *engine
		id   string
		want string
		recs string
	}{
		"no such container": {&engine{c: web("running")}, "nosuch", "restart nosuch on plain: no such container", "unlock "},
		"refused":           {&engine{c: web("running"), refuse: errors.New("conflict")}, "web", "restart web on plain: conflict", "unlock begin end "},
		"gone blind":        {&engine{c: web("running"), blindAt: errors.New("host not reached")}, "web", "ordered, but its effect cannot be seen: host not reached", "unlock begin end "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &book{}
				m := manager(t, c.e, b)
				_, _ = m.Unlock("why", time.Hour)
				_, err := m.Container(t.Context(), "restart", "plain", c.id, "")
				if err == nil || !strings.HasSuffix(err.Error(), c.want) {
					t.Errorf("error %v, want %q", err, c.want)
				}
				if got := b.phases(); got != c.recs {
					t.Errorf("records %q, want %q", got, c.recs)
				}
				if c.recs != "unlock " && b.recs[2].Error == "" {
					t.Error("the end was recorded without the error")
				}
			})
		})
	}
}
