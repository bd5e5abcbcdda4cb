package conformance

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"midwatch/hosts/docker"
)

func state(ctx context.Context, f Fixture, name, want string) error {
	c, err := f.Client.Container(ctx, name)
	if err == nil && c.State != want {
		err = fmt.Errorf("%s is %q, want %q", name, c.State, want)
	}
	return err
}

func testVerbs(t *testing.T, f Fixture) {
	name := f.Create(t, Spec{Stays: true})
	first, err := f.Client.Container(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		verb string
		do   func(context.Context, string) error
		want string
	}{
		{"start a running one", f.Client.Start, "running"},
		{"pause", f.Client.Pause, "paused"},
		{"unpause", f.Client.Unpause, "running"},
		{"stop", f.Client.Stop, "exited"},
		{"stop a stopped one", f.Client.Stop, "exited"},
		{"start", f.Client.Start, "running"},
		{"restart", f.Client.Restart, "running"},
	} {
		if err := s.do(t.Context(), name); err != nil {
			t.Fatalf("%s: %v", s.verb, err)
		}
		if err := state(t.Context(), f, name, s.want); err != nil {
			t.Fatalf("after %s: %v", s.verb, err)
		}
	}
	last, err := f.Client.Container(t.Context(), name)
	if err != nil || !last.Started.After(first.Started) || last.ID != first.ID {
		t.Errorf("started %v, at first %v, %v", last.Started, first.Started, err)
	}
	if err := f.Client.Kill(t.Context(), name, "SIGKILL"); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error { return state(ctx, f, name, "exited") })
	if c, err := f.Client.Container(t.Context(), name); err != nil || c.Exit != 137 || c.OOMKilled {
		t.Errorf("killed: exit %d, %v", c.Exit, err)
	}
}

func testRefusals(t *testing.T, f Fixture) {
	stopped := f.Create(t, Spec{})
	eventually(t, func(ctx context.Context) error { return state(ctx, f, stopped, "exited") })
	c := f.Client
	for name, call := range map[string]func(ctx context.Context, id string) error{
		"start": c.Start, "stop": c.Stop, "restart": c.Restart, "pause": c.Pause, "unpause": c.Unpause,
		"kill":    func(ctx context.Context, id string) error { return c.Kill(ctx, id, "") },
		"inspect": func(ctx context.Context, id string) error { _, err := c.Container(ctx, id); return err },
		"detail":  func(ctx context.Context, id string) error { _, err := c.Detail(ctx, id); return err },
		"top":     func(ctx context.Context, id string) error { _, err := c.Top(ctx, id); return err },
		"logs":    func(ctx context.Context, id string) error { _, err := c.Logs(ctx, id, docker.LogOptions{}); return err },
		"run":     func(ctx context.Context, id string) error { _, err := c.Run(ctx, id, 0, "sh"); return err },
	} {
		for _, id := range []string{"mwtest-no-such-container", "../info", "a b", ""} {
			if err := call(t.Context(), id); !errors.Is(err, docker.ErrNotFound) {
				t.Errorf("%s of %q: %v, want not found", name, id, err)
			}
		}
		switch name {
		case "kill", "pause", "top", "run": // unpause is an internal error of older engines
			if err := call(t.Context(), stopped); !errors.Is(err, docker.ErrConflict) {
				t.Errorf("%s of a stopped container: %v, want conflict", name, err)
			}
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Containers(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
