package logs

import (
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/muesli/termenv"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// colours are the only sequences a frame may hold: those of our own pens.
var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// unsafeIn finds what must not reach a terminal in a text: controls of either set, what is not UTF-8, and
// characters that turn the direction of writing.
func unsafeIn(v string) string {
	v = colours.ReplaceAllString(v, "")
	if !utf8.ValidString(v) {
		return "bytes that are not UTF-8"
	}
	i := strings.IndexFunc(v, func(r rune) bool {
		return r < 0x20 && r != '\n' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200f || r == 0x61c
	})
	if i < 0 {
		return ""
	}
	return strings.ToValidUTF8(v[max(0, i-40):min(len(v), i+40)], "?")
}

// Whatever hosts write, nothing of it reaches the terminal but what can be read: in the log, in every pane,
// wrapped or not, in colour or not, and in what is copied and written to files.
func TestHostileTextIsShownAsText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ten megabytes \x1b[2J\x00\xff\u202e", 10<<20/22)
	for name, st := range map[string]*themes.Styles{"plain": plain(), "colour": styles(termenv.TrueColor, themes.Dark())} {
		g := told(t, st)
		k := &kept{list: []ui.LogView{{Name: "view \x1b[2J\u202e", Sources: []hosts.LogSource{{Host: "h\x1b]0;x\a"}}, Filter: "f\x1b[6n"}}}
		g.s.deps.Views = k
		es := hostile()
		es = append(es, hosts.Entry{Time: t0, Source: es[0].Source, Text: long})
		es = append(es, hosts.Entry{Time: t0, Source: es[0].Source, Kind: hosts.EntryGap, Text: "gap \x1b[2J\x9b6n"},
			hosts.Entry{Time: t0, Source: es[0].Source, Text: "{\"msg\":\"\\u001b[2J\\u202e\",\"na\\u001bme\":\"\\u0000\\u009b6n\",\"request_id\":\"\\u001b]0;x\\u0007abcdef\"}"},
			hosts.Entry{Time: t0, Source: es[0].Source, Text: "last\x1b[8m hidden \x1b[5m"})
		g.feed(hosts.LogBatch{Entries: es, Status: []hosts.LogStatus{{Source: es[0].Source, State: "retrying\x1b[2J", Reason: "why\x1b]52;c;?\a\u202e"}}})
		g.s.list.buf.Append(g.now.Add(time.Hour), nil, 0)
		for _, keys := range [][]string{
			nil,
			{"w"},
			{"z"},
			{"g"},
			{"G", "k", "enter"},
			{"esc", "k", "enter", "t"},
			{"esc", "g", "enter"},
			{"esc", "o"},
			{"esc", "i"},
			{"esc", "p"},
			{"esc", "O"},
			{"esc", "/", "\u202e", "x", "enter"},
			{"f", "\u009b", "enter"},
			{"esc", "esc", "b", "g"},
		} {
			g.keys(keys...)
			for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 50}} {
				g.s.SetSize(size[0], size[1])
				if bad := unsafeIn(g.s.View()); bad != "" {
					t.Fatalf("%s, after %q at %v: %q", name, keys, size, bad)
				}
			}
		}
		for _, f := range []format{formatText, formatJSON, formatMarkdown} {
			var b strings.Builder
			if _, err := g.s.excerpt().write(&b, f); err != nil {
				t.Fatal(err)
			}
			if bad := unsafeIn(b.String()); bad != "" || b.Len() == 0 {
				t.Errorf("%s, format %d: %q", name, f, bad)
			}
		}
		g.keys("y")
		if bad := unsafeIn(g.copied); bad != "" || g.copied == "" {
			t.Errorf("%s: copied %q", name, bad)
		}
	}
}

// What can be read of it is still there: letters of every script, and that a line was cut.
func TestHostileTextIsStillRead(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil).open()
	g.feed(hosts.LogBatch{Entries: []hosts.Entry{
		entry(srcA, t0, strings.Repeat("x", 10<<20)),
		entry(srcA, t0.Add(time.Second), "\x1b[31mred\x1b[0m and \u05e9\u05dc\u05d5\u05dd \u202eevil\u202c \x00\x00end"),
	}, Status: following(srcA)})
	g.has("red and \u05e9\u05dc\u05d5\u05dd evil end")
	var b strings.Builder
	if _, err := g.s.excerpt().write(io.Writer(&b), formatText); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "... 10,223,616 more bytes of this line are not kept") {
		t.Error("a cut line does not say so")
	}
	if n := g.s.list.buf.bytes; n > 300<<10 {
		t.Errorf("%d bytes are kept of it", n)
	}
}

// Marks are found however far they are.
func TestMarksAreFoundFarAway(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil).open()
	g.feed(hosts.LogBatch{Entries: numbered(srcA, 0, 1), Status: following(srcA)})
	g.keys("k", "m", "G")
	for i := range 5 {
		g.now = g.now.Add(time.Hour)
		g.feed(hosts.LogBatch{Entries: numbered(srcA, 1+i*60_000, 60_000)})
	}
	g.keys("{")
	if l := g.s.current(); l == nil || l.text != "line 0 of api" {
		t.Errorf("the mark is at %+v", l)
	}
	g.keys("{")
	if got := g.toasts[len(g.toasts)-1]; got != "no mark further on" {
		t.Errorf("said %q", got)
	}
	g.keys("G", "-", "k", "k", "}")
	if l := g.s.current(); l == nil || l.kind != kindRuler {
		t.Errorf("the line drawn is not found: %+v", l)
	}
}
