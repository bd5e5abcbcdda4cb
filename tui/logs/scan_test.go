package logs

import (
	"context"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/hosts/logfilter"
)

func predicateOf(t testing.TB, s string) *predicate {
	t.Helper()
	terms, err := logfilter.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	p := &predicate{terms: terms}
	p.prepare()
	return p
}

// accepted is what a scan must find, the slow way.
func accepted(b *Buffer, p *predicate) []int {
	var out []int
	for pos := b.First(); pos < b.End(); pos++ {
		if p.accepts(lineAt(b, pos)) {
			out = append(out, pos)
		}
	}
	return out
}

func found(s *scan) []int {
	var out []int
	for pos := s.after(0); pos >= 0; pos = s.after(pos + 1) {
		out = append(out, pos)
	}
	return out
}

func drain(s *scan, b *Buffer, cmd tea.Cmd) {
	for cmd != nil {
		cmd = s.take(cmd().(scannedMsg), b)
	}
}

// A scan that follows a buffer while lines arrive, settle, move and are dropped ends with exactly
// the lines the predicate accepts, at every moment it is caught up.
func TestScanFollowsTheBuffer(t *testing.T) {
	t.Parallel()
	for seed := range int64(12) {
		rng := rand.New(rand.NewSource(seed))
		b := NewBuffer(300 << 10)
		p := predicateOf(t, "hit")
		id := uint64(1)
		s := newScan(context.Background(), nil, id, p, b)
		var flying tea.Cmd
		now := t0
		for step := range 120 {
			now = now.Add(time.Duration(rng.Intn(700)) * time.Millisecond)
			var es []hosts.Entry
			for i := range rng.Intn(300) {
				text := "miss"
				if rng.Intn(3) == 0 {
					text = "hit"
				}
				src := srcA
				if rng.Intn(2) == 0 && step > 20 {
					src = srcB
				}
				es = append(es, entry(src, now.Add(-time.Duration(rng.Intn(9000))*time.Millisecond), fmt.Sprint(text, i)))
			}
			b.Append(now, es, 0)
			if s.epoch != b.epoch {
				s.stop()
				id++
				s = newScan(context.Background(), nil, id, p, b)
				flying = nil
			}
			s.follow(b)
			if flying == nil {
				flying = s.next(b)
			}
			switch rng.Intn(3) {
			case 0: // one step of the work
				if flying != nil {
					flying = s.take(flying().(scannedMsg), b)
				}
			case 1: // all of it
				drain(s, b, flying)
				flying = nil
				if got, want := found(s), accepted(b, p); !slices.Equal(got, want) {
					t.Fatalf("seed %d step %d: found %d lines, want %d\n%v\n%v", seed, step, len(got), len(want), got, want)
				}
				if !s.done(b) || s.percent(b) != 100 {
					t.Fatalf("seed %d: caught up but %d%%", seed, s.percent(b))
				}
			}
			for _, pos := range found(s) { // never a line that does not match
				if l, ok := b.at(pos); !ok || !p.accepts(&l) {
					t.Fatalf("seed %d step %d: position %d is no hit", seed, step, pos)
				}
			}
		}
	}
}

func TestScanWorksInSlicesFromTheNewest(t *testing.T) {
	t.Parallel()
	b := NewBuffer(1 << 30)
	fill(b, 3*sliceLines)
	s := newScan(context.Background(), nil, 1, predicateOf(t, "number"), b)
	cmd := s.next(b)
	cmd = s.take(cmd().(scannedMsg), b) // the tail
	cmd = s.take(cmd().(scannedMsg), b)
	if !s.started || s.done(b) {
		t.Fatalf("after one slice: started %v done %v", s.started, s.done(b))
	}
	if got := s.before(b.End()); got != b.End()-1 {
		t.Errorf("the newest line is not the first found: %d", got)
	}
	if n := s.count(); n > sliceLines+tailLines {
		t.Errorf("one slice found %d lines", n)
	}
	drain(s, b, cmd)
	if s.count() != b.Len() {
		t.Errorf("found %d of %d", s.count(), b.Len())
	}
	if s.rank(b.First()+10) != 10 {
		t.Errorf("rank %d", s.rank(b.First()+10))
	}
}

// The work runs beside the update loop, which goes on appending to, trimming and inserting into the
// buffer: under the race detector this fails when anything shared is written.
func TestScanBesideTheLoop(t *testing.T) {
	t.Parallel()
	b := NewBuffer(600 << 10)
	p := predicateOf(t, "number")
	s := newScan(t.Context(), nil, 1, p, b)
	results := make(chan scannedMsg)
	flying := false
	now := t0
	for i := range 300 {
		now = now.Add(100 * time.Millisecond)
		es := make([]hosts.Entry, 0, 200)
		for j := range cap(es) {
			src := srcA
			if j%5 == 0 && i > 100 {
				src = srcB
			}
			es = append(es, entry(src, now.Add(-time.Duration(j%7)*time.Second), "number"))
		}
		b.Append(now, es, 0)
		if s.epoch != b.epoch {
			s.stop()
			if flying {
				<-results
				flying = false
			}
			s = newScan(t.Context(), nil, s.id+1, p, b)
		}
		s.follow(b)
		if !flying {
			if cmd := s.next(b); cmd != nil {
				flying = true
				go func() { results <- cmd().(scannedMsg) }()
			}
			continue
		}
		select {
		case m := <-results:
			flying = false
			if cmd := s.take(m, b); cmd != nil {
				flying = true
				go func() { results <- cmd().(scannedMsg) }()
			}
		default:
		}
	}
	for flying {
		m := <-results
		flying = false
		if cmd := s.take(m, b); cmd != nil {
			flying = true
			go func() { results <- cmd().(scannedMsg) }()
		}
	}
	if got, want := found(s), accepted(b, p); !slices.Equal(got, want) {
		t.Errorf("found %d lines of %d", len(got), len(want))
	}
}

func TestScanCancelled(t *testing.T) {
	t.Parallel()
	b := NewBuffer(1 << 30)
	fill(b, 5000)
	s := newScan(context.Background(), nil, 1, predicateOf(t, "number"), b)
	first := s.next(b)
	second := s.take(first().(scannedMsg), b)
	s.stop()
	m := second().(scannedMsg)
	if !m.cut || len(m.hits) > 0 {
		t.Errorf("a cancelled scan returned %+v", m)
	}
	if s.take(m, b) != nil {
		t.Error("a cancelled scan goes on")
	}
}

func TestScanOneJobInFlight(t *testing.T) {
	t.Parallel()
	b := NewBuffer(0)
	fill(b, 100)
	s := newScan(context.Background(), nil, 1, predicateOf(t, "x"), b)
	if s.next(b) == nil {
		t.Fatal("no work for a full buffer")
	}
	if s.next(b) != nil {
		t.Error("two jobs in flight")
	}
}

func TestGapsAndRulersPassEveryFilter(t *testing.T) {
	t.Parallel()
	b := NewBuffer(0)
	b.Append(t0, []hosts.Entry{entry(srcA, t0, "a")}, 7)
	b.Rule(t0, "mark")
	p := predicateOf(t, "nothing has this")
	p.min = hosts.LevelError
	if got := len(accepted(b, p)); got != 2 {
		t.Errorf("%d lines pass, want the gap and the ruler", got)
	}
}

// Hits that are shared with a count or an export stay what they were, though the oldest lines are dropped
// while a piece of the search is under way among them.
func TestSharedHitsStand(t *testing.T) {
	t.Parallel()
	b := NewBuffer(3 << 20)
	now := t0
	arrive := func(n int) {
		es := make([]hosts.Entry, n)
		for i := range es {
			now = now.Add(time.Millisecond)
			es[i] = entry(srcA, now, "hit")
		}
		b.Append(now, es, 0)
		b.Append(now.Add(time.Hour), nil, 0)
	}
	arrive(firstLines + 30_000)
	s := newScan(context.Background(), nil, 1, predicateOf(t, "hit"), b)
	flying := s.take(s.next(b)().(scannedMsg), b) // the newest were looked at, the others are being
	shared := s.hits.share()
	copied := slices.Collect(shared.from(0))
	if flying == nil || len(copied) != firstLines {
		t.Fatalf("%d hits, in flight %v", len(copied), flying != nil)
	}
	arrive(2*firstLines - 40_000) // drops many of the hits, not most: the list stays where it is
	s.follow(b)
	if b.base <= copied[0] {
		t.Fatal("nothing of what is shared was dropped")
	}
	drain(s, b, flying)
	if !slices.Equal(slices.Collect(shared.from(0)), copied) {
		t.Error("what was shared has changed")
	}
	if got := found(s); !slices.Equal(got, accepted(b, s.pred)) {
		t.Errorf("%d found of %d", len(got), b.Len())
	}
}

// Looking for lines in the text of a whole chunk finds what asking about each of them finds.
func TestFindIsAccepts(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewSource(7))
	words := []string{"a", "b", "ab", "Ab", "error", "", "took 912ms", " level=info status=502"}
	b := NewBuffer(0)
	now := t0
	for range 300 {
		var es []hosts.Entry
		for range rng.Intn(60) {
			now = now.Add(time.Second)
			var text strings.Builder
			for range rng.Intn(4) {
				text.WriteString(words[rng.Intn(len(words))])
			}
			es = append(es, hosts.Entry{Time: now, Source: srcA, Level: hosts.Level(rng.Intn(8)), Text: text.String()})
		}
		lost := uint64(0)
		if rng.Intn(150) == 0 {
			lost = 3
		}
		b.Append(now.Add(time.Hour), es, lost)
	}
	for _, f := range []string{"ab", "Ab", "ba", "b", "!ab", `/a.?b/`, `/took 9\d\dms/`, "status>=500", "status=502", ">=warn", ">=warn ab", "ab !error", "error ab", "!error !b", ">=warn !a", "!status>=500", "!error /b./"} {
		for _, x := range []struct{ strict, timed bool }{{}, {strict: true}, {timed: true}, {strict: true, timed: true}} {
			p := predicateOf(t, f)
			p.strict = x.strict
			if x.timed {
				p.from, p.to = lineAt(b, 100).key, lineAt(b, b.End()-100).key
			}
			var got, want []int
			for i := range b.chunks {
				c := &b.chunks[i]
				got = p.find(got, c, 3, len(c.recs))
				for k := 3; k < len(c.recs); k++ {
					if l := c.line(k); p.accepts(&l) {
						want = append(want, c.first+k)
					}
				}
			}
			if !slices.Equal(got, want) || len(got) == 0 {
				t.Errorf("%s: %d lines found, %d accepted", f, len(got), len(want))
			}
		}
	}
}

// fill appends n lines of two sources as a stream would.
func fill(b *Buffer, n int) {
	levels := []hosts.Level{hosts.LevelInfo, hosts.LevelDebug, hosts.LevelWarn, hosts.LevelInfo, hosts.LevelError}
	now := t0
	for i := 0; i < n; {
		es := make([]hosts.Entry, 0, 2000)
		for ; i < n && len(es) < cap(es); i++ {
			src := srcA
			if i%3 == 0 {
				src = srcB
			}
			now = now.Add(time.Millisecond)
			es = append(es, hosts.Entry{
				Time: now, Host: src.Host, Source: src, Level: levels[i%5],
				Text: fmt.Sprintf("request number %d took %dms upstream=10.0.0.%d path=/api/v1/items", i, i%977, i%250),
			})
		}
		b.Append(now, es, 0)
	}
}

func BenchmarkAppend100k(b *testing.B) {
	batches := make([][]hosts.Entry, 0, 50)
	now := t0
	for range 50 {
		es := make([]hosts.Entry, 2000)
		for i := range es {
			now = now.Add(10 * time.Microsecond)
			src := srcA
			if i%2 == 0 {
				src = srcB
			}
			es[i] = entry(src, now, "GET /api/v1/items 200 12ms 10.0.0.1")
		}
		batches = append(batches, es)
	}
	b.ReportAllocs()
	for b.Loop() {
		buf := NewBuffer(0)
		for _, es := range batches {
			buf.Append(es[len(es)-1].Time, es, 0)
		}
	}
}

func BenchmarkFilter1M(b *testing.B) {
	buf := NewBuffer(1 << 30)
	fill(buf, 1_000_000)
	for _, f := range []string{"number 99", "UPSTREAM=10.0.0.7", `/took (9\d\d)ms/`, ">=warn !number"} {
		b.Run(f, func(b *testing.B) {
			p := predicateOf(b, f)
			for b.Loop() {
				s := newScan(context.Background(), nil, 1, p, buf)
				drain(s, buf, s.next(buf))
			}
		})
	}
}
