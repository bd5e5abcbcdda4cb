package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"midwatch/hosts"
)

// What a sick host does is its own affair: the others are asked as often as before.
func TestSickHostsStandAlone(t *testing.T) {
	t.Parallel()
	sick := map[string]func() Member{
		"hangs": func() Member {
			h := newHost("sick", time.Millisecond)
			h.hang = true
			return Member{Conn: h, Docker: &dock{hang: true}}
		},
		"refuses": func() Member {
			h := newHost("sick", time.Millisecond)
			h.refuse = fmt.Errorf("ssh sick: %w", hosts.ErrUnreached)
			return Member{Conn: h, Docker: &dock{err: errors.New("refused"), noEvs: true}}
		},
		"floods": func() Member {
			h := newHost("sick", time.Millisecond)
			h.flood = true
			return Member{Conn: h, Docker: &dock{}}
		},
		"lies": func() Member {
			h := newHost("sick", time.Millisecond)
			for id := range h.sections {
				h.sections[id] = "\x1b[2J\x00 = : \xff\xff Id=\n%% 99999999999999999999 /proc/loadavg: NaN -1 Inf"
			}
			return Member{Conn: h, Docker: &dock{}}
		},
		"panics": func() Member {
			return Member{Conn: newHost("sick", time.Millisecond), Docker: &dock{panic: true}}
		},
	}
	for name, make := range sick {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				well := newHost("well", time.Millisecond)
				wellDock := &dock{list: []hosts.Container{container("web")}}
				bad := make()
				bad.Host.Name = "sick"
				f := start(t, bad, Member{Host: hosts.Host{Name: "well"}, Conn: well, Docker: wellDock})
				<-time.After(time.Minute)
				if n := well.batches.Load(); n < 11 || n > 15 {
					t.Errorf("the well host was read %d times in a minute", n)
				}
				h := f.Snapshot().Host("well")
				if age := time.Since(h.System.At); h.System.Standing() != hosts.Fresh || age > 7*time.Second {
					t.Errorf("the well host is %v and %v old: %s", h.System.Standing(), age, h.System.Reason)
				}
				if v := Judge(f.Snapshot(), time.Now()); v.OK() {
					t.Errorf("a fleet with a host that %s is judged %q", name, v)
				}
				s := f.Snapshot().Host("sick")
				if s.Containers.Standing() == hosts.Fresh && s.System.Standing() == hosts.Fresh {
					t.Errorf("a host that %s is shown as fresh", name)
				}
				if b, ok := bad.Conn.(*host); ok && b.batches.Load() > 70 {
					t.Errorf("the sick host was asked %d times in a minute", b.batches.Load())
				}
			})
		})
	}
}

// A parser that panics loses its own section; the facts before stay and say why they are old.
func TestPanickingParser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := New(Params{
			Members: []Member{{Host: hosts.Host{Name: "h1"}, Conn: newHost("h1", 0)}},
			Now:     time.Now, Logger: discard(),
		})
		fills := 0
		for i := range f.members[0].sections {
			if s := &f.members[0].sections[i]; s.ID == "unitstates" || s.ID == "units" {
				fill := s.Fill
				s.Fill = func(h *hosts.HostFacts, ev hosts.Evidence) error {
					if fills++; fills > 2 {
						panic("unit of straw")
					}
					return fill(h, ev)
				}
			}
		}
		runFor(t, f, time.Minute)
		h := f.Snapshot().Host("h1")
		if fills < 3 || h.Units.Standing() != hosts.Stale || len(h.Units.Value) != 1 {
			t.Errorf("after %d parses units are %v, %d of them: %q", fills, h.Units.Standing(), len(h.Units.Value), h.Units.Reason)
		}
		if h.System.Standing() != hosts.Fresh {
			t.Errorf("system: %v, %s", h.System.Standing(), h.System.Reason)
		}
	})
}

// A read that ignores even its context is reported and not sent again on top.
func TestReadThatNeverComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &stubborn{dock: &dock{}, free: make(chan struct{})}
		t.Cleanup(func() { close(d.free) })
		f := New(Params{
			Members: []Member{{Host: hosts.Host{Name: "h1"}, Conn: newHost("h1", 0), Docker: d}},
			Now:     time.Now, Logger: discard(),
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { _ = f.Run(ctx); close(done) }()
		<-time.After(10 * time.Minute)
		h := f.Snapshot().Host("h1")
		if h.Containers.Standing() != hosts.Unknown || h.System.Standing() != hosts.Fresh || time.Since(h.System.At) > 7*time.Second {
			t.Errorf("containers %v, system %v", h.Containers.Standing(), h.System.Standing())
		}
		if n := d.calls.Load(); n != 1 {
			t.Errorf("%d calls piled up", n)
		}
		cancel()
		d.free <- struct{}{}
		<-done
	})
}

// Without sudo, what needs root is unknown and says what it needs; the rest is as before.
func TestNoSudo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &noRoot{newHost("h1", 0)}
		f := start(t, Member{Conn: h})
		<-time.After(time.Minute)
		facts := f.Snapshot().Host("h1")
		if facts.Databases.Standing() != hosts.Unknown || facts.Databases.Needs == "" {
			t.Errorf("databases: %v, needs %q", facts.Databases.Standing(), facts.Databases.Needs)
		}
		if facts.Sockets.Standing() != hosts.Fresh || facts.Sockets.Needs == "" {
			t.Errorf("sockets: %v, needs %q, %s", facts.Sockets.Standing(), facts.Sockets.Needs, facts.Sockets.Reason)
		}
		if v := Judge(f.Snapshot(), time.Now()); !v.OK() {
			t.Errorf("verdict %q", v)
		}
		if n := h.rooted.Load(); n != 0 {
			t.Errorf("%d commands ran as root", n)
		}
	})
}

// An engine that was only tried and does not exist is a host without containers; one whose unit is
// there is an engine that is down.
func TestAbsentEngine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gone := func() *dock { return &dock{err: fmt.Errorf("dial docker.sock: %w", hosts.ErrMissing)} }
		down := newHost("down", 0)
		down.set("units", "Id=docker.service\nLoadState=loaded\nActiveState=failed\nSubState=failed\n")
		down.set("unitstates", "docker.service loaded failed failed Docker\n")
		f := start(t,
			Member{Host: hosts.Host{Name: "without"}, Conn: newHost("without", 0), Docker: gone(), DockerAbsent: true},
			Member{Host: hosts.Host{Name: "down"}, Conn: down, Docker: gone(), DockerAbsent: true},
			Member{Host: hosts.Host{Name: "named"}, Conn: newHost("named", 0), Docker: gone()},
		)
		<-time.After(10 * time.Second)
		for name, want := range map[string]hosts.Standing{"without": hosts.Fresh, "down": hosts.Unknown, "named": hosts.Unknown} {
			if h := f.Snapshot().Host(name); h.Containers.Standing() != want {
				t.Errorf("%s: containers are %v: %s", name, h.Containers.Standing(), h.Containers.Reason)
			}
		}
	})
}

// moreDock is an engine that has more to tell, as the real one does.
type moreDock struct {
	*dock
	asked atomic.Int32
}

func (d *moreDock) Collectors() []Collector {
	return []Collector{{
		ID: "docker.volumes", Title: "volumes", Every: 10 * time.Second, engine: true,
		Collect: func(context.Context, *hosts.HostFacts) []hosts.Evidence {
			d.asked.Add(1)
			return []hosts.Evidence{{Collector: "docker.volumes", At: time.Now(), Data: []byte(`{"Volumes":[{"Name":"data"}]}`)}}
		},
		Apply: func(f *hosts.HostFacts, ev hosts.Evidence) error {
			applyDocker(f, ev)
			return nil
		},
	}}
}

// What else an engine tells is read from it, and not while there is none.
func TestEngineCollectors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		there := &moreDock{dock: &dock{}}
		gone := &moreDock{dock: &dock{err: fmt.Errorf("dial: %w", hosts.ErrMissing)}}
		f := start(t,
			Member{Host: hosts.Host{Name: "a"}, Conn: newHost("a", 0), Docker: there},
			Member{Host: hosts.Host{Name: "b"}, Conn: newHost("b", 0), Docker: gone, DockerAbsent: true},
		)
		<-time.After(time.Minute)
		if n := there.asked.Load(); n < 5 || n > 8 {
			t.Errorf("asked %d times in a minute", n)
		}
		if n := gone.asked.Load(); n > 1 {
			t.Errorf("an engine that is not there was asked %d times", n)
		}
		if v := f.Snapshot().Host("a").Volumes; len(v.Value) != 1 {
			t.Errorf("%+v", v)
		}
		if v := f.Snapshot().Host("b").Volumes; v.Standing() != hosts.Fresh || len(v.Value) != 0 || v.Needs == "" {
			t.Errorf("%+v", v)
		}
	})
}
