package fleet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/collect"
)

// A host is fully read in three round trips at most, and fifty cost no more time than one.
func TestRefreshCostsThreeRoundTrips(t *testing.T) {
	t.Parallel()
	const trip = 50 * time.Millisecond
	for _, n := range []int{1, 50} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var members []Member
				for i := range n {
					members = append(members, Member{
						Conn:   newHost(fmt.Sprint("h", i), trip),
						Docker: &dock{delay: trip, list: []hosts.Container{container("web")}},
					})
				}
				began := time.Now()
				f := start(t, members...)
				s, err := f.Snapshot(), error(nil)
				for !complete(s) {
					if s, err = f.Next(t.Context(), s.Gen); err != nil {
						t.Fatal(err)
					}
				}
				// One more frame may pass between the last answer and its being shown.
				if took := time.Since(began); took > 3*trip+frame {
					t.Errorf("%d hosts took %v, that is %d round trips", n, took, took/trip)
				}
			})
		})
	}
}

func complete(s *hosts.Snapshot) bool {
	for _, h := range s.Hosts {
		if !h.System.Known() || !h.Units.Known() || !h.Disks.Known() || !h.Containers.Known() || !h.Images.Known() || !h.Engine.Known() {
			return false
		}
	}
	return true
}

// docker kill is seen in the time of a list, not of a period.
func TestKilledContainerShowsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &dock{delay: 20 * time.Millisecond, list: []hosts.Container{container("web"), container("db")}}
		f := start(t, Member{Conn: newHost("h1", 20*time.Millisecond), Docker: d})
		<-time.After(12 * time.Second)
		d.kill("web")
		began, s := time.Now(), f.Snapshot()
		for {
			var err error
			if s, err = f.Next(t.Context(), s.Gen); err != nil {
				t.Fatal(err)
			}
			if s.Hosts[0].Containers.Value[0].State == "exited" {
				break
			}
		}
		if took := time.Since(began); took > frame {
			t.Errorf("seen after %v", took)
		}
		<-time.After(time.Second)
		if n := d.lists.Load(); n != 3 { // at first, when the events stood, after the event
			t.Errorf("%d lists", n)
		}
		if i := slices.IndexFunc(s.Events, func(e hosts.Event) bool {
			return e.Action == "die" && e.Object == "web" && e.Host == "h1"
		}); i < 0 {
			t.Errorf("no event of it: %v", s.Events)
		}
	})
}

// A storm of events is answered with few lists, and what does not fit is counted.
func TestEventStorm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &dock{delay: time.Millisecond, list: []hosts.Container{container("web")}}
		f := start(t, Member{Conn: newHost("h1", 0), Docker: d})
		<-time.After(time.Second)
		before := d.lists.Load()
		for range 5000 {
			d.kill("web")
		}
		<-time.After(time.Second)
		if n := d.lists.Load() - before; n < 1 || n > 6 {
			t.Errorf("%d lists for a storm of a second", n)
		}
		if n := len(f.Snapshot().Events); n > eventsKept {
			t.Errorf("%d events kept", n)
		}
	})
}

func TestLinkDecidesWhetherToAsk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, w := newHost("h1", 0), newWire()
		d := &dock{list: []hosts.Container{container("web")}}
		f := start(t, Member{Conn: h, Link: w, Bell: w.bell, Docker: d})
		<-time.After(time.Minute)
		if n := h.batches.Load() + d.lists.Load() + d.streams.Load(); n != 0 {
			t.Errorf("a pending host was asked %d times", n)
		}
		w.turn(hosts.StateConnected, "")
		<-time.After(time.Millisecond)
		if n := h.batches.Load(); n != 1 {
			t.Errorf("%d batches at once after the connection", n)
		}
		<-time.After(time.Second)
		if v := Judge(f.Snapshot(), time.Now()); !v.OK() {
			t.Errorf("verdict %q: %v", v, v.Unknown)
		}
		w.turn(hosts.StateDisconnected, "keepalive: no answer for 10s")
		<-time.After(time.Second)
		n := h.batches.Load()
		facts := f.Snapshot().Host("h1")
		if facts.Containers.Standing() != hosts.Stale || len(facts.Containers.Value) != 1 || facts.System.Standing() != hosts.Stale {
			t.Errorf("facts of a lost host: containers %v, system %v", facts.Containers.Standing(), facts.System.Standing())
		}
		if v := Judge(f.Snapshot(), time.Now()); v.OK() || v.Worst != SeverityCritical {
			t.Errorf("verdict on a lost host %q", v)
		}
		<-time.After(10 * time.Minute)
		if m := h.batches.Load(); m != n {
			t.Errorf("a disconnected host was asked %d times", m-n)
		}
		f.Refresh("h1")
		<-time.After(time.Millisecond)
		if _, n := w.told(); n != 1 {
			t.Errorf("%d kicks by a refresh", n)
		}
		w.turn(hosts.StateConnected, "")
		<-time.After(time.Second)
		if v := Judge(f.Snapshot(), time.Now()); !v.OK() {
			t.Errorf("verdict after it came back %q: %v", v, v.Unknown)
		}
		var links []string
		for _, e := range f.Snapshot().Events {
			if e.Kind == "link" {
				links = append(links, e.Action)
			}
		}
		if want := []string{"connected", "disconnected", "connected"}; !slices.Equal(links, want) {
			t.Errorf("link events %q, want %q", links, want)
		}
	})
}

func TestMaintenance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, w := newHost("h1", 0), newWire()
		w.link.State = hosts.StateConnected
		d := &dock{list: []hosts.Container{container("web")}}
		f := start(t, Member{Conn: h, Link: w, Bell: w.bell, Docker: d})
		<-time.After(time.Second)
		f.SetMaintenance("h1", "disk swap")
		<-time.After(time.Second)
		n := h.batches.Load() + d.lists.Load()
		<-time.After(10 * time.Minute)
		if m := h.batches.Load() + d.lists.Load(); m != n {
			t.Errorf("asked %d times in maintenance", m-n)
		}
		facts := f.Snapshot().Host("h1")
		paused, _ := w.told()
		if facts.Link.State != hosts.StateMaintenance || facts.Host.Maintenance != "disk swap" || paused != "disk swap" {
			t.Errorf("link %+v, wire %q", facts.Link, paused)
		}
		v := Judge(f.Snapshot(), time.Now())
		if v.Maintenance != 1 || len(v.Problems) != 0 {
			t.Errorf("verdict %q %v", v, v.Problems)
		}
		f.SetMaintenance("h1", "")
		<-time.After(time.Second)
		if v := Judge(f.Snapshot(), time.Now()); !v.OK() {
			t.Errorf("verdict after maintenance %q: %v", v, v.Unknown)
		}
	})
}

// Samples of containers are taken only while somebody looks.
func TestStatsOnlyWhileWatched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &dock{list: []hosts.Container{container("web")}}
		f := start(t, Member{Conn: newHost("h1", 0), Docker: d})
		<-time.After(time.Minute)
		if n := d.samples.Load(); n != 0 {
			t.Errorf("%d samples without a watcher", n)
		}
		release := f.Watch(hosts.TopicStats)
		<-time.After(10*time.Second + time.Millisecond)
		n := d.samples.Load()
		if n < 4 || n > 7 {
			t.Errorf("%d samples in ten seconds", n)
		}
		if s := f.Snapshot().Hosts[0].Stats.Value["web"]; len(s) != int(n) {
			t.Errorf("%d samples kept of %d", len(s), n)
		}
		release()
		release()
		<-time.After(time.Minute)
		if m := d.samples.Load(); m > n+1 {
			t.Errorf("%d samples after the watcher left", m-n)
		}
		other := f.Watch(hosts.TopicStats)
		<-time.After(10 * time.Second)
		other()
		if m := d.samples.Load(); m < n+4 {
			t.Errorf("only %d samples for the second watcher", m-n)
		}
	})
}

func TestWatchedUnitsAreReadMoreOften(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHost("h1", 0)
		f := start(t, Member{Conn: h})
		<-time.After(30 * time.Second)
		defer f.Watch(hosts.TopicUnits)()
		<-time.After(5 * time.Second)
		h.set("unitstates", "ssh.service loaded failed failed OpenBSD Secure Shell server\n")
		h.set("units", "Id=ssh.service\nLoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\n")
		<-time.After(3500 * time.Millisecond)
		s := f.Snapshot()
		if u := s.Hosts[0].Units.Value[0]; u.Active != "failed" || u.Result != "exit-code" {
			t.Errorf("unit is %s, %q", u.Active, u.Result)
		}
		if n := s.Hosts[0].System.Value.FailedUnits; n != 1 {
			t.Errorf("%d failed units", n)
		}
		i := slices.IndexFunc(s.Events, func(e hosts.Event) bool { return e.Kind == "unit" && e.Action == "failed" })
		if i < 0 || s.Events[i].Object != "ssh.service" {
			t.Errorf("events %v", s.Events)
		}
	})
}

func TestRefreshNow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newHost("a", 0), newHost("b", 0)
		f := start(t, Member{Host: hosts.Host{Name: "a"}, Conn: a}, Member{Host: hosts.Host{Name: "b"}, Conn: b})
		<-time.After(time.Second)
		f.Refresh("a")
		<-time.After(10 * time.Millisecond)
		if a.batches.Load() != 2 || b.batches.Load() != 1 {
			t.Errorf("a %d, b %d batches", a.batches.Load(), b.batches.Load())
		}
		f.Refresh("")
		<-time.After(10 * time.Millisecond)
		if a.batches.Load() != 3 || b.batches.Load() != 2 {
			t.Errorf("a %d, b %d batches after all", a.batches.Load(), b.batches.Load())
		}
	})
}

// However fast things change, Next wakes once a frame, and a change after a quiet time at once.
func TestNextWakesOnceAFrame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := New(Params{Members: []Member{{Host: hosts.Host{Name: "h1"}}}, Now: time.Now, Logger: discard()})
		facts, gen := f.Snapshot().Hosts[0], f.Snapshot().Gen
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			for ctx.Err() == nil {
				f.board.publish(0, facts, nil)
				<-time.After(time.Millisecond)
			}
		})
		began := time.Now()
		s, err := f.Next(ctx, gen)
		if err != nil || time.Since(began) > time.Millisecond {
			t.Errorf("the first wake took %v, %v", time.Since(began), err)
		}
		wakes := 0
		for err == nil {
			last := s.Gen
			if s, err = f.Next(ctx, s.Gen); err == nil {
				wakes++
				if s.Gen <= last {
					t.Errorf("Gen went from %d to %d", last, s.Gen)
				}
			}
		}
		if wakes < 18 || wakes > 20 {
			t.Errorf("%d wakes in a second", wakes)
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended with %v", err)
		}
	})
}

// What was published is never changed.
func TestSnapshotsStayAsTheyWere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &dock{list: []hosts.Container{container("web")}}
		h := newHost("h1", 0)
		f := start(t, Member{Conn: h, Docker: d})
		defer f.Watch(hosts.TopicStats)()
		<-time.After(20 * time.Second)
		s := f.Snapshot()
		facts, events := *s.Hosts[0], slices.Clone(s.Events)
		series, trend := slices.Clone(facts.Stats.Value["web"]), slices.Clone(facts.LoadTrend)
		h.set("system", "/proc/loadavg:9 9 9 1/1 1\n")
		for range 300 {
			d.kill("web")
			<-time.After(time.Second)
		}
		if !slices.Equal(events, s.Events) || !slices.Equal(series, s.Hosts[0].Stats.Value["web"]) ||
			!slices.Equal(trend, s.Hosts[0].LoadTrend) || s.Hosts[0].System.Value.Load != facts.System.Value.Load {
			t.Error("an old snapshot changed")
		}
		if n := len(f.Snapshot().Hosts[0].LoadTrend); n < 60 {
			t.Errorf("a trend of %d after five minutes", n)
		}
	})
}

// The last known state is there at once, says that it is old, and gives way to the first answer.
func TestLastKnownState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		then := time.Now().Add(-time.Hour)
		last := &hosts.Snapshot{Hosts: []*hosts.HostFacts{{
			Host: hosts.Host{Name: "h1"}, Latest: then,
			Containers: hosts.Read([]hosts.Container{container("old")}, "x", then),
		}}}
		w := newWire()
		d := &dock{list: []hosts.Container{container("new")}}
		f := New(Params{
			Members: []Member{{Host: hosts.Host{Name: "h1"}, Conn: newHost("h1", 0), Link: w, Bell: w.bell, Docker: d}},
			Now:     time.Now, Logger: discard(), Last: last,
		})
		h := f.Snapshot().Host("h1")
		if h.Containers.Standing() != hosts.Stale || h.Containers.Value[0].Name != "old" || h.Link.State != hosts.StatePending {
			t.Errorf("at start: %v %v", h.Containers.Standing(), h.Link.State)
		}
		if v := Judge(f.Snapshot(), time.Now()); v.OK() {
			t.Errorf("verdict on an old state %q", v)
		}
		w.turn(hosts.StateConnected, "")
		runFor(t, f, time.Second)
		h = f.Snapshot().Host("h1")
		if h.Containers.Standing() != hosts.Fresh || h.Containers.Value[0].Name != "new" {
			t.Errorf("after an answer: %v %v", h.Containers.Standing(), h.Containers.Value)
		}
	})
}

func TestEvidenceAddsUpToTheSameFacts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, Member{Conn: newHost("h1", 0)})
		<-time.After(10 * time.Second)
		ev := f.Evidence()
		if len(ev) != len(collect.All()) {
			t.Errorf("%d pieces of evidence", len(ev))
		}
		live := f.Snapshot().Host("h1")
		again := Replay([]hosts.Host{live.Host}, ev, time.Now()).Host("h1")
		if again.System.Value.Load != live.System.Value.Load || len(again.Units.Value) != len(live.Units.Value) ||
			again.System.Value.Hostname != "h1" || again.System.Standing() != hosts.Fresh || again.Link.State != hosts.StateConnected {
			t.Errorf("replayed %+v", again)
		}
	})
}

// Collectors of other kinds are asked at their own pace, and a sick one spoils nothing.
func TestCollectors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked, offline atomic.Int32
		good := Collector{
			ID: "agenthub", Title: "the hub", Every: 20 * time.Second, Watch: hosts.TopicProbes, Faster: 4,
			Collect: func(_ context.Context, f *hosts.HostFacts) []hosts.Evidence {
				asked.Add(1)
				return []hosts.Evidence{{Host: f.Host.Name, Collector: "agenthub", Data: []byte("1.2.3"), At: time.Now()}}
			},
			Apply: func(f *hosts.HostFacts, ev hosts.Evidence) error {
				f.AgentHub = hosts.Read(hosts.AgentHub{Version: string(ev.Data)}, "GET", ev.At)
				return nil
			},
		}
		panics, hangs, far := good, good, good
		panics.ID, panics.Collect = "panics", func(context.Context, *hosts.HostFacts) []hosts.Evidence { panic("straw") }
		panics.Apply = func(f *hosts.HostFacts, ev hosts.Evidence) error {
			f.Dokploy = f.Dokploy.Failed(ev.Error, "", ev.Source, ev.At)
			return nil
		}
		hangs.ID, hangs.Collect = "hangs", func(ctx context.Context, _ *hosts.HostFacts) []hosts.Evidence {
			<-ctx.Done()
			return []hosts.Evidence{{Error: ctx.Err().Error()}}
		}
		hangs.Apply = func(*hosts.HostFacts, hosts.Evidence) error { panic("more straw") }
		far.ID, far.Offline, far.Collect = "far", true, func(context.Context, *hosts.HostFacts) []hosts.Evidence {
			offline.Add(1)
			return nil
		}
		w := newWire()
		f := start(t, Member{
			Host: hosts.Host{Name: "h1"}, Conn: newHost("h1", 0), Link: w, Bell: w.bell,
			Collectors: []Collector{panics, hangs, good, far},
		})
		<-time.After(time.Minute)
		if asked.Load() != 0 || offline.Load() < 3 {
			t.Errorf("a pending host was asked %d times, a probe from here %d", asked.Load(), offline.Load())
		}
		w.turn(hosts.StateConnected, "")
		<-time.After(time.Minute)
		if n := asked.Load(); n < 3 || n > 4 {
			t.Errorf("asked %d times in a minute", n)
		}
		release := f.Watch(hosts.TopicProbes)
		<-time.After(time.Minute)
		release()
		if n := asked.Load(); n < 12 || n > 18 {
			t.Errorf("asked %d times after a watched minute", n)
		}
		h := f.Snapshot().Host("h1")
		if h.AgentHub.Value.Version != "1.2.3" || h.Dokploy.Standing() != hosts.Unknown || h.System.Standing() != hosts.Fresh {
			t.Errorf("hub %+v, dokploy %v, system %v", h.AgentHub, h.Dokploy, h.System.Standing())
		}
	})
}

// What wants root is asked for together: every sudo leaves a line in the host's log.
func TestRootIsAskedSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHost("h1", 0)
		f := New(Params{
			Members: []Member{{Host: hosts.Host{Name: "h1"}, Conn: h}}, Now: time.Now, Logger: discard(), Jitter: rand.Float64,
		})
		runFor(t, f, time.Hour)
		if n := h.rooted.Load(); n < 10 || n > 26 { // 12 times, were it not for the jitter
			t.Errorf("root was asked for %d times in an hour", n)
		}
		if n := h.batches.Load(); n < 600 || n > 800 {
			t.Errorf("%d batches in an hour", n)
		}
	})
}

// An engine's list may be behind its events, and does not bring a dead container back.
func TestListBehindItsEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &dock{delay: 20 * time.Millisecond, lag: time.Second, list: []hosts.Container{container("web"), container("db")}}
		f := start(t, Member{Conn: newHost("h1", 0), Docker: d, Pace: Pace{Every: 10 * time.Minute}})
		<-time.After(12 * time.Second)
		lists := d.lists.Load()
		d.kill("web")
		for i := range 100 {
			<-time.After(60 * time.Millisecond)
			if got := f.Snapshot().Hosts[0].Containers.Value[0]; got.State != "exited" {
				t.Fatalf("it is %s again %d ms after its end", got.State, 60*(i+1))
			}
		}
		if n := d.lists.Load() - lists; n < 2 || n > 3 {
			t.Errorf("%d lists: one after the event, and one when it surely knows", n)
		}
		if got := f.Snapshot().Hosts[0].Containers.Value[0]; got.Exit != 137 {
			t.Errorf("%+v", got)
		}
	})
}

// Each host has a pace of its own, and what rarely moves another one; a collector whose period is meant
// as it stands keeps it.
func TestPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var probes, images atomic.Int32
		count := func(n *atomic.Int32, every time.Duration, fixed bool) Collector {
			return Collector{
				ID: fmt.Sprint(every), Title: "counted", Every: every, Fixed: fixed,
				Collect: func(context.Context, *hosts.HostFacts) []hosts.Evidence {
					n.Add(1)
					return nil
				},
				Apply: func(*hosts.HostFacts, hosts.Evidence) error { return nil },
			}
		}
		usual, slow := newHost("usual", 0), newHost("slow", 0)
		start(t, Member{Conn: usual}, Member{
			Conn: slow, Pace: Pace{Every: 50 * time.Second, Slow: 10 * time.Minute},
			Collectors: []Collector{count(&probes, 30*time.Second, true), count(&images, time.Minute, false)},
		})
		<-time.After(20*time.Minute + 30*time.Second)
		if often, rarely := usual.batches.Load(), slow.batches.Load(); often < 200 || rarely > 40 || rarely < 20 {
			t.Errorf("%d batches of one host and %d of one that is to be asked a tenth as often", often, rarely)
		}
		if p, i := probes.Load(), images.Load(); p < 38 || p > 45 || i != 3 {
			t.Errorf("%d probes that are meant every half minute, %d lists that are meant every ten minutes", p, i)
		}
	})
}

// A section of a host's own stands in the place of the common one with its ID.
func TestOwnSections(t *testing.T) {
	t.Parallel()
	own := sections([]collect.Section{{ID: "nginx", Title: "mine"}, {ID: "agent.x", Title: "new"}})
	if n := len(collect.All()) + 1; len(own) != n {
		t.Errorf("%d sections, want %d", len(own), n)
	}
	if i := slices.IndexFunc(own, func(s collect.Section) bool { return s.ID == "nginx" }); own[i].Title != "mine" {
		t.Errorf("nginx is read by %q", own[i].Title)
	}
}
