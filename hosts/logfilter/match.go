package logfilter

import (
	"slices"
	"strings"
)

// Span is a range of bytes in a text.
type Span struct{ From, To int }

// Matcher decides about a text and shows what it found.
type Matcher interface {
	Match(text string) bool
	// Spans appends the ranges found in text, in order, at most limit of them in all.
	Spans(dst []Span, text string, limit int) []Span
}

// fold finds a text without regard to ASCII case.
type fold struct {
	low    string
	rare   int  // index of the byte that is looked for
	lo, up byte // that byte in both cases
}

func newFold(s string) fold {
	low := strings.ToLower(s)
	f := fold{low: low, rare: rarest(low)}
	f.lo, f.up = low[f.rare], low[f.rare]
	if f.lo >= 'a' && f.lo <= 'z' {
		f.up = f.lo - 'a' + 'A'
	}
	return f
}

func (f fold) Match(text string) bool { return f.index(text) >= 0 }

// index returns where the text is first found, -1 when it is not.
func (f fold) index(text string) int {
	at := -1
	f.Seek(text, func(from, _ int) int {
		at = from
		return len(text)
	})
	return at
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

func (f fold) Spans(dst []Span, text string, limit int) []Span {
	for off := 0; len(dst) < limit; {
		i := f.index(text[off:])
		if i < 0 {
			break
		}
		dst = append(dst, Span{off + i, off + i + len(f.low)})
		off += i + len(f.low)
	}
	return dst
}

// exact finds a text as it is written.
type exact string

func (e exact) Match(text string) bool { return strings.Contains(text, string(e)) }

func (e exact) Spans(dst []Span, text string, limit int) []Span {
	if e == "" {
		return dst
	}
	for off := 0; len(dst) < limit; {
		i := strings.Index(text[off:], string(e))
		if i < 0 {
			break
		}
		dst = append(dst, Span{off + i, off + i + len(e)})
		off += i + len(e)
	}
	return dst
}

// TidySpans sorts spans by where they begin and joins those that overlap, in place.
func TidySpans(s []Span) []Span {
	if len(s) < 2 {
		return s
	}
	slices.SortFunc(s, func(a, b Span) int { return a.From - b.From })
	out := s[:1]
	for _, x := range s[1:] {
		if last := &out[len(out)-1]; x.From < last.To {
			last.To = max(last.To, x.To)
		} else {
			out = append(out, x)
		}
	}
	return out
}
