package ui_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"github.com/muesli/termenv"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

func TestFrame(t *testing.T) {
	t.Parallel()
	f := ui.Frame{Title: "host", Note: "3s · df", Footer: "1-2 of 9"}
	got := f.Lines(uitest.Plain(), 28, 4, []string{"one", "a line that is longer than the frame", "dropped"})
	want := []string{"╭─ host ────────── 3s · df ─╮", "│one                       │", "│a line that is longer tha…│", "╰─ 1-2 of 9 ───────────────╯"}
	want[0] = "╭─ host ───────── 3s · df ─╮"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, st := range []*themes.Styles{uitest.Plain(), uitest.Styles(themes.Light(), termenv.TrueColor, true)} {
		for w := range 60 {
			for h := range 6 {
				for i, l := range (ui.Frame{Title: "a 日本 title", Note: "a long note", Footer: "foot", Focus: true, Stale: true}).Lines(st, w, h, []string{"x"}) {
					if n := ansi.StringWidth(l); n != w && w > 0 {
						t.Fatalf("%dx%d line %d: %d cells %q", w, h, i, n, l)
					}
				}
			}
		}
	}
}

func TestNotices(t *testing.T) {
	t.Parallel()
	now := uitest.Now()
	st := uitest.Plain()
	read := hosts.Read(1, "df -PB1", now.Add(-3*time.Second))
	stale := read.Failed("i/o timeout", "", "", now)
	unknown := hosts.Part[int]{}.Failed("permission denied", "root", "df", now)
	for _, c := range []struct {
		name  string
		p     hosts.Part[int]
		line  string
		note  string
		stale bool
	}{
		{"loading", hosts.Part[int]{}, "◌ reading disks", "reading", false},
		{"fresh", read, "", "3s · df -PB1", false},
		{"stale", stale, "~ disks stale 3s: i/o timeout", "stale 3s · df -PB1", true},
		{"unknown", unknown, "? disks unknown: permission denied (needs root)", "unknown", true},
	} {
		n, ok := ui.PartNotice(st, "disks", c.p, now)
		if got := n.Line(st, 80); ok != (c.line != "") || ok && got != c.line {
			t.Errorf("%s: %v %q, want %q", c.name, ok, got, c.line)
		}
		if note, s := ui.AgeNote(c.p, now); note != c.note || s != c.stale {
			t.Errorf("%s: note %q %v", c.name, note, s)
		}
	}
	for w := range 40 {
		for h := range 5 {
			for _, l := range ui.Failed(st, "日本語", strings.Repeat("why ", 20), "").Lines(st, w, h) {
				if ansi.StringWidth(l) > w {
					t.Fatalf("%dx%d: %q", w, h, l)
				}
			}
			if l := ui.Failed(st, "日本語", strings.Repeat("why ", 20), "").Line(st, w); ansi.StringWidth(l) > w {
				t.Fatalf("%d: %q", w, l)
			}
		}
	}
}

func TestInput(t *testing.T) {
	t.Parallel()
	in := ui.NewInput("> ", "a hint")
	if got := in.Line(uitest.Plain(), 12); got != "> ▏a hint   " {
		t.Errorf("empty: %q", got)
	}
	for _, k := range uitest.Keys("a", "b", "日", "left", "X") {
		in.Update(k)
	}
	if in.Value() != "abX日" {
		t.Errorf("value %q", in.Value())
	}
	if got := in.Line(uitest.Plain(), 12); got != "> abX▏日    " {
		t.Errorf("line %q", got)
	}
	if in.Update(tea.KeyMsg{Type: tea.KeyEnter}) || in.Update(tea.KeyMsg{Type: tea.KeyEsc}) {
		t.Error("enter and esc are the caller's")
	}
	in.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("pasted\nlines\x1b[2J"), Paste: true})
	if v := in.Value(); strings.ContainsAny(v, "\n\x1b") {
		t.Errorf("a paste brought %q", v)
	}
	in.SetValue(strings.Repeat("long ", 40) + "end")
	for w := range 40 {
		l := in.Line(uitest.Plain(), w)
		if n := ansi.StringWidth(l); n != w {
			t.Fatalf("%d cells in %d: %q", n, w, l)
		}
		if w > 6 && !strings.Contains(l, "end▏") {
			t.Errorf("the insertion point is out of sight: %q", l)
		}
	}
	s := ui.NewSecretInput("? ")
	s.SetValue("hunter2")
	if l := s.Line(uitest.Plain(), 20); strings.Contains(l, "h") || !strings.Contains(l, "•••••••") {
		t.Errorf("secret %q", l)
	}
}

func TestViewer(t *testing.T) {
	t.Parallel()
	v := ui.NewViewer(uitest.Plain())
	v.SetSize(10, 3)
	v.SetText("one\ttab\ntwo\x1b[31m\nthree\nfour\nfive is a long line")
	press := func(keys ...string) {
		for _, k := range uitest.Keys(keys...) {
			ui.Dispatch(v.Actions(), k, true)
		}
	}
	if got := strings.Join(v.Lines(), "|"); got != "one    tab|two       |three     " {
		t.Errorf("%q", got)
	}
	press("G")
	if got := v.Position(); got != "3-5 of 5" {
		t.Errorf("position %q", got)
	}
	press("right", "G")
	if got := v.Lines()[2]; got != " long line" && got != "a long lin" {
		t.Errorf("scrolled sideways: %q", got)
	}
	press("g", "left", "left", "j", "j", "j", "j", "j", "j", "k")
	if got := v.Position(); got != "2-4 of 5" {
		t.Errorf("position %q", got)
	}
	v.SetText("short")
	if v.Position() != "" || v.Lines()[0] != "short     " {
		t.Errorf("%q %q", v.Position(), v.Lines()[0])
	}
	v.Mouse(tea.MouseMsg{Button: tea.MouseButtonWheelDown})
	uitest.CheckSizes(t, func(w, h int) string {
		v.SetText(strings.Repeat("日本語 text\n", 30))
		v.SetSize(w, h)
		v.ScrollBy(1, 1)
		return ui.Join(v.Lines(), w, h)
	})
}

func TestDispatch(t *testing.T) {
	t.Parallel()
	ran := ""
	run := func(s string) func() tea.Cmd { return func() tea.Cmd { ran = s; return nil } }
	stop := ui.Act("c.stop", "C", "stop", run("stop"), "s")
	stop.Effect = ui.Destroy
	off := ui.Act("c.off", "C", "never", run("off"), "o")
	off.Disabled = func() string { return "not today" }
	list := []ui.Action{ui.Act("c.look", "C", "look", run("look"), "l", "enter"), stop, off}
	for _, c := range []struct {
		key      string
		readOnly bool
		ran      string
		toast    string
	}{
		{"l", true, "look", ""},
		{"enter", true, "look", ""},
		{"s", true, "", "stop: read-only: unlock first"},
		{"s", false, "stop", ""},
		{"o", false, "", "never: not today"},
		{"z", false, "", ""},
	} {
		ran = ""
		cmd, ok := ui.Dispatch(list, uitest.Keys(c.key)[0], c.readOnly)
		if ok != (c.key != "z") || ran != c.ran {
			t.Errorf("%s: handled %v, ran %q", c.key, ok, ran)
		}
		toast := ""
		if cmd != nil {
			toast = cmd().(ui.ToastMsg).Text
		}
		if toast != c.toast {
			t.Errorf("%s: toast %q, want %q", c.key, toast, c.toast)
		}
	}
	paste := uitest.Keys("l")[0]
	paste.Paste = true
	if _, ok := ui.Dispatch(list, paste, false); ok {
		t.Error("a paste is a key")
	}
	re := ui.Rebind(list, map[string][]string{"c.look": {"x"}, "c.stop": {}})
	if _, ok := ui.Dispatch(re, uitest.Keys("l")[0], false); ok {
		t.Error("the old key stays bound")
	}
	if _, ok := ui.Dispatch(re, uitest.Keys("x")[0], false); !ok {
		t.Error("the new key is not bound")
	}
	if _, ok := ui.Dispatch(re, uitest.Keys("s")[0], false); ok {
		t.Error("an unbound action has a key")
	}
	if _, ok := ui.Dispatch(list, uitest.Keys("l")[0], false); !ok {
		t.Error("Rebind changed what it was given")
	}
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	a := ui.Act("a", "G", "a", nil, "x")
	if got := ui.Conflicts([]ui.Action{a, {ID: "b", Title: "b"}}, []ui.Action{ui.Act("c", "G", "", nil, "x"), a}); len(got) != 4 {
		t.Errorf("%d faults: %q", len(got), got)
	}
}

// terminal is a File that keeps what was written, write by write.
type terminal struct {
	mu     sync.Mutex
	writes [][]byte
	err    error
}

func (f *terminal) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return 0, f.err
	}
	f.writes = append(f.writes, bytes.Clone(p))
	return len(p), nil
}
func (f *terminal) Read([]byte) (int, error) { return 0, io.EOF }
func (f *terminal) Close() error             { return nil }
func (f *terminal) Fd() uintptr              { return 1 }

func TestCopy(t *testing.T) {
	t.Parallel()
	b64 := base64.StdEncoding.EncodeToString([]byte("web-1"))
	for _, tmux := range []bool{false, true} {
		f := &terminal{}
		out := ui.NewOutput(f, tmux)
		d := ui.Deps{Copy: out.Copy}
		msg := ui.Copy(d, "the name", "web-1")().(ui.ToastMsg)
		if msg.Level != hosts.LevelInfo || !strings.Contains(msg.Text, "the name") {
			t.Errorf("toast %+v", msg)
		}
		if len(f.writes) != 1 {
			t.Fatalf("%d writes: a frame could come between", len(f.writes))
		}
		got := string(f.writes[0])
		if !strings.HasPrefix(got, "\x1b]52;c;"+b64) || strings.Contains(got, "\x1bPtmux;\x1b\x1b]52;c;"+b64) != tmux {
			t.Errorf("tmux %v: %q", tmux, got)
		}
	}
	out := ui.NewOutput(&terminal{err: errors.New("gone")}, false)
	if m := ui.Copy(ui.Deps{Copy: out.Copy}, "x", "y")().(ui.ToastMsg); m.Level != hosts.LevelError || !strings.Contains(m.Text, "gone") {
		t.Errorf("%+v", m)
	}
	if m := ui.Copy(ui.Deps{Copy: out.Copy}, "x", strings.Repeat("y", 100_000))().(ui.ToastMsg); !strings.Contains(m.Text, "more than a terminal takes") {
		t.Errorf("%+v", m)
	}
	if m := ui.Copy(ui.Deps{}, "x", "y")().(ui.ToastMsg); m.Level != hosts.LevelWarn {
		t.Errorf("%+v", m)
	}
}

func TestOpenMsgNarrows(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{"": false, "a": false, "b": true, "b,a": false, "b,c": true} {
		if got := (ui.OpenMsg{Host: host}).Narrows("a"); got != want {
			t.Errorf("%q narrows a out: %v", host, got)
		}
	}
}

func TestFilterSpans(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		filter, text string
		want         [][2]int
	}{
		{"eb", "web-eb", [][2]int{{1, 3}, {4, 6}}},
		{"we eb", "web", [][2]int{{0, 3}}},
		{"!web", "web", nil},
		{"~w1", "web-1", [][2]int{{0, 1}, {4, 5}}},
		{"other:web", "web", nil},
		{"name:web", "web", [][2]int{{0, 3}}},
		{"ß", "Maß", [][2]int{{2, 4}}},
		{"i", "İstanbul", nil},
		{"~本", "日本", [][2]int{{3, 6}}},
	} {
		got := ui.ParseFilter(c.filter, []string{"name", "other"}).Spans("name", c.text)
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%q in %q: %s", c.filter, c.text, d)
		}
	}
}

// FuzzFilter: no filter breaks a row, and what is marked lies inside the text.
func FuzzFilter(f *testing.F) {
	f.Add("~a !b c:d", "abc")
	f.Add("İ ~ẞ", "İẞ日本")
	st := uitest.Styles(themes.Dark(), termenv.TrueColor, false)
	f.Fuzz(func(t *testing.T, filter, text string) {
		text = ui.Clean(text)
		p := ui.ParseFilter(filter, []string{"c"})
		p.Match([]ui.Field{{Column: "c", Text: text}})
		spans := p.Spans("c", text)
		last := 0
		for _, s := range spans {
			if s[0] < last || s[1] < s[0] || s[1] > len(text) {
				t.Fatalf("%q in %q: %v", filter, text, spans)
			}
			last = s[1]
		}
		if got := ansi.Strip(ui.Highlight(&st.Normal, themes.Text, text, spans)); got != ansi.Strip(text) {
			t.Errorf("%q in %q: %q", filter, text, got)
		}
	})
}
