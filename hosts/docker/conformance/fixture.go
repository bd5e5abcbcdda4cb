package conformance

import (
	"context"
	"errors"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/docker"
)

// Fixture is an engine under test.
type Fixture struct {
	Client *docker.Client
	// Create makes a container, starts it and returns its name. It is removed when the test ends.
	Create func(t *testing.T, s Spec) string
}

// Spec is a container and what its program does.
type Spec struct {
	Out, Err []string      // lines written at the start, Out[0], Err[0], Out[1], …, in this order
	Long     int           // then one line of this many "x"
	Tick     time.Duration // then, while it Stays, "tick 1", "tick 2", … on standard output this often
	Burn     bool          // uses as much of one processor as it gets
	Stays    bool          // runs until it is stopped; otherwise it ends with Exit at once
	Exit     int           // exit code, also when it is stopped with its signal
	Term     bool          // has a terminal
	// Health is "" for no healthcheck, "ok" for one that prints "probe says yes" and passes, "bad"
	// for one that prints "probe says no" and fails; every 200 ms, one failure makes it unhealthy.
	Health string
	Labels map[string]string
	Env    map[string]string
	Port   int    // container port published on a free port of 127.0.0.1
	Policy string // restart policy, "on-failure:2"
}

// In every container, "sh -c CMD" understands "exit N", "echo TEXT", "echo TEXT >&2" and "cat", and
// an interactive sh understands "echo TEXT", "stty size" and "exit N"; there is no bash.

// patience is how long the suite waits for what must happen; a loaded machine is slow.
const patience = 45 * time.Second

// Run runs the suite.
func Run(t *testing.T, f Fixture) {
	t.Helper()
	for _, c := range []struct {
		name string
		fn   func(*testing.T, Fixture)
	}{
		{"engine", testEngine},
		{"facts", testFacts},
		{"exit code", testExit},
		{"restarts", testRestarts},
		{"health", testHealth},
		{"changes are seen", testChanges},
		{"images", testImages},
		{"evidence", testEvidence},
		{"detail", testDetail},
		{"stats", testStats},
		{"verbs", testVerbs},
		{"refusals", testRefusals},
		{"events", testEvents},
		{"events go on", testEventsResume},
		{"logs", testLogs},
		{"logs of a terminal", testLogsTerm},
		{"logs follow", testLogsFollow},
		{"logs go on", testLogsResume},
		{"long lines", testLongLine},
		{"run", testRun},
		{"input", testInput},
		{"shell", testShell},
	} {
		t.Run(c.name, func(t *testing.T) { c.fn(t, f) })
	}
}

// eventually calls try until it returns nil and fails with its last error.
func eventually(t *testing.T, try func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	var last error
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		if ctx.Err() == nil {
			last = err // not the one that only says that time is up
		}
		select {
		case <-ctx.Done():
			t.Fatalf("after %v: %v", patience, last)
		case <-again.C:
		}
	}
}

// find returns the list's entry of a container.
func find(ctx context.Context, f Fixture, name string) (hosts.Container, error) {
	list, err := f.Client.Containers(ctx)
	if err != nil {
		return hosts.Container{}, err
	}
	for _, c := range list {
		if c.Name == name {
			return c, nil
		}
	}
	return hosts.Container{}, errors.New("no container " + name + " in the list")
}

func mustFind(t *testing.T, f Fixture, name string) hosts.Container {
	t.Helper()
	c, err := find(t.Context(), f, name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
