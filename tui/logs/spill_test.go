package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
)

func many(from, to int) []hosts.Entry {
	out := make([]hosts.Entry, 0, to-from)
	for i := from; i < to; i++ {
		out = append(out, entry(srcA, t0.Add(time.Duration(i)*time.Millisecond), fmt.Sprintf("%06d %s", i, strings.Repeat("x", 93))))
	}
	return out
}

// What falls out of the buffer is written down, every line once and in order, and counted as spilled.
func TestSpill(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	g := newStage(t, plain(), follow(srcA), nil)
	g.s.SetSize(120, 24)
	g.s.budget = 300 << 10
	g.s.deps.Spill = func(write func(io.Writer) error) error { return write(&file) }
	g.open()
	const all = 12_000
	for i := 0; i < all; i += 1000 {
		g.now = g.now.Add(10 * time.Second)
		g.feed(hosts.LogBatch{Entries: many(i, i+1000), Status: following(srcA)})
	}
	b := g.s.list.buf
	n := 0
	for line := range strings.Lines(file.String()) {
		var l lineJSON
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%06d ", n); !strings.HasPrefix(l.Text, want) || l.Source != srcA.Key() || l.Time == nil {
			t.Fatalf("line %d is %s", n, line)
		}
		n++
	}
	if n == 0 || n != b.First() || n+b.Len() != all || b.dropped != 0 || g.s.spill.lines != uint64(n) || g.s.spill.bytes != 0 {
		t.Errorf("%d spilled (%d counted), %d kept from %d, %d dropped, %d bytes wait", n, g.s.spill.lines, b.Len(), b.First(), b.dropped, g.s.spill.bytes)
	}
	g.has(commas(n) + " spilled  ")
	g.hasNot("dropped")
	if b.bytes > g.s.budget {
		t.Errorf("%d bytes kept", b.bytes)
	}
	g.run(g.s.reopen())
	g.hasNot("spilled")
}

// A file that cannot be written is said once; what falls out is counted as dropped, as without one.
func TestSpillFails(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil)
	g.s.SetSize(120, 24)
	g.s.budget = 300 << 10
	g.s.deps.Spill = func(func(io.Writer) error) error { return errors.New("disk full") }
	g.open()
	const all = 12_000
	for i := 0; i < all; i += 1000 {
		g.now = g.now.Add(10 * time.Second)
		g.feed(hosts.LogBatch{Entries: many(i, i+1000), Status: following(srcA)})
	}
	b := g.s.list.buf
	if b.dropped != uint64(b.First()) || b.First() == 0 || g.s.spill.lines != 0 {
		t.Errorf("%d dropped of %d, %d spilled", b.dropped, b.First(), g.s.spill.lines)
	}
	if len(g.toasts) != 1 || !strings.Contains(g.toasts[0], "disk full") {
		t.Errorf("%v", g.toasts)
	}
	g.has("oldest dropped")
}
