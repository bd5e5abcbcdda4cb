package logs

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
)

var t0 = time.Date(2026, 3, 14, 2, 0, 0, 0, time.UTC)

var (
	srcA = hosts.LogSource{Host: "web-1", Kind: hosts.LogContainer, Name: "api"}
	srcB = hosts.LogSource{Host: "db-1", Kind: hosts.LogUnit, Name: "postgresql.service"}
)

func entry(src hosts.LogSource, at time.Time, text string) hosts.Entry {
	return hosts.Entry{Time: at, Host: src.Host, Source: src, Level: hosts.LevelInfo, Text: text}
}

// lineAt is the line at a position, which a test knows to be there.
func lineAt(b *Buffer, pos int) *line {
	l, ok := b.at(pos)
	if !ok {
		panic(fmt.Sprintf("no line at %d", pos))
	}
	return &l
}

func texts(b *Buffer) []string {
	var out []string
	for pos := b.First(); pos < b.End(); pos++ {
		l, _ := b.at(pos)
		switch l.kind {
		case kindGap:
			out = append(out, "<"+strings.Fields(l.text)[0]+" lost>")
		case kindRuler:
			out = append(out, "--"+l.text)
		default:
			out = append(out, l.text)
		}
	}
	return out
}

func wantTexts(t *testing.T, b *Buffer, want string) {
	t.Helper()
	if got := strings.Join(texts(b), " "); got != want {
		t.Errorf("lines are %q, want %q", got, want)
	}
}

func TestBufferMergesSourcesByTime(t *testing.T) {
	t.Parallel()
	b := NewBuffer(0)
	b.Append(t0, []hosts.Entry{entry(srcA, t0, "a0"), entry(srcA, t0.Add(300*time.Millisecond), "a3")}, 0)
	b.Append(t0.Add(time.Second), []hosts.Entry{entry(srcB, t0.Add(100*time.Millisecond), "b1"), entry(srcA, t0.Add(400*time.Millisecond), "a4")}, 0)
	wantTexts(t, b, "a0 b1 a3 a4")
}

func TestBufferKeepsOrderWithinASource(t *testing.T) {
	t.Parallel()
	b := NewBuffer(0)
	b.Append(t0, []hosts.Entry{entry(srcA, t0.Add(time.Second), "first"), entry(srcA, t0, "second"), entry(srcA, time.Time{}, "third")}, 0)
	wantTexts(t, b, "first second third")
}

func TestBufferEqualTimesKeepArrival(t *testing.T) {
	t.Parallel()
	b := NewBuffer(0)
	b.Append(t0, []hosts.Entry{entry(srcA, t0, "1"), entry(srcB, t0, "2")}, 0)
	b.Append(t0, []hosts.Entry{entry(srcA, t0, "3"), entry(srcB, t0, "4")}, 0)
	wantTexts(t, b, "1 2 3 4")
}

// A clock that is late must not write its lines where nobody looks.
func TestBufferLateClockAppearsAtTheEnd(t *testing.T) {
	t.Parallel()
	b := NewBuffer(0)
	now := t0
	for i := range 20 {
		now = now.Add(time.Second)
		b.Append(now, []hosts.Entry{
			entry(srcA, now, fmt.Sprintf("a%d", i)),
			entry(srcB, now.Add(-10*time.Minute), fmt.Sprintf("b%d", i)),
		}, 0)
	}
	got := texts(b)
	if i := slices.Index(got, "b19"); i < len(got)-4 {
		t.Errorf("the newest line of the late clock is at %d of %d: %v", i, len(got), got)
	}
}

func TestBufferBacklogOfASlowHostGoesUp(t *testing.T) {
	t.Parallel()
	b := NewBuffer(0)
	var as, bs []hosts.Entry
	for i := range 3000 {
		as = append(as, entry(srcA, t0.Add(time.Duration(2*i)*time.Second), fmt.Sprint(2*i)))
		bs = append(bs, entry(srcB, t0.Add(time.Duration(2*i+1)*time.Second), fmt.Sprint(2*i+1)))
	}
	now := t0.Add(3 * time.Hour)
	b.Append(now, as, 0)
	epoch := b.epoch
	b.Append(now.Add(3*time.Second), bs[:1000], 0)
	b.Append(now.Add(4*time.Second), bs[1000:], 0)
	if b.epoch == epoch {
		t.Error("the epoch must grow when settled lines move")
	}
	for i, s := range texts(b) {
		if s != fmt.Sprint(i) {
			t.Fatalf("line %d is %q", i, s)
		}
	}
	if b.Len() != 6000 {
		t.Errorf("len %d", b.Len())
	}
}

func TestBufferDropsOldestAndCounts(t *testing.T) {
	t.Parallel()
	b := NewBuffer(400 << 10)
	n := 0
	for range 40 {
		var es []hosts.Entry
		for range 500 {
			es = append(es, entry(srcA, t0.Add(time.Duration(n)*time.Millisecond), fmt.Sprintf("line %d", n)))
			n++
		}
		b.Append(t0.Add(time.Duration(n)*time.Millisecond), es, 0)
	}
	if b.bytes > b.budget+chunkLines*200 {
		t.Errorf("%d bytes kept, budget %d", b.bytes, b.budget)
	}
	if int(b.dropped)+b.Len() != n {
		t.Errorf("dropped %d and kept %d of %d", b.dropped, b.Len(), n)
	}
	if int(b.dropped) != b.First() {
		t.Errorf("first position %d, dropped %d", b.First(), b.dropped)
	}
	for pos := b.First(); pos < b.End(); pos++ {
		if want := fmt.Sprintf("line %d", pos); lineAt(b, pos).text != want {
			t.Fatalf("position %d holds %q", pos, lineAt(b, pos).text)
		}
	}
	for _, pos := range []int{b.First() - 1, b.End(), -1} {
		if _, ok := b.at(pos); ok {
			t.Errorf("there is a line at %d", pos)
		}
	}
}

func TestBufferShowsLostLines(t *testing.T) {
	t.Parallel()
	b := NewBuffer(0)
	b.Append(t0, []hosts.Entry{entry(srcA, t0, "a")}, 0)
	b.Append(t0, []hosts.Entry{entry(srcA, t0.Add(time.Second), "b")}, 395)
	b.Rule(t0.Add(2*time.Second), "mark")
	wantTexts(t, b, "a <395 lost> b --mark")
	if b.lost != 395 {
		t.Errorf("lost %d", b.lost)
	}
}

func TestBufferBoundsOneLine(t *testing.T) {
	t.Parallel()
	b := NewBuffer(0)
	b.Append(t0, []hosts.Entry{entry(srcA, t0, strings.Repeat("x", 3<<20))}, 0)
	if n := len(lineAt(b, 0).text); n > maxText+100 {
		t.Errorf("%d bytes of one line kept", n)
	}
}

func TestBufferHostileTimes(t *testing.T) {
	t.Parallel()
	b := NewBuffer(0)
	for _, at := range []time.Time{{}, time.Unix(1<<40, 0), time.Unix(-1<<40, 0), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)} {
		b.Append(t0, []hosts.Entry{entry(srcA, at, "x")}, 0)
	}
	b.Append(t0, []hosts.Entry{{Level: 99, Text: "y"}, {Level: -3, Text: "z"}}, 0)
	if b.Len() != 6 {
		t.Errorf("len %d", b.Len())
	}
	if got := lineAt(b, 0).at(); !got.IsZero() {
		t.Errorf("no time became %v", got)
	}
}

// Whatever arrives in whatever order: nothing is lost or doubled, a source's lines keep their order,
// ids can be found again, and a snapshot taken before stays as it was.
func TestBufferProperty(t *testing.T) {
	t.Parallel()
	for seed := range int64(12) {
		rng := rand.New(rand.NewSource(seed))
		b := NewBuffer(1 << 30)
		srcs := []hosts.LogSource{srcA, srcB, {Host: "x", Kind: hosts.LogUnit, Name: "c"}, {Host: "y", Kind: hosts.LogUnit, Name: "d"}}
		sent := make([]int, len(srcs))
		now := t0
		total := 0
		for range 60 {
			now = now.Add(time.Duration(rng.Intn(1200)) * time.Millisecond)
			var es []hosts.Entry
			for range rng.Intn(200) {
				i := rng.Intn(len(srcs))
				es = append(es, entry(srcs[i], now.Add(-time.Duration(rng.Intn(5000))*time.Millisecond), fmt.Sprintf("%d:%d", i, sent[i])))
				sent[i]++
			}
			shared := b.share(b.First(), b.settled)
			var before []string
			for _, c := range shared {
				for i := range c.recs {
					before = append(before, c.textOf(i))
				}
			}
			b.Append(now, es, 0)
			total += len(es)
			k := 0
			for _, c := range shared {
				for i := range c.recs {
					if c.textOf(i) != before[k] {
						t.Fatalf("seed %d: a shared line changed", seed)
					}
					k++
				}
			}
		}
		if b.Len() != total {
			t.Fatalf("seed %d: %d lines of %d", seed, b.Len(), total)
		}
		next := make([]int, len(srcs))
		for pos := b.First(); pos < b.End(); pos++ {
			l := lineAt(b, pos)
			var i, n int
			if _, err := fmt.Sscanf(l.text, "%d:%d", &i, &n); err != nil || next[i] != n {
				t.Fatalf("seed %d: position %d holds %q, want number %d", seed, pos, l.text, next[i])
			}
			next[i]++
			if got := b.locate(l.id, b.First()); got != pos {
				t.Fatalf("seed %d: id %d located at %d, is at %d", seed, l.id, got, pos)
			}
		}
	}
}
