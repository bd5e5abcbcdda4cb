package tui

import (
	"slices"
	"strings"

	"github.com/sahilm/fuzzy"
)

// paletteShown bounds what a search keeps: nobody scrolls further.
const paletteShown = 200

// paletteRanked bounds what is ranked letter by letter, which is the slow part: the best by a coarse
// look, so that a key costs the same with a hundred containers and with ten thousand.
const paletteRanked = 600

// The classes of the coarse look, from best to worst.
const (
	classStart   = iota // the words begin the name
	classWords          // each is the beginning of a word of it
	classInside         // each stands in it
	classLetters        // only its letters do, in their order
	classes
	classNone
)

// search finds what was typed. A longer query can only match what a shorter one did, so each further
// letter looks at less.
func (p *palette) search() {
	words := strings.Fields(strings.ToLower(p.input.Value()))
	q := strings.Join(words, "") // the words are matched in their order, as fuzzy letters are
	if !strings.HasPrefix(q, p.query) || p.live == nil {
		p.live = make([]int, len(p.entries))
		for i := range p.live {
			p.live[i] = i
		}
	}
	p.query, p.found = q, p.found[:0]
	if q == "" {
		for _, i := range p.live[:min(len(p.live), paletteShown)] {
			p.found = append(p.found, fuzzy.Match{Index: i})
		}
	} else {
		p.rank(words, q)
	}
	p.offerTyped()
	p.scroll.Len = len(p.found)
	p.scroll.To(0)
}

// rank narrows live to what matches, and puts the best of it into found.
func (p *palette) rank(words []string, q string) {
	var by [classes][]int
	live := p.live[:0]
	for _, i := range p.live {
		c := classify(p.keys[i], words, q)
		if c == classNone {
			continue
		}
		live = append(live, i)
		if len(by[c]) < paletteRanked {
			by[c] = append(by[c], i)
		}
	}
	p.live = live
	best := make([]int, 0, paletteRanked)
	for _, list := range by {
		best = append(best, list[:min(len(list), paletteRanked-len(best))]...)
	}
	slices.Sort(best) // the order of the entries decides between equals
	found := fuzzy.FindFrom(q, source{p.keys, best})
	for i := range found {
		found[i].Index = best[found[i].Index]
	}
	// A name that begins with what was typed comes first, whatever the letters of others come to.
	slices.SortStableFunc(found, func(a, b fuzzy.Match) int {
		return b2i(strings.HasPrefix(p.keys[b.Index], words[0])) - b2i(strings.HasPrefix(p.keys[a.Index], words[0]))
	})
	p.found = found[:min(len(found), paletteShown)]
}

// classify says how well a name matches words, of which q is the letters.
func classify(key string, words []string, q string) int {
	at, class := 0, classStart
	for n, w := range words {
		i := strings.Index(key[at:], w)
		if i < 0 {
			if letters(key, q) {
				return classLetters
			}
			return classNone
		}
		i += at
		switch {
		case i > 0 && wordChar(key[i-1]):
			class = classInside
		case n == 0 && i > 0:
			class = max(class, classWords)
		}
		at = i + len(w)
	}
	return class
}

func wordChar(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 0x80 }

// letters reports that the bytes of q stand in key in their order.
func letters(key, q string) bool {
	n := 0
	for i := 0; i < len(key) && n < len(q); i++ {
		if key[i] == q[n] {
			n++
		}
	}
	return n == len(q)
}

// source is the part of the names that is ranked.
type source struct {
	names []string
	at    []int
}

func (s source) String(i int) string { return s.names[s.at[i]] }
func (s source) Len() int            { return len(s.at) }
