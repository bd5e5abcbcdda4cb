package fleet

import (
	"testing"
	"testing/synctest"
	"time"

	"midwatch/hosts"
)

// What is read late fills only what nobody answered yet, and its events come before those of now.
func TestRecallLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		then := time.Now().Add(-time.Hour)
		last := &hosts.Snapshot{
			At:     then,
			Events: []hosts.Event{{At: then, Host: "h1", Kind: "unit", Object: "old"}},
			Hosts: []*hosts.HostFacts{
				{Host: hosts.Host{Name: "h1"}, Latest: then, Units: hosts.Read([]hosts.Unit{{Name: "old"}}, "x", then), Dokploy: hosts.Read(hosts.Dokploy{URL: "u"}, "x", then)},
				{Host: hosts.Host{Name: "h2"}, Latest: then, Units: hosts.Read([]hosts.Unit{{Name: "old"}}, "x", then)},
				{Host: hosts.Host{Name: "h3", Address: "10.9.9.9"}, Latest: then, Units: hosts.Read([]hosts.Unit{{Name: "old"}}, "x", then)},
			},
		}
		down, moved := newWire(), newWire()
		down.turn(hosts.StateDisconnected, "no route")
		moved.turn(hosts.StateDisconnected, "no route")
		f := New(Params{
			Members: []Member{
				{Host: hosts.Host{Name: "h1"}, Conn: newHost("h1", 0)},
				{Host: hosts.Host{Name: "h2"}, Conn: newHost("h2", 0), Link: down, Bell: down.bell},
				{Host: hosts.Host{Name: "h3"}, Conn: newHost("h3", 0), Link: moved, Bell: moved.bell},
			},
			Now: time.Now, Logger: discard(),
		})
		time.AfterFunc(time.Second, func() { f.Recall(last) })
		runFor(t, f, 2*time.Second)
		s := f.Snapshot()
		if u := s.Host("h1").Units; u.Standing() != hosts.Fresh || u.Value[0].Name != "ssh.service" {
			t.Errorf("the answer gave way to what was known: %+v", u)
		}
		if d := s.Host("h1").Dokploy; d.Standing() != hosts.Stale || d.Value.URL != "u" {
			t.Errorf("what nobody answered: %+v", d)
		}
		if u := s.Host("h2").Units; u.Standing() != hosts.Stale || len(u.Value) != 1 || u.Reason != "disconnected: no route" {
			t.Errorf("of a host that is down: %+v", u)
		}
		if u := s.Host("h3").Units; u.Known() {
			t.Errorf("of another machine: %+v", u)
		}
		if len(s.Events) < 3 || s.Events[0].Object != "old" || s.Events[1].Kind != KindWatch || !s.Events[1].At.Equal(then) {
			t.Errorf("events: %+v", s.Events)
		}
	})
}

// What a section says otherwise than before is an event, once.
func TestChangesBecomeEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHost("h1", 0)
		f := start(t, Member{Conn: h})
		<-time.After(10 * time.Minute)
		h.set("mounts", "36 35 98:0 / / rw - ext4 /dev/sda1 rw\n40 36 0:50 / /data rw - nfs4 nas:/data rw\n")
		<-time.After(20 * time.Minute)
		var got []hosts.Event
		for _, e := range f.Snapshot().Events {
			if e.Kind == "mount" {
				got = append(got, e)
			}
		}
		if len(got) != 1 || got[0].Object != "/data" || got[0].Action != "mounted" || got[0].Host != "h1" {
			t.Errorf("%+v", got)
		}
	})
}
