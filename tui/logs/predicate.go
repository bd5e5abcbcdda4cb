package logs

import (
	"slices"
	"strings"

	"midwatch/hosts"
)

// span is a range of bytes in a text.
type span struct{ from, to int }

// matcher decides about a text and shows what it found.
type matcher interface {
	match(text string) bool
	// spans appends the ranges found in text, in order, at most limit of them in all.
	spans(dst []span, text string, limit int) []span
}

// term is one condition of a filter.
type term struct {
	not  bool
	text matcher     // on the text; nil for the other kinds
	host string      // lower case, part of the host's name
	src  string      // lower case, part of the source's name
	min  hosts.Level // at least this level
	only bool        // with min: exactly this level
	err  bool        // written to standard error
}

// predicate is what a line must satisfy. It is built on the update loop and read by scans on other
// goroutines, so nothing in it changes after it was built.
type predicate struct {
	terms  []term
	min    hosts.Level // the level threshold of the screen; LevelNone for none
	hidden []bool      // by index of source; sources that came later are shown
	strict bool        // accept lines of a log only, as a search does
	// hostOf and nameOf are lower-case names by index of source, only filled when a term needs them.
	hostOf, nameOf []string
}

// empty reports that every line is accepted.
func (p *predicate) empty() bool {
	if p == nil || len(p.terms) == 0 && p.min == hosts.LevelNone {
		if p != nil {
			for _, h := range p.hidden {
				if h {
					return false
				}
			}
		}
		return true
	}
	return false
}

// accepts decides about one line. A filter accepts every gap and ruler: a filtered log that hides
// its losses would lie.
func (p *predicate) accepts(l *line) bool {
	if l.kind != kindText {
		return !p.strict
	}
	if l.source >= 0 && int(l.source) < len(p.hidden) && p.hidden[l.source] {
		return false
	}
	// A line without a level is kept by no threshold above none: most of them are noise beside an
	// error, and the threshold is one key away.
	if p.min > hosts.LevelNone && hosts.Level(l.level) < p.min {
		return false
	}
	for i := range p.terms {
		if p.holds(&p.terms[i], l) == p.terms[i].not {
			return false
		}
	}
	return true
}

func (p *predicate) holds(t *term, l *line) bool {
	switch {
	case t.text != nil:
		return t.text.match(l.text)
	case t.host != "":
		return strings.Contains(at(p.hostOf, l.source), t.host)
	case t.src != "":
		return strings.Contains(at(p.nameOf, l.source), t.src)
	case t.err:
		return l.stderr
	case t.only:
		return hosts.Level(l.level) == t.min
	default:
		return hosts.Level(l.level) >= t.min
	}
}

func at(names []string, i int32) string {
	if i < 0 || int(i) >= len(names) {
		return ""
	}
	return names[i]
}

// spans returns what the positive text terms found, for highlighting.
func (p *predicate) spans(text string, limit int) []span {
	if p == nil {
		return nil
	}
	var dst []span
	for i := range p.terms {
		if t := &p.terms[i]; t.text != nil && !t.not {
			dst = t.text.spans(dst, text, limit)
		}
	}
	return tidySpans(dst)
}

// needsNames reports that a term looks at host or source names.
func needsNames(terms []term) bool {
	for i := range terms {
		if terms[i].host != "" || terms[i].src != "" {
			return true
		}
	}
	return false
}

// fold finds a text without regard to ASCII case.
type fold struct {
	low    string
	lo, up byte // the first byte in both cases
}

func newFold(s string) fold {
	low := strings.ToLower(s)
	f := fold{low: low, lo: low[0], up: low[0]}
	if f.lo >= 'a' && f.lo <= 'z' {
		f.up = f.lo - 'a' + 'A'
	}
	return f
}

func (f fold) match(text string) bool { return f.index(text) >= 0 }

// index returns where the text is first found, -1 when it is not. It looks for the first byte in
// either case with IndexByte, which is what makes a scan of a million lines short.
func (f fold) index(text string) int {
	n := len(f.low)
	if len(text) < n {
		return -1
	}
	last := len(text) - n + 1
	a, b := -2, -2 // next place of either case; -2: not looked for yet
	for i := 0; i < last; {
		if a != -1 && a < i {
			a = indexFrom(text[:last], f.lo, i)
		}
		if f.up == f.lo {
			b = -1
		} else if b != -1 && b < i {
			b = indexFrom(text[:last], f.up, i)
		}
		j := a
		if j < 0 || b >= 0 && b < j {
			j = b
		}
		if j < 0 {
			return -1
		}
		if equalFold(text[j:j+n], f.low) {
			return j
		}
		i = j + 1
	}
	return -1
}

func indexFrom(s string, c byte, from int) int {
	if i := strings.IndexByte(s[from:], c); i >= 0 {
		return from + i
	}
	return -1
}

// equalFold compares with a lower-case text of the same length.
func equalFold(s, low string) bool {
	for i := 0; i < len(low); i++ {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != low[i] {
			return false
		}
	}
	return true
}

func (f fold) spans(dst []span, text string, limit int) []span {
	for off := 0; len(dst) < limit; {
		i := f.index(text[off:])
		if i < 0 {
			break
		}
		dst = append(dst, span{off + i, off + i + len(f.low)})
		off += i + len(f.low)
	}
	return dst
}

// exact finds a text as it is written.
type exact string

func (e exact) match(text string) bool { return strings.Contains(text, string(e)) }

func (e exact) spans(dst []span, text string, limit int) []span {
	for off := 0; len(dst) < limit; {
		i := strings.Index(text[off:], string(e))
		if i < 0 {
			break
		}
		dst = append(dst, span{off + i, off + i + len(e)})
		off += i + len(e)
	}
	return dst
}

// tidySpans sorts spans and joins those that overlap, in place.
func tidySpans(s []span) []span {
	if len(s) < 2 {
		return s
	}
	slices.SortFunc(s, func(a, b span) int { return a.from - b.from })
	out := s[:1]
	for _, x := range s[1:] {
		if last := &out[len(out)-1]; x.from < last.to {
			last.to = max(last.to, x.to)
		} else {
			out = append(out, x)
		}
	}
	return out
}
