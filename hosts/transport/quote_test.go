package transport

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"midwatch/hosts"
)

func TestQuote(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ in, want string }{
		{"ls", "ls"},
		{"", "''"},
		{"a b", "'a b'"},
		{"it's", `'it'\''s'`},
		{`a\b`, `'a'\\'b'`},
		{"$x", "'$x'"},
		{"A=b", "'A=b'"},
		{"~", "'~'"},
		{"if", "'if'"},
		{"/usr/bin/env", "/usr/bin/env"},
		{"'", `\'`},
		{"--a,b@c:1%+_-", "--a,b@c:1%+_-"},
	} {
		if got := Quote(tc.in); got != tc.want {
			t.Errorf("Quote(%q) = %s, want %s", tc.in, got, tc.want)
		}
	}
	if got := Quote("a", "b c", ""); got != "a 'b c' ''" {
		t.Errorf("three words: %s", got)
	}
}

// FuzzQuote lets a real shell take the line apart again.
func FuzzQuote(f *testing.F) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		f.Skip("no sh")
	}
	for _, s := range []string{"", "a", "a b", "'", `\`, `'\''`, "$(id)", "\n", "\xff", "a'b\"c\\d$e`f", "!!", "~root", "a=b", "while"} {
		f.Add(s, "end")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.ContainsRune(a+b, 0) || len(a)+len(b) > 4096 {
			t.Skip()
		}
		out, err := exec.CommandContext(t.Context(), sh, "-c", `printf '%s\000%s\000' `+Quote(a, b)).Output()
		if want := a + "\x00" + b + "\x00"; err != nil || string(out) != want {
			t.Fatalf("sh made %q of %q (%v)", out, want, err)
		}
	})
}

func TestFullArgv(t *testing.T) {
	t.Parallel()
	argv, err := fullArgv(hosts.Cmd{Argv: []string{"ls", "-l"}, Env: map[string]string{"B": "2 3", "A": "1"}})
	if got := strings.Join(argv, "|"); err != nil || got != "env|A=1|B=2 3|ls|-l" {
		t.Errorf("%s, %v", got, err)
	}
	argv, err = fullArgv(hosts.Cmd{Argv: []string{"a=b"}, Env: map[string]string{"A": "1"}})
	if got := strings.Join(argv, "|"); err != nil || got != `env|A=1|sh|-c|exec "$@"|sh|a=b` {
		t.Errorf("a command with = in its name: %s, %v", got, err)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	t.Parallel()
	tl := newTail(10)
	var all bytes.Buffer
	for _, s := range []string{"", "abc", "defgh", "ijklmnopqrstuvwxyz", "0", "123", "45678901", "xy"} {
		_, _ = tl.Write([]byte(s))
		all.WriteString(s)
		want := all.Bytes()[max(0, all.Len()-10):]
		if !bytes.Equal(tl.Bytes(), want) {
			t.Fatalf("after %q: %q, want %q", s, tl.Bytes(), want)
		}
	}
}

func TestCleanLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain": "plain", "a\nb": "a b", "\x1b[31mred\x1b[0m": "red", "ü": "ü", "\x00\x07": "",
		strings.Repeat("x", 400): strings.Repeat("x", 300) + "…",
	} {
		if got := cleanLine(in); got != want {
			t.Errorf("cleanLine(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzCleanLine(f *testing.F) {
	f.Add("a\x1b]0;title\x07\n\xff")
	f.Fuzz(func(t *testing.T, s string) {
		out := cleanLine(s)
		for _, r := range out {
			if r < 0x20 || r == 0x7f {
				t.Fatalf("%q left %q", s, r)
			}
		}
	})
}
