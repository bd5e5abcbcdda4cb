package tty

import (
	"bytes"
	"io"
	"testing"
	"time"
)

func TestFromEnv(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Background{
		"": Unknown, "15": Unknown, "15;0": Dark, "0;15": Light, "0;default;15": Light, "12;8": Dark,
		"0;7": Light, "0;x": Unknown, "0;-1": Unknown, "0;99": Unknown,
	} {
		if got := FromEnv(in); got != want {
			t.Errorf("%q is %v, want %v", in, got, want)
		}
	}
}

func TestParser(t *testing.T) {
	t.Parallel()
	const dark, light, da = "\x1b]11;rgb:0000/1010/2020\x1b\\", "\x1b]11;rgb:ff/ff/e0\a", "\x1b[?62;4;22c"
	tests := map[string]struct {
		in    string
		typed string
		bg    Background
		done  bool
	}{
		"dark":                        {dark + da, "", Dark, true},
		"light with a bell":           {light + da, "", Light, true},
		"no OSC 11":                   {da, "", Unknown, true},
		"keys around":                 {"jj" + dark + "k\x1b[A" + da + "q", "jjk\x1b[Aq", Dark, true},
		"arrow before":                {"\x1b[B" + da, "\x1b[B", Unknown, true},
		"escape escape":               {"\x1b\x1b" + dark + da, "\x1b\x1b", Dark, true},
		"another OSC is not ours":     {"\x1b]52;c;x\a" + da, "\x1b]52;c;x\a", Unknown, true},
		"a mode report is not DA1":    {"\x1b[?1;2$y" + da, "\x1b[?1;2$y", Unknown, true},
		"no colour":                   {"\x1b]11;?\a" + da, "", Unknown, true},
		"nothing yet":                 {"", "", Unknown, false},
		"an answer without an end":    {"\x1b]11;" + string(bytes.Repeat([]byte("x"), 100)), "\x1b]11;" + string(bytes.Repeat([]byte("x"), 100)), Unknown, false},
		"after the answer all passes": {da + dark, dark, Unknown, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{1, 2, 3, 1000} {
				var p parser
				var out []byte
				for in := []byte(tc.in); len(in) > 0; {
					n := min(size, len(in))
					out = p.feed(out, in[:n])
					in = in[n:]
				}
				out = p.flush(out)
				if string(out) != tc.typed || p.bg != tc.bg || p.done != tc.done {
					t.Errorf("by %d: typed %q, background %v, done %v", size, out, p.bg, p.done)
				}
			}
		})
	}
}

// FuzzParser: no byte that is no answer is lost or changes its place.
func FuzzParser(f *testing.F) {
	f.Add([]byte("a\x1b]11;rgb:00/00/00\x1b\\\x1b[?1c\x1b[A"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var p parser
		out := p.feed(nil, in)
		out = append(out, p.held...)
		if len(out) > len(in) {
			t.Fatalf("%q became %q", in, out)
		}
		rest := in
		for _, c := range out {
			i := bytes.IndexByte(rest, c)
			if i < 0 {
				t.Fatalf("%q became %q", in, out)
			}
			rest = rest[i+1:]
		}
		if !bytes.Contains(in, []byte("\x1b]11;")) && !bytes.Contains(in, []byte("\x1b[?")) && !bytes.Equal(in, out) {
			t.Fatalf("%q became %q without an answer in it", in, out)
		}
	})
}

// fakeFile gives one chunk a read.
type fakeFile struct {
	chunks []string
}

func (f *fakeFile) Read(b []byte) (int, error) {
	if len(f.chunks) == 0 {
		return 0, io.EOF
	}
	n := copy(b, f.chunks[0])
	f.chunks = f.chunks[1:]
	return n, nil
}
func (f *fakeFile) Write(b []byte) (int, error) { return len(b), nil }
func (f *fakeFile) Close() error                { return nil }
func (f *fakeFile) Fd() uintptr                 { return 0 }
func (f *fakeFile) Name() string                { return "fake" }

func TestFilter(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	clock := func() time.Time { return now }
	f := NewFilter(&fakeFile{chunks: []string{"j", "\x1b", "\x1b]11;rgb:ff/ff", "/ff\x1b\\\x1b[?1", "ck", "\x1b]11;x\a"}}, clock)
	var got []string
	buf := make([]byte, 64)
	for {
		n, err := f.Read(buf)
		got = append(got, string(buf[:n]))
		if err != nil {
			break
		}
	}
	// The answer vanished, the lone escape did not wait for it, and the filter retired afterwards.
	want := []string{"j", "\x1b", "", "", "k", "\x1b]11;x\a", ""}
	if len(got) != len(want) {
		t.Fatalf("%q, want %q", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%q, want %q", got, want)
		}
	}

	f = NewFilter(&fakeFile{chunks: []string{"a\x1b]11;", "b"}}, clock)
	n, _ := f.Read(buf)
	if string(buf[:n]) != "a" {
		t.Errorf("%q", buf[:n])
	}
	now = now.Add(time.Minute)
	n, _ = f.Read(buf)
	if string(buf[:n]) != "\x1b]11;b" {
		t.Errorf("an answer that never ends is given back, got %q", buf[:n])
	}
}
