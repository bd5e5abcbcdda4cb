package tty

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/charmbracelet/x/term"
)

// query asks for the background colour (OSC 11) and then for the primary device attributes (DA1),
// which every terminal answers: one that does not know OSC 11 is told apart without waiting.
const query = "\x1b]11;?\x1b\\\x1b[c"

// Background is what is known of the terminal's background.
type Background int

// The backgrounds.
const (
	Unknown Background = iota
	Dark
	Light
)

// FromEnv reads COLORFGBG, which some terminals set: the last number is the background, one of the
// sixteen colours.
func FromEnv(colorfgbg string) Background {
	i := strings.LastIndexByte(colorfgbg, ';')
	if i < 0 {
		return Unknown
	}
	switch n, err := strconv.Atoi(colorfgbg[i+1:]); {
	case err != nil || n < 0 || n > 15:
		return Unknown
	case n == 7 || n >= 9:
		return Light
	default:
		return Dark
	}
}

// Asks reports whether a terminal of this name may be asked. Multiplexers answer for one of several
// terminals or not at all, and some consoles print what they do not know.
func Asks(name string) bool {
	return name != "" && name != "dumb" && name != "linux" && !strings.HasPrefix(name, "screen")
}

// Ask asks the controlling terminal and waits at most for wait. pending is what was typed meanwhile:
// the caller owes it to whoever reads the terminal next. late is true when the answer is still to
// come; the reader after us has to leave it out (see Filter).
func Ask(wait time.Duration) (bg Background, pending []byte, late bool) {
	fd, err := syscall.Open("/dev/tty", syscall.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return Unknown, nil, false
	}
	// Non-blocking, so that the deadline below works.
	f := os.NewFile(uintptr(fd), "/dev/tty") //nolint:gosec // a descriptor is never negative here
	defer f.Close()
	deadline := time.Now().Add(wait)
	if f.SetDeadline(deadline) != nil {
		return Unknown, nil, false
	}
	state, err := term.MakeRaw(uintptr(fd)) //nolint:gosec // as above
	if err != nil {
		return Unknown, nil, false
	}
	defer func() { _ = term.Restore(uintptr(fd), state) }() //nolint:gosec // as above
	if _, err := f.WriteString(query); err != nil {
		return Unknown, nil, false
	}
	var p parser
	buf := make([]byte, 256)
	for !p.done {
		n, err := f.Read(buf)
		pending = p.feed(pending, buf[:n])
		if err != nil {
			return p.bg, p.flush(pending), !p.done
		}
	}
	return p.bg, p.flush(pending), false
}

// parser takes the answers out of what a terminal sends.
type parser struct {
	held []byte // the beginning of what may become an answer
	bg   Background
	done bool // DA1 came: nothing is owed any more
}

// maxAnswer bounds an answer: what is longer was typed, or is no terminal.
const maxAnswer = 64

// feed appends to out what is no answer.
func (p *parser) feed(out, in []byte) []byte {
	for _, c := range in {
		if p.done {
			out = append(out, c)
			continue
		}
		p.held = append(p.held, c)
		switch p.look() {
		case no:
			// The first byte is no beginning; the others may be.
			rest := p.held[1:]
			out = append(out, p.held[0])
			p.held = nil
			out = p.feed(out, append([]byte(nil), rest...))
		case yes:
			p.take()
			p.held = p.held[:0]
		case maybe:
		}
	}
	return out
}

// flush appends what was held back and did not become an answer.
func (p *parser) flush(out []byte) []byte {
	if len(p.held) > 1 || p.done {
		// Half an answer is nobody's key; a lone escape is.
		out, p.held = append(out, p.held...), nil
	}
	return out
}

type verdict int

const (
	no verdict = iota
	maybe
	yes
)

var (
	osc = []byte("\x1b]11;")
	da1 = []byte("\x1b[?")
)

func (p *parser) look() verdict {
	h := p.held
	if len(h) > maxAnswer {
		return no
	}
	for _, prefix := range [][]byte{osc, da1} {
		n := min(len(h), len(prefix))
		if !bytes.Equal(h[:n], prefix[:n]) {
			continue
		}
		if len(h) < len(prefix) {
			return maybe
		}
		return p.body(h[len(prefix):], len(prefix) == len(osc))
	}
	return no
}

// body looks at what follows the beginning of an answer.
func (p *parser) body(b []byte, isOSC bool) verdict {
	if len(b) == 0 {
		return maybe
	}
	last := b[len(b)-1]
	if isOSC {
		switch {
		case last == '\a', len(b) > 1 && b[len(b)-2] == 0x1b && last == '\\':
			return yes
		case last == 0x1b, last >= 0x20 && last < 0x7f && (len(b) < 2 || b[len(b)-2] != 0x1b):
			return maybe
		}
		return no
	}
	switch {
	case last == 'c':
		return yes
	case last >= '0' && last <= '9', last == ';':
		return maybe
	}
	return no
}

func (p *parser) take() {
	if rest, ok := bytes.CutPrefix(p.held, osc); ok {
		p.bg = parseColour(strings.TrimRight(string(rest), "\a\x1b\\"))
		return
	}
	p.done = true
}

// parseColour reads X11's rgb:RRRR/GGGG/BBBB with one to four digits each, and tells dark from light.
func parseColour(s string) Background {
	body, ok := strings.CutPrefix(s, "rgb:")
	if !ok {
		if body, ok = strings.CutPrefix(s, "rgba:"); !ok {
			return Unknown
		}
	}
	parts := strings.Split(body, "/")
	if len(parts) < 3 {
		return Unknown
	}
	var light float64
	for i, weight := range []float64{0.299, 0.587, 0.114} { // luma of BT.601
		n, err := strconv.ParseUint(parts[i], 16, 16)
		if err != nil || parts[i] == "" || len(parts[i]) > 4 {
			return Unknown
		}
		light += weight * float64(n) / float64(uint(1)<<(4*len(parts[i]))-1)
	}
	if light > 0.5 {
		return Light
	}
	return Dark
}
