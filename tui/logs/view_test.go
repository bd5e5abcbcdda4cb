package logs

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"
	"github.com/muesli/termenv"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// story is a night on two hosts: levels, a stack trace, wide letters, what should not be shown.
func story() []hosts.Entry {
	api := hosts.LogSource{Host: "web-1", Kind: hosts.LogContainer, Name: "ai_hub_service"}
	web := hosts.LogSource{Host: "web-1", Kind: hosts.LogContainer, Name: "ai_unified_frontend"}
	db := hosts.LogSource{Host: "db-primary-2", Kind: hosts.LogUnit, Name: "powernode-worker@default.service"}
	at := func(ms int) time.Time { return t0.Add(58*time.Minute + time.Duration(ms)*time.Millisecond) }
	return []hosts.Entry{
		{Time: t0.Add(-26 * time.Hour), Source: db, Level: hosts.LevelNotice, Text: "Started powernode worker (default)."},
		{Time: at(0), Source: api, Level: hosts.LevelInfo, Text: "INFO:     Application startup complete."},
		{Time: at(12), Source: web, Level: hosts.LevelNone, Text: `10.0.0.7 - - "GET /api/v1/agents HTTP/1.1" 200 512 "-" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"`},
		{Time: at(40), Source: db, Level: hosts.LevelDebug, Text: "polling queue=default"},
		{Time: at(900), Source: api, Level: hosts.LevelWarn, Text: "slow query 812ms: SELECT * FROM nodes -- 日本語のコメント 🚀"},
		{Time: at(1500), Source: api, Level: hosts.LevelError, Stderr: true, Text: "Traceback (most recent call last):\n  File \"/app/main.py\", line 41, in handle\n    raise ConnectionError(\"upstream refused\")\nConnectionError: upstream refused"},
		{Time: at(1600), Source: web, Level: hosts.LevelError, Text: "2026/03/14 02:58:01 [error] 31#31: *7 connect() failed (111: Connection refused) while connecting to upstream"},
		{Time: at(2000), Source: db, Level: hosts.LevelFatal, Text: "\x1b[2J\x1b[31mout of memory\x1b[0m\a evil\u202e text\r\nwith a second line"},
		{Time: time.Time{}, Source: web, Level: hosts.LevelInfo, Text: "a line without a time"},
	}
}

func storySources() []hosts.LogSource {
	es := story()
	return []hosts.LogSource{es[1].Source, es[2].Source, es[0].Source}
}

func told(t *testing.T, st *themes.Styles) *stage {
	t.Helper()
	g := newStage(t, st, follow(storySources()...), nil).open()
	tell(g)
	return g
}

func tell(g *stage) {
	g.feed(hosts.LogBatch{Entries: story(), Status: following(storySources()...)})
}

// scene is a screen as a golden view shows it.
type scene struct {
	st   *themes.Styles // plain when nil
	err  error          // of Tail
	pick bool           // opened without sources
	then func(*stage)
}

// scenes are the five states every screen must draw, and what this one adds to them. Nothing here
// changes anything, so read-only looks like every other day.
func scenes() map[string]scene {
	src := storySources()
	keys := func(names ...string) func(*stage) {
		return func(g *stage) {
			tell(g)
			g.keys(names...)
		}
	}
	return map[string]scene{
		"loading":  {},
		"empty":    {then: func(g *stage) { g.feed(hosts.LogBatch{Status: following(src...)}) }},
		"failed":   {err: errors.New("web-1: host not reached: no answer from 10.0.0.1:22 within the deadline")},
		"readonly": {then: tell},
		"stale": {then: func(g *stage) {
			tell(g)
			st := following(src...)
			st[2].State, st[2].Reason, st[2].Dropped = "retrying", "connection lost, next try in 4s", 395
			g.feed(hosts.LogBatch{Status: st, Dropped: 395})
		}},
		"paused": {then: func(g *stage) {
			tell(g)
			g.keys("k", "k", "k")
			g.feed(hosts.LogBatch{Entries: numbered(src[0], 0, 5)})
			g.keys("/")
			g.write("!polling")
			g.keys("enter", "f")
			g.write("upstream")
			g.keys("enter")
		}},
		"typing": {then: func(g *stage) {
			tell(g)
			g.keys("/")
			g.write(">=warn")
		}},
		"help":   {then: keys("/")},
		"detail": {then: keys("k", "k", "k", "enter")},
		"flags": {then: func(g *stage) {
			g.feed(hosts.LogBatch{Status: following(src...), Entries: []hosts.Entry{{
				Time: t0, Source: src[1], Level: hosts.LevelError,
				Text: `[2026-03-14T02:00:00.000Z] "GET /orders HTTP/2" 503 UF,URX 0 91 2003 - "-" "curl/8" "7f3a9c2e-0f0f-4c4c-9d9d-1b1b1b1b1b1b" "shop.example" "10.0.0.7:8080"`,
			}}})
			g.keys("enter", "j", "j", "j", "j")
		}},
		"columns": {then: keys("K", "j", " ", "j", "j", " ")},
		"sources": {then: keys("o", "j", " ")},
		"since":   {then: keys("T", "j")},
		"patterns": {then: func(g *stage) {
			tell(g)
			g.s.list.buf.Append(g.now.Add(time.Hour), nil, 0) // settles the tail
			g.keys("p")
		}},
		"histogram": {then: func(g *stage) {
			tell(g)
			g.keys("i", "N")
		}},
		"folded": {then: func(g *stage) {
			tell(g)
			g.feed(hosts.LogBatch{Entries: append(numbered(src[0], 0, 1), numbered(src[0], 0, 1)...)})
			g.s.list.buf.Append(g.now.Add(time.Hour), nil, 0)
			g.keys("z")
		}},
		"wrapped": {then: keys("w", "t")},
		"picker":  {pick: true},
		"truecolor": {st: styles(termenv.TrueColor, themes.Dark()), then: func(g *stage) {
			tell(g)
			g.keys("f")
			g.write("upstream")
			g.keys("enter")
		}},
		"ansi_light": {st: styles(termenv.ANSI, themes.Light()), then: tell},
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, x := range scenes() {
		for _, size := range uitest.Sizes() {
			t.Run(fmt.Sprintf("%s/%dx%d", name, size[0], size[1]), func(t *testing.T) {
				t.Parallel()
				st := x.st
				if st == nil {
					st = plain()
				}
				g := newStage(t, st, follow(storySources()...), nil)
				if x.pick {
					g = newStage(t, st, ui.OpenMsg{}, pickSnap())
				}
				g.logs.err = x.err
				g.open()
				if x.then != nil {
					x.then(g)
				}
				g.s.SetSize(size[0], size[1])
				golden.RequireEqual(t, g.s.View())
			})
		}
	}
}

func pickSnap() *hosts.Snapshot {
	return &hosts.Snapshot{Hosts: []*hosts.HostFacts{
		{
			Host: hosts.Host{Name: "web-1", Kind: hosts.KindSSH}, Link: hosts.Link{State: hosts.StateConnected},
			Containers: hosts.Read([]hosts.Container{
				{ID: "1", Name: "ai_hub_service", State: "running", Image: "cortex/hub:1.4"},
				{ID: "2", Name: "ai_unified_frontend", State: "restarting", Image: "nginx:1.27"},
				{ID: "3", Name: "миграция", State: "exited", Image: "cortex/hub:1.4"},
			}, "GET /containers/json", t0),
			Units: hosts.Read([]hosts.Unit{{Name: "nginx.service", Active: "active", Description: "A high performance web server"}, {Name: "certbot.service", Active: "failed"}}, "systemctl", t0),
		},
		{
			Host: hosts.Host{Name: "db-primary-2", Kind: hosts.KindSSH}, Link: hosts.Link{State: hosts.StateDisconnected},
			Containers: hosts.Part[[]hosts.Container]{Reason: "permission denied on /var/run/docker.sock", Tried: t0},
			Units:      hosts.Read([]hosts.Unit{{Name: "powernode-worker@default.service", Active: "active"}}, "systemctl", t0),
		},
		{Host: hosts.Host{Name: "new-3", Kind: hosts.KindSSH}},
	}}
}

func TestViewAtAnySize(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][]string{
		"log": nil, "paused": {"k", "k"}, "detail": {"k", "k", "k", "enter"}, "sources": {"o"}, "columns": {"K"}, "since": {"T"}, "histogram": {"i"}, "patterns": {"p"}, "folded": {"z", "k"},
		"filter": {"/", "a", "b"}, "find": {"f", "u"}, "wrap": {"w", "k"}, "side": {"l", "l", "k"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := told(t, styles(termenv.TrueColor, themes.Dark()))
			g.feed(hosts.LogBatch{Entries: hostile(), Dropped: 7})
			g.keys(keys...)
			if name == "log" || name == "detail" {
				uitest.CheckView(t, g.s)
			}
			someSizes(t, g.s)
		})
	}
	t.Run("picker", func(t *testing.T) {
		t.Parallel()
		someSizes(t, newStage(t, plain(), ui.OpenMsg{Screen: "logs"}, pickSnap()).open().s)
	})
	t.Run("bare", func(t *testing.T) {
		t.Parallel()
		someSizes(t, New(ui.Deps{Now: time.Now, Styles: plain(), Context: t.Context()}, ui.OpenMsg{}))
	})
}

func hostile() []hosts.Entry {
	src := hosts.LogSource{Host: "h\x1b[31m" + strings.Repeat("長", 50), Kind: hosts.LogContainer, Name: "name\n\twith " + strings.Repeat("🚀", 40)}
	var out []hosts.Entry
	for _, text := range []string{
		"", "\n\n\n", "\x1b]52;c;aGk=\a\x1b[999;999H", strings.Repeat("\x00", 100), strings.Repeat("長", 5000), strings.Repeat("e\u0301\u0302\u0303", 500),
		"\u202eright to left\u202c", "👩‍👩‍👧‍👦 family", "\t\ttabs\ttabs", string([]byte{0xff, 0xfe, 0xc3, 0x28}), strings.Repeat("x", 300_000), "a\r\nb\rc",
	} {
		out = append(out, hosts.Entry{Time: t0, Source: src, Level: hosts.LevelError, Text: text})
	}
	return out
}

func bigScreen(tb testing.TB, lines int) *stage {
	tb.Helper()
	g := &stage{logs: &fakeLogs{}, now: t0.Add(time.Hour)}
	g.s = New(ui.Deps{Context: tb.Context(), Now: func() time.Time { return g.now }, Styles: styles(termenv.TrueColor, themes.Dark()), Logs: g.logs}, follow(srcA, srcB))
	tb.Cleanup(g.s.Close)
	g.s.budget = 1 << 30
	g.s.SetSize(200, 50)
	g.s.resetBuffer()
	fill(g.s.list.buf, lines)
	return g
}

func TestViewAllocs(t *testing.T) {
	g := bigScreen(t, 20_000)
	g.s.View()
	// Budget of a screen is 500; a row costs nothing once it was fitted.
	if n := testing.AllocsPerRun(20, func() { g.s.View() }); n > 60 {
		t.Errorf("%.0f allocations in a View", n)
	}
}

// A View fits the lines it shows and no others, however many there are.
func TestViewFitsOnlyWhatIsSeen(t *testing.T) {
	t.Parallel()
	for _, lines := range []int{100, 100_000} {
		g := bigScreen(t, lines)
		g.s.View()
		if n := g.s.list.fit.fits; n > 50 {
			t.Errorf("%d lines fitted of %d", n, lines)
		}
		before := g.s.list.fit.fits
		g.s.View()
		if g.s.list.fit.fits != before {
			t.Error("lines fitted again")
		}
	}
}

func BenchmarkView(b *testing.B) {
	for _, lines := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(lines), func(b *testing.B) {
			g := bigScreen(b, lines)
			b.ReportAllocs()
			for b.Loop() {
				g.s.View()
			}
		})
	}
}

// BenchmarkViewFresh is a View after every line on screen has changed, as in a flood.
func BenchmarkViewFresh(b *testing.B) {
	g := bigScreen(b, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		g.s.list.fit.void()
		g.s.View()
	}
}

// someSizes asserts what uitest.CheckView does at fewer sizes, for the variants of a screen that
// share their layout with one that is tried at all of them.
func someSizes(t *testing.T, s *Screen) {
	t.Helper()
	for _, h := range []int{0, 1, 2, 3, 4, 5, 6, 7, 13, 14, 15, 24, 50, 70} {
		for _, w := range []int{0, 1, 2, 19, 20, 21, 29, 30, 39, 40, 41, 80, 111, 200, 220} {
			s.SetSize(w, h)
			v := s.View()
			lines := strings.Split(v, "\n")
			if h == 0 && v != "" || h > 0 && len(lines) != h {
				t.Fatalf("%dx%d: %d lines", w, h, len(lines))
			}
			for _, l := range lines {
				if n := ui.Width(l); n > w {
					t.Fatalf("%dx%d: a line of %d cells: %q", w, h, n, l)
				}
			}
		}
	}
}

// BenchmarkFlood is a frame of a stream that writes 100,000 lines a second: the batch taken in, the
// filter's next piece of work begun, and the view drawn.
func BenchmarkFlood(b *testing.B) {
	for _, filter := range []string{"", "took 9"} {
		b.Run("filter="+filter, func(b *testing.B) {
			g := bigScreen(b, 100_000)
			g.s.feed.state = feedOpen
			g.s.feed.ctx = b.Context()
			g.s.filter.set(filter)
			g.s.rescan()
			es := make([]hosts.Entry, 5000)
			at := t0.Add(time.Hour)
			b.ReportAllocs()
			for b.Loop() {
				for i := range es {
					at = at.Add(10 * time.Microsecond)
					es[i] = entry(srcA, at, "GET /api/v1/items took 912ms upstream=10.0.0.7")
				}
				g.now = at
				g.s.Update(batchMsg{g.s.id, g.s.feed.gen, hosts.LogBatch{Entries: es}, nil})
				g.s.View()
			}
		})
	}
}
