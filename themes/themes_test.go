package themes

import (
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"
)

func renderer(p termenv.Profile) *lipgloss.Renderer {
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(p)
	return r
}

func TestEveryThemeSetsEveryToken(t *testing.T) {
	t.Parallel()
	for _, th := range Builtin() {
		for _, tok := range All() {
			c, ok := th.Colors[tok]
			if !ok || c.Hex == "" {
				t.Errorf("%s: token %s has no colour", th.Name, tok)
			}
			if _, err := parseColor(c.Hex); err != nil {
				t.Errorf("%s: %s: %v", th.Name, tok, err)
			}
			if n, err := strconv.Atoi(c.ANSI); c.ANSI != "" && (err != nil || n < 0 || n > 15) {
				t.Errorf("%s: %s: %q is not one of the sixteen colours", th.Name, tok, c.ANSI)
			}
		}
		if len(th.Colors) != len(All()) {
			t.Errorf("%s: %d colours for %d tokens", th.Name, len(th.Colors), len(All()))
		}
	}
}

// luminance is the relative luminance of WCAG 2.
func luminance(hex string) float64 {
	n, err := strconv.ParseUint(strings.TrimPrefix(hex, "#"), 16, 32)
	if err != nil {
		return math.NaN()
	}
	lin := func(v uint64) float64 {
		f := float64(v&0xff) / 255
		if f <= 0.03928 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*lin(n>>16) + 0.7152*lin(n>>8) + 0.0722*lin(n)
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestContrast(t *testing.T) {
	t.Parallel()
	// What people have behind a dark or a light theme, beside the theme's own idea of it.
	behind := map[string][]string{
		"dark":  {"#000000", "#1e1e2e", "#282c34"},
		"light": {"#ffffff", "#fdf6e3", "#fafafa"},
	}
	backgrounds := map[Token]bool{Background: true, SelectionBg: true, HeaderBg: true, MatchBg: true, UnlockedBg: true}
	pairs := map[Token]Token{MatchFg: MatchBg, UnlockedFg: UnlockedBg}
	for _, th := range Builtin() {
		hex := func(tok Token) string { return th.Colors[tok].Hex }
		for _, tok := range All() {
			if backgrounds[tok] {
				continue
			}
			least := 4.5
			on := append([]string{hex(Background), hex(SelectionBg), hex(HeaderBg)}, behind[th.Name]...)
			if bg, ok := pairs[tok]; ok {
				on = []string{hex(bg)}
			}
			if tok == BorderColor {
				least, on = 2.5, behind[th.Name] // lines, not text
			}
			for _, bg := range on {
				if c := contrast(hex(tok), bg); !(c >= least) {
					t.Errorf("%s: %s %s on %s has contrast %.2f, want %.1f", th.Name, tok, hex(tok), bg, c, least)
				}
			}
		}
	}
}

func TestParseReportsEverything(t *testing.T) {
	t.Parallel()
	got, err := Parse("mine", Dark(), map[string]string{"accent": "#ABC", "warn": "208"})
	if err != nil || got.Colors[AccentColor].Hex != "#aabbcc" || got.Colors[WarnColor].Hex != "208" || got.Name != "mine" {
		t.Fatalf("Parse = %+v, %v", got.Colors[AccentColor], err)
	}
	if Dark().Colors[AccentColor] == got.Colors[AccentColor] || got.Colors[BadColor] != Dark().Colors[BadColor] {
		t.Error("the base is not kept apart")
	}
	_, err = Parse("mine", Dark(), map[string]string{"selection": "1", "acent": "#fff", "ok": "green", "bad": "#12345", "info": "256"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`unknown token "selection", did you mean "selection_bg"`, `"acent"`, `ok: colour "green"`, `"#12345"`, `"256"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %s:\n%v", want, err)
		}
	}
}

// TestSixteenColoursOnTheWrongBackground: what carries the meaning of a screen is written in the
// terminal's own colour, whichever theme was guessed.
func TestSixteenColoursOnTheWrongBackground(t *testing.T) {
	t.Parallel()
	for _, th := range Builtin() {
		s := New(renderer(termenv.ANSI), th, Options{})
		for _, r := range []Role{Text, Muted, Faint, Strong, Title, Border} {
			if got := s.Normal.Render(r, "x"); strings.Contains(got, "[3") || strings.Contains(got, ";3") || strings.Contains(got, "[9") {
				t.Errorf("%s: role %d has a colour: %q", th.Name, r, got)
			}
		}
	}
}

func TestNoColourMeansNoEscapes(t *testing.T) {
	t.Parallel()
	for _, th := range Builtin() {
		s := New(renderer(termenv.Ascii), th, Options{})
		if s.Colour {
			t.Error("Colour is true without colours")
		}
		for _, p := range []*Palette{&s.Normal, &s.Selected, &s.Header} {
			for r := range p {
				if got := p.Render(Role(r), "text"); got != "text" {
					t.Errorf("%s: role %d renders %q", th.Name, r, got)
				}
			}
		}
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	for _, prof := range []termenv.Profile{termenv.ANSI, termenv.ANSI256, termenv.TrueColor} {
		for _, th := range Builtin() {
			s := New(renderer(prof), th, Options{})
			for _, r := range []Role{OK, Warn, Bad, Info, Accent, Strong, Match, Unlocked, Level(7), Source(3)} {
				got := s.Normal.Render(r, "text")
				if ansi.Strip(got) != "text" || got == "text" {
					t.Errorf("%s profile %v role %d: %q", th.Name, prof, r, got)
				}
				if prof == termenv.ANSI && strings.Contains(got, "38;") {
					t.Errorf("%s: %q needs more than sixteen colours", th.Name, got)
				}
				if s.Selected.Render(r, "x") == s.Normal.Render(r, "x") && r != Match && r != Unlocked {
					t.Errorf("%s profile %v role %d looks the same on the selection", th.Name, prof, r)
				}
			}
			if s.Normal.Render(Text, "x") != "x" {
				t.Error("plain text does not keep the terminal's colour")
			}
		}
	}
}

func TestGlyphsAreOneCell(t *testing.T) {
	t.Parallel()
	for _, ascii := range []bool{false, true} {
		s := New(renderer(termenv.Ascii), Dark(), Options{ASCII: ascii})
		for _, v := range []any{s.Glyphs, s.Borders} {
			rv := reflect.ValueOf(v)
			for i := range rv.NumField() {
				name := rv.Type().Field(i).Name
				var all []string
				if rv.Field(i).Kind() == reflect.Slice {
					all = rv.Field(i).Interface().([]string)
				} else {
					all = []string{rv.Field(i).String()}
				}
				for _, g := range all {
					if ansi.StringWidth(g) != 1 || ansi.StringWidthWc(g) != 1 {
						t.Errorf("ascii=%v %s: %q is not one cell", ascii, name, g)
					}
					if ascii && (len(g) != 1 || g[0] < 0x20 || g[0] > 0x7e) {
						t.Errorf("%s: %q is not ASCII", name, g)
					}
				}
			}
		}
		g := s.Glyphs
		for _, set := range [][]string{
			{g.OK, g.Warn, g.Bad, g.Unknown, g.Info},
			{g.Pending, g.Connected, g.Disconnected, g.Failed, g.Maintenance},
			{g.Running, g.Stopped, g.Restarting, g.Paused},
		} {
			seen := map[string]bool{}
			for _, x := range set {
				if seen[x] {
					t.Errorf("ascii=%v: %q stands for two states", ascii, x)
				}
				seen[x] = true
			}
		}
	}
}

func TestNamed(t *testing.T) {
	t.Parallel()
	if th, err := Named("light"); err != nil || th.Dark {
		t.Errorf("Named(light) = %v, %v", th.Name, err)
	}
	if _, err := Named("solarized"); err == nil || !strings.Contains(err.Error(), "dark, light") {
		t.Errorf("Named(solarized): %v", err)
	}
}

func TestNewWithoutRendererPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	New(nil, Dark(), Options{})
}

func BenchmarkPen(b *testing.B) {
	s := New(renderer(termenv.TrueColor), Dark(), Options{})
	for b.Loop() {
		_ = s.Normal.Render(Warn, "restarting")
	}
}
