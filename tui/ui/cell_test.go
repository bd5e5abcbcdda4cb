package ui_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"midwatch/tui/ui"
)

func TestFit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		f    func(string, int) string
		in   string
		w    int
		want string
	}{
		{"pads", ui.Fit, "ab", 4, "ab  "},
		{"cuts", ui.Fit, "abcdef", 4, "abc…"},
		{"nothing", ui.Fit, "abc", 0, ""},
		{"negative", ui.Fit, "abc", -3, ""},
		{"half a wide character", ui.Fit, "日本語", 4, "日… "},
		{"one cell", ui.Fit, "日", 1, "…"},
		{"right", ui.FitRight, "ab", 4, "  ab"},
		{"right cut", ui.FitRight, "abcdef", 3, "ab…"},
		{"keeps the end", ui.TruncLeft, "registry/team/app:1.2", 8, "…app:1.2"},
		{"wide end", ui.TruncLeft, "日本語", 4, "… 語"},
		{"middle", ui.TruncMiddle, "powernode-worker@default.service", 15, "powerno…service"},
		{"middle of little", ui.TruncMiddle, "abcdefgh", 4, "abc…"},
		{"center", ui.Center, "ab", 5, " ab  "},
		{"styled", ui.Fit, "\x1b[1mab\x1b[0m", 4, "\x1b[1mab\x1b[0m  "},
	} {
		if got := c.f(c.in, c.w); got != c.want {
			t.Errorf("%s: %q in %d: %q, want %q", c.name, c.in, c.w, got, c.want)
		}
	}
}

func TestBetween(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		left, right string
		w           int
		want        string
	}{
		{"a", "b", 5, "a   b"}, {"abcdef", "xy", 6, "ab… xy"}, {"abc", "", 3, "abc"}, {"abc", "toolong", 4, "abc "}, {"", "b", 2, " b"},
	} {
		if got := ui.Between(c.left, c.right, c.w); got != c.want {
			t.Errorf("%q %q in %d: %q, want %q", c.left, c.right, c.w, got, c.want)
		}
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"plain", "plain"},
		{"a\tb\nc", "a b c"},
		{"\x1b[31mred\x1b[0m", "red"},
		{"\x1b]52;c;ZXZpbA==\x07x", "x"},
		{"a\x00\x7fb\u009b2Jc", "ab"},
		{"\u202eevil\u2066", "evil"},
		{"👍🏽", "👍"},
		{"👨\u200d👩", "👨👩"},
		{"❤\ufe0f", "❤"},
		{"e\u0301\u0301\u0301\u0301", "e\u0301\u0301"},
		{"bad \xff utf8", "bad  utf8"},
		{"日本", "日本"},
	} {
		got := ui.Clean(c.in)
		if c.in == "a\x00\x7fb\u009b2Jc" {
			// A one-byte CSI may take what follows with it; it must not come through.
			if strings.ContainsAny(got, "\x00\x7f\u009b") {
				t.Errorf("%q: %q", c.in, got)
			}
			continue
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

// FuzzClean: what comes out is valid, on one line, without anything a terminal would obey, and as
// wide for a terminal that joins characters as for one that does not.
func FuzzClean(f *testing.F) {
	for _, s := range hostile() {
		f.Add(s)
	}
	f.Add("\u009b31m\x9b\x90\x9d")
	f.Add("क्षि ำ เมื่อ")
	f.Fuzz(func(t *testing.T, s string) {
		got := ui.Clean(s)
		if !utf8.ValidString(got) {
			t.Errorf("%q: not UTF-8: %q", s, got)
		}
		for _, r := range got {
			if r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r == '\u200d' {
				t.Errorf("%q: %U came through", s, r)
			}
		}
		if again := ui.Clean(got); again != got {
			t.Errorf("%q: cleaned twice is %q, once %q", s, again, got)
		}
	})
}

// TestWidthOfNarrow holds the fast count to the library's, for every character it covers.
func TestWidthOfNarrow(t *testing.T) {
	t.Parallel()
	for r := rune(0); r < 0x10000; r++ {
		for _, s := range []string{string(r), "a" + string(r) + "b", "\x1b[1;38;2;1;2;3m" + string(r) + "\x1b[0m"} {
			if got, want := ui.Width(s), ansi.StringWidth(s); got != want {
				t.Fatalf("%q (%U): %d, want %d", s, r, got, want)
			}
		}
	}
}

// FuzzWidth holds it for whole texts.
func FuzzWidth(f *testing.F) {
	for _, s := range hostile() {
		f.Add(s)
	}
	f.Add("│\u0301 ✗\ufe0f ©\u200d®")
	f.Add("\x1b[31 q\x1b[m\x1b[")
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := ui.Width(s), ansi.StringWidth(s); got != want {
			t.Errorf("%q: %d, want %d", s, got, want)
		}
	})
}

// FuzzFit: whatever the text, it takes the cells it was given.
func FuzzFit(f *testing.F) {
	for i, s := range hostile() {
		f.Add(s, i*3, i)
	}
	f.Fuzz(func(t *testing.T, s string, w, left int) {
		if w < 0 || w > 500 || left < 0 || left > 500 {
			return
		}
		s = ui.Clean(s)
		for name, got := range map[string]string{
			"Fit": ui.Fit(s, w), "FitRight": ui.FitRight(s, w), "Center": ui.Center(s, w), "Slice": ui.Slice(s, left, w),
			"Between": ui.Between(s, s, w),
		} {
			if n := ansi.StringWidth(got); n != w {
				t.Errorf("%s(%q, %d) has %d cells: %q", name, s, w, n, got)
			}
		}
		for name, got := range map[string]string{"Trunc": ui.Trunc(s, w), "TruncLeft": ui.TruncLeft(s, w), "TruncMiddle": ui.TruncMiddle(s, w)} {
			if n := ansi.StringWidth(got); n > w {
				t.Errorf("%s(%q, %d) has %d cells: %q", name, s, w, n, got)
			}
		}
	})
}

func TestOverlay(t *testing.T) {
	t.Parallel()
	base := []string{"aaaaaaaa", "日本語文", "\x1b[31mcccccccc\x1b[0m"}
	got := ui.Overlay(base, []string{"[xx]", "[yy]", "[zz]", "[no]"}, 3, 0, 8)
	want := []string{"aaa[xx]a", "日 [yy] ", "ccc[zz]c"}
	for i := range want {
		if plain := ansi.Strip(got[i]); plain != want[i] {
			t.Errorf("line %d: %q, want %q", i, plain, want[i])
		}
	}
	if base[0] != "aaaaaaaa" {
		t.Error("the base was changed")
	}
}

func TestASCII(t *testing.T) {
	t.Parallel()
	in := "…·› 日本 é \x1b[1mx\x1b[0m"
	got := ui.ASCII(in)
	if got != "~-> ???? ? \x1b[1mx\x1b[0m" || ui.Width(got) != ui.Width(in) {
		t.Errorf("%q", got)
	}
}

func TestJoinAndBlock(t *testing.T) {
	t.Parallel()
	if got := ui.Join([]string{"abc", "d", "e"}, 2, 2); got != "ab\nd" {
		t.Errorf("%q", got)
	}
	if got := ui.Join([]string{"a"}, 2, 3); got != "a\n\n" {
		t.Errorf("%q", got)
	}
	if got := ui.Join([]string{"a"}, 2, 0); got != "" {
		t.Errorf("%q", got)
	}
	if got := strings.Join(ui.Block([]string{"abc"}, 2, 2), "|"); got != "a…|  " {
		t.Errorf("%q", got)
	}
}

func TestColumns(t *testing.T) {
	t.Parallel()
	blocks := [][]string{{"a1", "a2"}, {"b1"}, {"c1", "c2", "c3"}}
	got := ui.Columns(blocks, 2, 4)
	if strings.Join(got, "|") != "a1  c1  |a2  c2  |b1  c3  " {
		t.Errorf("%q", got)
	}
	if got := ui.Columns(nil, 0, 4); len(got) != 0 {
		t.Errorf("%q", got)
	}
}
