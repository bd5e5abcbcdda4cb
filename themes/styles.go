package themes

import (
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
)

// Options are what a theme does not say.
type Options struct {
	ASCII bool // borders and glyphs from ASCII only
}

// Styles is what screens draw with. It is built once per theme and never changed.
type Styles struct {
	Name     string
	Dark     bool
	ASCII    bool
	Colour   bool    // false with NO_COLOR and on terminals without colour
	Normal   Palette // on the terminal's background
	Selected Palette // on the selection
	Header   Palette // on the header bar
	Glyphs   Glyphs
	Borders  Borders
}

// On returns the palette for a row.
func (s *Styles) On(selected bool) *Palette {
	if selected {
		return &s.Selected
	}
	return &s.Normal
}

// New builds the styles of a theme for what the renderer's terminal can show. It panics without a
// renderer, because the default one asks the terminal questions on our standard input.
func New(r *lipgloss.Renderer, t Tokens, o Options) *Styles {
	if r == nil {
		panic("themes: no renderer")
	}
	b := builder{r: r, t: t, profile: r.ColorProfile()}
	s := &Styles{Name: t.Name, Dark: t.Dark, ASCII: o.ASCII, Colour: b.profile != termenv.Ascii}
	s.Normal = b.palette("", "")
	s.Selected = b.palette(SelectionBg, SelectionFg)
	s.Header = b.palette(HeaderBg, HeaderFg)
	if b.profile == termenv.ANSI {
		// Sixteen colours have no background that every role can be read on: reverse the row and
		// let glyphs and words say the rest.
		s.Selected, s.Header = b.reversed(), b.reversed()
	}
	s.Glyphs, s.Borders = unicodeGlyphs(), unicodeBorders()
	if o.ASCII {
		s.Glyphs, s.Borders = asciiGlyphs(), asciiBorders()
	}
	return s
}

type builder struct {
	r       *lipgloss.Renderer
	t       Tokens
	profile termenv.Profile
}

func (b builder) color(t Token) lipgloss.TerminalColor {
	c := b.t.Colors[t]
	if c.Hex == "" || b.profile == termenv.ANSI && c.ANSI == "" {
		return lipgloss.NoColor{}
	}
	return lipgloss.CompleteColor{TrueColor: c.Hex, ANSI256: c.Hex, ANSI: c.ANSI}
}

func (b builder) pen(st lipgloss.Style) Pen {
	const mark = "x"
	on, off, _ := strings.Cut(st.Inline(true).Render(mark), mark)
	return Pen{on, off}
}

// roleTokens says which token colours a role.
func roleTokens() [roleCount]Token {
	t := [roleCount]Token{
		Muted: MutedColor, Faint: FaintColor, Accent: AccentColor, OK: OKColor, Warn: WarnColor, Bad: BadColor,
		Info: InfoColor, Unknown: UnknownColor, Title: TitleColor, Key: KeyColor, Border: BorderColor,
		BorderFocused: BorderFocus, Match: MatchFg, Unlocked: UnlockedFg,
	}
	levels := []Token{"", LevelTrace, LevelDebug, LevelInfo, LevelNotice, LevelWarn, LevelError, LevelFatal}
	sources := []Token{Source1, Source2, Source3, Source4, Source5, Source6, Source7, Source8}
	for i := range 8 {
		t[int(LevelRole)+i], t[int(SourceRole)+i] = levels[i], sources[i]
	}
	return t
}

func bold(r Role) bool {
	return r == Strong || r == Title || r == Unlocked || r == Match || r == Level(6) || r == Level(7)
}

// palette builds the pens on a background; bg and fg are "" for the terminal's own.
func (b builder) palette(bg, fg Token) Palette {
	var p Palette
	for r, tok := range roleTokens() {
		st := b.r.NewStyle()
		if tok == "" {
			tok = fg
		}
		if tok != "" {
			st = st.Foreground(b.color(tok))
		}
		switch {
		case Role(r) == Match:
			st = st.Background(b.color(MatchBg))
		case Role(r) == Unlocked:
			st = st.Background(b.color(UnlockedBg))
		case bg != "":
			st = st.Background(b.color(bg))
		}
		p[r] = b.pen(st.Bold(bold(Role(r))))
	}
	return p
}

func (b builder) reversed() Palette {
	var p Palette
	for r := range p {
		st := b.r.NewStyle().Reverse(true).Bold(bold(Role(r)) || Role(r) == Bad)
		switch Role(r) {
		case Match:
			st = b.r.NewStyle().Foreground(b.color(MatchFg)).Background(b.color(MatchBg)).Bold(true)
		case Unlocked:
			st = b.r.NewStyle().Foreground(b.color(UnlockedFg)).Background(b.color(UnlockedBg)).Bold(true)
		}
		p[r] = b.pen(st)
	}
	return p
}
