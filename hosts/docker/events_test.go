package docker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/events"

	"midwatch/hosts"
)

func TestEventOf(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("a", 64)
	for name, c := range map[string]struct {
		kind   events.Type
		action string
		attr   map[string]string
		want   hosts.Event
	}{
		"die":     {"container", "die", map[string]string{"exitCode": "137", "name": "web"}, hosts.Event{Kind: "container", Object: "web", ID: id, Action: "die", Detail: "exit 137"}},
		"oom":     {"container", "oom", map[string]string{"name": "web"}, hosts.Event{Kind: "container", Object: "web", ID: id, Action: "oom"}},
		"kill":    {"container", "kill", map[string]string{"signal": "9", "name": "web"}, hosts.Event{Kind: "container", Object: "web", ID: id, Action: "kill", Detail: "signal 9"}},
		"health":  {"container", "health_status: unhealthy", map[string]string{"name": "web"}, hosts.Event{Kind: "container", Object: "web", ID: id, Action: "health_status: unhealthy"}},
		"rename":  {"container", "rename", map[string]string{"name": "new", "oldName": "/old"}, hosts.Event{Kind: "container", Object: "new", ID: id, Action: "rename", Detail: "was old"}},
		"start":   {"container", "start", map[string]string{"name": "web", "image": "nginx:1"}, hosts.Event{Kind: "container", Object: "web", ID: id, Action: "start", Detail: "nginx:1"}},
		"network": {"network", "connect", map[string]string{"name": "shop", "container": strings.Repeat("b", 64)}, hosts.Event{Kind: "network", Object: "shop", ID: strings.Repeat("b", 64), Action: "connect", Detail: "bbbbbbbbbbbb"}},
		"nothing": {"container", "die", nil, hosts.Event{Kind: "container", ID: id, Action: "die"}},
	} {
		got := eventOf(&events.Message{Type: c.kind, Action: events.Action(c.action), Actor: events.Actor{ID: id, Attributes: c.attr}}, 1_700_000_000_000_000_001)
		c.want.At = time.Unix(0, 1_700_000_000_000_000_001).UTC()
		if got != c.want {
			t.Errorf("%s: got %+v\nwant %+v", name, got, c.want)
		}
	}
}

func TestEventCursor(t *testing.T) {
	t.Parallel()
	var c EventCursor
	for i, s := range []struct {
		at   int64
		key  string
		pass bool
	}{{10, "a", true}, {10, "b", true}, {10, "a", false}, {9, "c", false}, {11, "a", true}, {10, "b", false}, {11, "a", false}} {
		if got := c.pass(s.at, s.key); got != s.pass {
			t.Errorf("step %d: %v", i, got)
		}
	}
	if s := Since(time.Unix(5, 6)); !s.pass(5_000_000_006, "x") || s.pass(5_000_000_005, "y") {
		t.Error("Since does not start where it says")
	}
}

func event(nano int64, action, id string) string {
	return fmt.Sprintf(`{"Type":"container","Action":%q,"Actor":{"ID":%q,"Attributes":{"name":"web"}},"time":%d,"timeNano":%d}`+"\n", action, id, nano/1e9, nano)
}

func TestEventsGoOn(t *testing.T) {
	t.Parallel()
	const base = int64(1_700_000_000_000_000_005)
	e := newEngine(t, "1.41")
	var asked []string
	answers := []string{
		event(base, "start", "1") + event(base, "exec_start: sh -c probe", "1") + event(base+1, "die", "1"),
		// What was seen at the newest moment comes again, and something else of that moment.
		event(base+1, "die", "1") + event(base+1, "die", "2") + event(base+2, "start", "1"),
	}
	e.on("/events", func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("since"))
		if f := r.URL.Query().Get("filters"); !strings.Contains(f, `"health_status"`) || strings.Contains(f, "exec") {
			t.Errorf("filters %s", f)
		}
		fmt.Fprint(w, answers[len(asked)-1])
	})
	c := e.client(t)
	var cur EventCursor
	var got []string
	for range answers {
		opened := 0
		err := c.Events(t.Context(), &cur, func() { opened++ }, func(ev hosts.Event) {
			got = append(got, ev.Action+" "+ev.ID)
			if ev.Host != "h1" {
				t.Errorf("host %q", ev.Host)
			}
		})
		if !errors.Is(err, hosts.ErrClosed) || opened != 1 {
			t.Errorf("ended with %v, opened %d times", err, opened)
		}
	}
	if want := []string{"start 1", "die 1", "die 2", "start 1"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	if want := []string{"", "1700000000.000000006"}; !slices.Equal(asked, want) {
		t.Errorf("asked since %q, want %q", asked, want)
	}
}

func TestEventsErrors(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "1.41")
	c := e.client(t, func(p *Params) { p.Timeout = 200 * time.Millisecond })
	never := func() { t.Error("opened") }
	emit := func(hosts.Event) { t.Error("event") }
	e.on("/events", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusForbidden, "plugin says no") })
	if err := c.Events(t.Context(), &EventCursor{}, never, emit); !errors.Is(err, hosts.ErrNotAllowed) || !strings.HasSuffix(err.Error(), "events: plugin says no") {
		t.Errorf("refused: %v", err)
	}
	e.on("/events", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	if err := c.Events(t.Context(), &EventCursor{}, never, emit); !errors.Is(err, hosts.ErrTimeout) {
		t.Errorf("never answered: %v", err)
	}
	e.on("/events", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	// Silence after the headers is no fault, however long; the context ends it.
	ctx, cancel := context.WithCancel(t.Context())
	opened := func() { time.AfterFunc(500*time.Millisecond, cancel) }
	if err := c.Events(ctx, &EventCursor{}, opened, emit); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
