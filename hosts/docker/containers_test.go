package docker

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"midwatch/hosts"
)

// shelf is an engine's containers that a test changes; it counts inspections.
type shelf struct {
	mu       sync.Mutex
	state    map[string][2]string // ID → state, status
	inspects map[string]int
	fail     map[string]int // ID → HTTP status of inspect
	during   func(id string)
}

func newShelf(e *fakeEngine, ids ...string) *shelf {
	s := &shelf{state: map[string][2]string{}, inspects: map[string]int{}, fail: map[string]int{}}
	for _, id := range ids {
		s.state[id] = [2]string{"running", "Up 5 minutes"}
		e.on("/containers/"+id+"/json", func(w http.ResponseWriter, _ *http.Request) { s.inspect(w, id) })
	}
	e.on("/containers/json", s.list)
	return s
}

func (s *shelf) list(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for id, st := range s.state {
		out = append(out, fmt.Sprintf(`{"Id":%q,"Names":["/n%s"],"State":%q,"Status":%q}`, id, id, st[0], st[1]))
	}
	fmt.Fprintf(w, "[%s]", strings.Join(out, ","))
}

func (s *shelf) inspect(w http.ResponseWriter, id string) {
	s.mu.Lock()
	s.inspects[id]++
	code, during, count := s.fail[id], s.during, s.inspects[id]
	s.mu.Unlock()
	if during != nil {
		during(id)
	}
	if code != 0 {
		answer(w, code, "scripted")
		return
	}
	fmt.Fprintf(w, `{"Id":%q,"Name":"/n%s","RestartCount":%d,"State":{"Status":"running"},"Config":{}}`, id, id, count)
}

func (s *shelf) set(id, state, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state[id] = [2]string{state, status}
}

// times returns how often a container was inspected since the last call.
func (s *shelf) times(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.inspects[id]
	s.inspects[id] = 0
	return n
}

func TestInspectOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "1.41")
	s := newShelf(e, "a", "b")
	now := time.Now()
	var clock sync.Mutex
	c := e.client(t, func(p *Params) {
		p.Now = func() time.Time { clock.Lock(); defer clock.Unlock(); return now }
	})
	list := func(what string, wantA, wantB int) {
		t.Helper()
		got, err := c.Containers(t.Context())
		if err != nil || len(got) != 2 || !got[0].Inspected || !got[1].Inspected {
			t.Fatalf("%s: %+v, %v", what, got, err)
		}
		if a, b := s.times("a"), s.times("b"); a != wantA || b != wantB {
			t.Errorf("%s: inspected a %d and b %d times, want %d and %d", what, a, b, wantA, wantB)
		}
	}
	list("first", 1, 1)
	list("nothing new", 0, 0)
	s.set("a", "running", "Up 6 minutes")
	list("older", 0, 0)
	s.set("a", "running", "Up 3 seconds")
	list("restarted between two looks", 1, 0)
	s.set("b", "exited", "Exited (1) 2 seconds ago")
	list("ended", 0, 1)
	s.set("b", "exited", "Exited (2) 5 seconds ago")
	list("ended otherwise", 0, 1)
	c.Touch("a")
	c.Touch("unknown")
	list("touched", 1, 0)
	list("and again", 0, 0)
	clock.Lock()
	now = now.Add(inspectAge)
	clock.Unlock()
	list("too old", 1, 1)
	// A change that comes while we ask is not lost.
	s.during = func(string) { c.Touch("a") }
	c.Touch("a")
	list("touched", 1, 0)
	s.during = nil
	list("touched meanwhile", 1, 0)
}

func TestOneContainerThatCannotBeInspected(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "1.41")
	s := newShelf(e, "a", "b")
	s.fail["a"] = http.StatusInternalServerError
	c := e.client(t)
	got, err := c.Containers(t.Context())
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, x := range got {
		if x.Inspected != (x.ID == "b") || x.State != "running" {
			t.Errorf("%+v", x)
		}
	}
	delete(s.fail, "a")
	if got, err = c.Containers(t.Context()); err != nil || !got[0].Inspected || !got[1].Inspected {
		t.Errorf("tried again: %+v, %v", got, err)
	}
	ev := c.Collect(t.Context(), CollectContainers)
	if ev.Error != "" {
		t.Error(ev.Error)
	}
	s.fail["a"] = http.StatusInternalServerError
	ev = c.Collect(t.Context(), CollectContainers)
	if !strings.Contains(ev.Error, "inspect na: not readable") || len(ev.Data) == 0 {
		t.Errorf("evidence with a gap: error %q, %d bytes", ev.Error, len(ev.Data))
	}
	if got, err := ParseContainers(ev); err != nil || len(got) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestHungInspectEndsTheRead: when one inspect hangs the others are not waited for one by one.
func TestHungInspectEndsTheRead(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "1.41")
	var ids []string
	for i := range 40 {
		ids = append(ids, fmt.Sprint("c", i))
	}
	s := newShelf(e, ids...)
	stuck := make(chan struct{})
	t.Cleanup(func() { close(stuck) })
	s.during = func(string) { <-stuck }
	c := e.client(t, func(p *Params) { p.Timeout = 300 * time.Millisecond })
	if _, err := c.Containers(t.Context()); !errors.Is(err, hosts.ErrTimeout) {
		t.Errorf("error %v", err)
	}
	if n := len(ids); s.total() > n/2 {
		t.Errorf("%d of %d were asked although the first hung", s.total(), n)
	}
}

func (s *shelf) total() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.inspects {
		n += k
	}
	return n
}

func TestForgotten(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "1.41")
	s := newShelf(e, "a", "b")
	c := e.client(t)
	if _, err := c.Containers(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	delete(s.state, "a")
	s.mu.Unlock()
	if _, err := c.Containers(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.seen["a"]; there || len(c.seen) != 1 {
		t.Errorf("%d containers remembered, want one", len(c.seen))
	}
}
