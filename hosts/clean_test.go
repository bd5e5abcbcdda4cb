package hosts

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want, line string }{
		"plain":                 {"GET / 200", "GET / 200", "GET / 200"},
		"empty":                 {"", "", ""},
		"lines stay":            {"a\nb", "a\nb", "a b"},
		"dos line ends":         {"a\r\nb\r", "a\nb", "a b"},
		"carriage return shows": {"ok\rfailed", `ok\rfailed`, `ok\rfailed`},
		"colour":                {"\x1b[1;31merror\x1b[0m: x", "error: x", "error: x"},
		"cursor":                {"a\x1b[2J\x1b[Hb", "ab", "ab"},
		"title with bell":       {"\x1b]0;owned\x07text", "text", "text"},
		"link with ST":          {"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\!", "link!", "link!"},
		"clipboard unfinished":  {"\x1b]52;c;AAAA", "]52;c;AAAA", "]52;c;AAAA"},
		"csi unfinished":        {"\x1b[12", "[12", "[12"},
		"csi cut by text":       {"\x1b[1\x00mx", "[1mx", "[1mx"},
		"charset":               {"\x1b(Bx", "x", "x"},
		"two bytes":             {"\x1bcx", "x", "x"},
		"lone escape":           {"x\x1b", "x", "x"},
		"controls":              {"a\x00\x07\x08\x7fb", "ab", "ab"},
		"c1":                    {"a\u009b31mb", "a31mb", "a31mb"},
		"tab":                   {"a\tb", "a       b", "a       b"},
		"tab at a stop":         {"12345678\tb", "12345678        b", "12345678        b"},
		"tab on a later line":   {"abc\n\tb", "abc\n        b", "abc     b"},
		"bidi":                  {"user\u202etxt.exe", `user\u202etxt.exe`, `user\u202etxt.exe`},
		"tag characters":        {"a\U000e0041", `a\U000e0041`, `a\U000e0041`},
		"not utf-8":             {"a\xffb", "a\ufffdb", "a\ufffdb"},
		"cyrillic and emoji":    {"привет 👩‍🚀", "привет 👩‍🚀", "привет 👩‍🚀"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Clean(c.in); got != c.want {
				t.Errorf("Clean(%q) = %q, want %q", c.in, got, c.want)
			}
			if got := CleanLine(c.in); got != c.line {
				t.Errorf("CleanLine(%q) = %q, want %q", c.in, got, c.line)
			}
		})
	}
}

func TestCleanPlainAllocatesNothing(t *testing.T) {
	s := strings.Repeat("2026-11-29 GET /api/v1/things 200 0.003\n", 20)
	if n := testing.AllocsPerRun(100, func() { _ = Clean(s) }); n != 0 {
		t.Errorf("Clean of plain text allocates %v times", n)
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"a\x1b[31mb", "\x1b]0;x\x07", "\xff\xfe", "a\tb\r\nc", "\u202e", "\x1b\x1b[["} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, lines := range []bool{true, false} {
			got, again := Clean(s), ""
			if lines {
				again = Clean(got)
			} else {
				got = CleanLine(s)
				again = CleanLine(got)
			}
			if !utf8.ValidString(got) {
				t.Fatalf("%q became %q, which is not UTF-8", s, got)
			}
			if again != got {
				t.Fatalf("%q became %q and then %q", s, got, again)
			}
			for _, r := range got {
				if r < ' ' && (r != '\n' || !lines) || r >= 0x7f && r < 0xa0 || hidden(r) {
					t.Fatalf("%q became %q, which holds %U", s, got, r)
				}
			}
		}
	})
}

func BenchmarkCleanPlain(b *testing.B) {
	s := strings.Repeat("x", 200)
	b.SetBytes(200)
	for b.Loop() {
		_ = Clean(s)
	}
}
