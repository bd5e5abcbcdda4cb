package themes

// Role is what a piece of text means; a Palette has a pen for each.
type Role uint8

// The roles. The zero value is plain text.
const (
	Text Role = iota
	Strong
	Muted
	Faint
	Accent
	OK
	Warn
	Bad
	Info
	Unknown
	Title
	Key
	Border
	BorderFocused
	Match
	Unlocked
	LevelRole                  // + hosts.Level: eight of them, from none to fatal
	SourceRole = LevelRole + 8 // + 0 to 7: the colours that tell sources apart
	roleCount  = SourceRole + 8
)

// Level returns the role of a log level, 0 (none) to 7 (fatal), in the order of hosts.Level.
func Level(l int) Role { return LevelRole + Role(max(0, min(l, 7))) }

// Source returns the role of the n-th source; they repeat after eight.
func Source(n int) Role { return SourceRole + Role(((n%8)+8)%8) }

// Pen writes text in one role. The zero Pen writes it plainly.
type Pen struct{ on, off string }

// Render returns s between the pen's escape sequences. s must not hold sequences of its own that
// end in a reset, because what follows them would be plain.
func (p Pen) Render(s string) string {
	if p.on == "" || s == "" {
		return s
	}
	return p.on + s + p.off
}

// On and Off return the sequences themselves, for builders that write several pieces.
func (p Pen) On() string { return p.on }

// Off returns the sequence that ends the pen.
func (p Pen) Off() string { return p.off }

// Palette has a pen for every role, on one background.
type Palette [roleCount]Pen

// Render writes s in a role.
func (p *Palette) Render(r Role, s string) string {
	if int(r) >= len(p) {
		return s
	}
	return p[r].Render(s)
}
