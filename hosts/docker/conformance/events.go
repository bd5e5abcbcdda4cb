package conformance

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/docker"
)

// watch delivers the events of one container on a channel until stop is called, which waits for
// the end.
func watch(t *testing.T, f Fixture, cur *docker.EventCursor, name string) (events <-chan hosts.Event, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ch := make(chan hosts.Event, 1000)
	opened := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- f.Client.Events(ctx, cur, func() { close(opened) }, func(e hosts.Event) {
			if e.Object == name {
				ch <- e
			}
		})
	}()
	select {
	case <-opened:
	case err := <-ended:
		t.Fatalf("events: %v", err)
	case <-time.After(patience):
		t.Fatal("events: not opened")
	}
	return ch, func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("events ended with %v", err)
		}
	}
}

// take reads n events and returns them as "action detail".
func take(t *testing.T, ch <-chan hosts.Event, n int) []string {
	t.Helper()
	var got []string
	late := time.After(patience)
	for len(got) < n {
		select {
		case e := <-ch:
			if e.Kind != "container" || len(e.ID) != 64 || e.At.IsZero() || e.Host == "" {
				t.Errorf("event %+v", e)
			}
			got = append(got, strings.TrimSpace(e.Action+" "+e.Detail))
		case <-late:
			t.Fatalf("only these events came: %q", got)
		}
	}
	return got
}

func testEvents(t *testing.T, f Fixture) {
	name := f.Create(t, Spec{Stays: true, Exit: 5})
	image := mustFind(t, f, name).Image
	ch, stop := watch(t, f, &docker.EventCursor{}, name)
	defer stop()
	if err := f.Client.Stop(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if err := f.Client.Start(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	// Engines differ in whether die comes before stop.
	got := take(t, ch, 4)
	if got[0] != "kill signal 15" || got[3] != "start "+image || !slices.Contains(got[1:3], "die exit 5") || !slices.Contains(got[1:3], "stop") {
		t.Errorf("events %q", got)
	}
}

// testEventsResume: a stream that is opened again with its cursor misses nothing and repeats
// nothing.
func testEventsResume(t *testing.T, f Fixture) {
	name := f.Create(t, Spec{Stays: true})
	var cur docker.EventCursor
	ch, stop := watch(t, f, &cur, name)
	for _, do := range []func(context.Context, string) error{f.Client.Pause, f.Client.Unpause} {
		if err := do(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if got := take(t, ch, 2); !slices.Equal(got, []string{"pause", "unpause"}) {
		t.Errorf("events %q", got)
	}
	stop()
	if err := f.Client.Pause(t.Context(), name); err != nil { // while nobody listens
		t.Fatal(err)
	}
	ch, stop = watch(t, f, &cur, name)
	defer stop()
	if got := take(t, ch, 1); got[0] != "pause" {
		t.Errorf("the missed event is %q", got)
	}
	if err := f.Client.Unpause(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if got := take(t, ch, 1); got[0] != "unpause" {
		t.Errorf("the next event is %q", got)
	}
}
