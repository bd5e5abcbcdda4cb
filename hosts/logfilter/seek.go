package logfilter

import "strings"

// Seeker is a Matcher whose every match holds a text. Looking for that in many lines at once, put one
// behind the other, costs a fraction of asking about each of them.
type Seeker interface {
	Matcher
	// Seek calls found with the places of the promised text in order, and goes on from what found returns,
	// which is more than from. A place may lie across two lines: that is for found to see.
	Seek(text string, found func(from, to int) int)
	// Enough reports that a line which holds the text matches.
	Enough() bool
}

// SeekerOf returns the matcher as a Seeker; ok is false when its matches promise no text.
func SeekerOf(m Matcher) (s Seeker, ok bool) {
	switch x := m.(type) {
	case fold:
		return x, true
	case exact:
		return x, true
	case pattern:
		return x.seeker(x.need)
	case *fieldTest:
		if x.op == "!=" {
			return nil, false
		}
		return x.seeker(x.seek)
	}
	return nil, false
}

// promised is a matcher whose matches hold what another one finds.
type promised struct {
	Matcher
	text Seeker
}

func (p promised) Seek(text string, found func(from, to int) int) { p.text.Seek(text, found) }
func (promised) Enough() bool                                     { return false }

func (p pattern) seeker(need Matcher) (Seeker, bool)    { return promise(p, need) }
func (t *fieldTest) seeker(need Matcher) (Seeker, bool) { return promise(t, need) }

func promise(m, need Matcher) (Seeker, bool) {
	if need == nil {
		return nil, false
	}
	s, ok := SeekerOf(need)
	return promised{m, s}, ok
}

// Seek implements Seeker.
func (e exact) Seek(text string, found func(from, to int) int) {
	for at := 0; at < len(text); {
		i := strings.Index(text[at:], string(e))
		if i < 0 {
			return
		}
		at = found(at+i, at+i+len(e))
	}
}

// Enough implements Seeker.
func (exact) Enough() bool { return true }

// Seek implements Seeker. It looks for the byte of the text that is rarest in logs, in both cases, with
// IndexByte, and compares around it.
func (f fold) Seek(text string, found func(from, to int) int) {
	n := len(f.low)
	end := len(text) - n + f.rare + 1 // no rare byte of a match lies further
	if end <= f.rare {
		return
	}
	window := text[:end]
	a, b := -2, -2 // the next place of either case; -2: not looked for yet
	if f.up == f.lo {
		b = -1
	}
	for i := f.rare; i < end; {
		if a != -1 && a < i {
			a = indexFrom(window, f.lo, i)
		}
		if b != -1 && b < i {
			b = indexFrom(window, f.up, i)
		}
		j := a
		if j < 0 || b >= 0 && b < j {
			j = b
		}
		if j < 0 {
			return
		}
		i = j + 1
		if from := j - f.rare; equalFold(text[from:from+n], f.low) {
			i = max(i, found(from, from+n)+f.rare)
		}
	}
}

// Enough implements Seeker.
func (fold) Enough() bool { return true }

// common are bytes in about the order of how often logs have them.
const common = "e0123456 t-a:o./i7n8s9r\"dlc=pmuhg_fy[]bTvw,(){}kxjzq"

// rarest is the index of the byte of a text that is likely to be the rarest one.
func rarest(low string) int {
	best, at := -1, 0
	for i := 0; i < len(low); i++ {
		rank := strings.IndexByte(common, low[i])
		if rank < 0 {
			rank = len(common)
		}
		if rank > best {
			best, at = rank, i
		}
	}
	return at
}
