package logs

import (
	"slices"
	"sort"
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/logfilter"
)

// predicate is what a line must satisfy. It is built on the update loop and read by scans on other
// goroutines, so nothing in it changes after it was built.
type predicate struct {
	terms  logfilter.Filter
	min    hosts.Level // the level threshold of the screen; LevelNone for none
	hidden []bool      // by index of source; sources that came later are shown
	strict bool        // accept lines of a log only, as a search does
	fold   bool        // no line that repeats the one before it
	from   int64       // with to: lines whose key is not below it
	to     int64       // and is below it; 0 for every line
	// hostOf and nameOf are lower-case names by index of source, only filled when a term needs them.
	hostOf, nameOf []string
	fields         []*hosts.LogFields // by index of source; nil where all have the usual ones

	lead int              // index of the term that lines are looked for by, and
	seek logfilter.Seeker // what looks; nil where every line has to be asked about
	bars bool             // that term is negated: the lines that are found are the ones that are not accepted
}

// empty reports that every line is accepted.
func (p *predicate) empty() bool {
	return p == nil || len(p.terms) == 0 && p.min == hosts.LevelNone && p.to == 0 && !p.fold && !slices.Contains(p.hidden, true)
}

// accepts decides about one line. A filter accepts every gap, note and ruler: a filtered log that hides
// its losses would lie.
func (p *predicate) accepts(l *line) bool {
	if p.fold && l.repeat {
		return false
	}
	return p.acceptsHead(l.kind, l.source, hosts.Level(l.level), l.key) && (l.kind != kindText || p.acceptsText(l, -1))
}

// acceptsHead decides by what is known of a line without its text.
func (p *predicate) acceptsHead(kind lineKind, source int32, level hosts.Level, key int64) bool {
	switch {
	case p.to != 0 && (key < p.from || key >= p.to):
		return false
	case kind != kindText:
		return !p.strict
	case source >= 0 && int(source) < len(p.hidden) && p.hidden[source]:
		return false
	}
	// A line without a level is kept by no threshold above none: most of them are noise beside an
	// error, and the threshold is one key away.
	return p.min == hosts.LevelNone || level >= p.min
}

// acceptsText decides by the terms; the one with index known is known to hold.
func (p *predicate) acceptsText(l *line, known int) bool {
	for i := range p.terms {
		if i != known && p.holds(&p.terms[i], l) == p.terms[i].Not {
			return false
		}
	}
	return true
}

func (p *predicate) holds(t *logfilter.Term, l *line) bool {
	switch {
	case t.Text != nil && p.fields != nil:
		return t.MatchAs(l.text, at(p.fields, l.source))
	case t.Text != nil:
		return t.Text.Match(l.text)
	case t.Host != "":
		return strings.Contains(at(p.hostOf, l.source), t.Host)
	case t.Source != "":
		return strings.Contains(at(p.nameOf, l.source), t.Source)
	case t.Stderr:
		return l.stderr
	case t.Only:
		return hosts.Level(l.level) == t.Min
	default:
		return hosts.Level(l.level) >= t.Min
	}
}

// prepare puts the terms in the order of what they cost and finds the one to look for lines by. It is
// called once, when the predicate is complete.
func (p *predicate) prepare() {
	cost := func(t *logfilter.Term) int {
		switch {
		case t.Text == nil:
			return 0
		case t.Not:
			return 2
		}
		if s, ok := logfilter.SeekerOf(t.Text); !ok {
			return 3
		} else if !s.Enough() {
			return 2
		}
		return 1
	}
	slices.SortStableFunc(p.terms, func(a, b logfilter.Term) int { return cost(&a) - cost(&b) })
	p.lead = -1
	for i := range p.terms {
		t := &p.terms[i]
		if t.Text == nil {
			continue
		}
		s, ok := logfilter.SeekerOf(t.Text)
		switch {
		case ok && !t.Not:
			p.lead, p.seek, p.bars = i, s, false
			return
		case ok && s.Enough() && p.seek == nil: // unless another term finds lines, which are fewer
			p.lead, p.seek, p.bars = i, s, true
		}
	}
}

// find appends the positions of the lines of a chunk with an index in [from, to) that are accepted.
func (p *predicate) find(hits []int, c *chunk, from, to int) []int {
	switch {
	case from >= to:
		return hits
	case p.seek == nil || c.mixed && !p.strict:
		return p.ask(hits, c, from, to, -1)
	case p.bars:
		return p.findBetween(hits, c, from, to)
	}
	known := -1
	if p.seek.Enough() {
		known = p.lead
	}
	begin, end := int(c.begin(from)), int(c.recs[to-1].end)
	i := from
	p.seek.Seek(c.text[begin:end], func(a, b int) int {
		i += sort.Search(to-i, func(k int) bool { return int(c.recs[i+k].end) > begin+a })
		r := &c.recs[i]
		if begin+b > int(r.end) {
			return a + 1 // it lies across two lines
		}
		if !(p.fold && r.repeat()) && p.acceptsHead(r.kind(), r.source(), r.level(), r.key) {
			if l := c.line(i); l.kind != kindText || p.acceptsText(&l, known) {
				hits = append(hits, c.first+i)
			}
		}
		return int(r.end) - begin
	})
	return hits
}

// findBetween is find for a term that is negated: all lines but those that hold its text.
func (p *predicate) findBetween(hits []int, c *chunk, from, to int) []int {
	begin, end := int(c.begin(from)), int(c.recs[to-1].end)
	i := from
	p.seek.Seek(c.text[begin:end], func(a, b int) int {
		k := i + sort.Search(to-i, func(k int) bool { return int(c.recs[i+k].end) > begin+a })
		if begin+b > int(c.recs[k].end) {
			return a + 1 // it lies across two lines
		}
		hits = p.ask(hits, c, i, k, p.lead)
		i = k + 1
		return int(c.recs[k].end) - begin
	})
	return p.ask(hits, c, i, to, p.lead)
}

// ask appends those of the lines with an index in [from, to) that are accepted, asking about each of them;
// the term with index known is known to hold.
func (p *predicate) ask(hits []int, c *chunk, from, to, known int) []int {
	texts := len(p.terms) - b2i(known >= 0)
	if texts == 0 && !c.mixed && !p.fold && p.min == hosts.LevelNone && p.to == 0 && !slices.Contains(p.hidden, true) {
		for i := from; i < to; i++ { // what a filter that leaves out little does with nearly all
			hits = append(hits, c.first+i)
		}
		return hits
	}
	for i := from; i < to; i++ {
		r := &c.recs[i]
		if p.fold && r.repeat() || !p.acceptsHead(r.kind(), r.source(), r.level(), r.key) {
			continue
		}
		if r.kind() == kindText && texts > 0 {
			if l := c.line(i); !p.acceptsText(&l, known) {
				continue
			}
		}
		hits = append(hits, c.first+i)
	}
	return hits
}

func at[T any](list []T, i int32) (none T) {
	if i < 0 || int(i) >= len(list) {
		return none
	}
	return list[i]
}

// spans returns what the positive text terms found, for highlighting.
func (p *predicate) spans(text string, limit int) []logfilter.Span {
	if p == nil {
		return nil
	}
	var dst []logfilter.Span
	for i := range p.terms {
		if t := &p.terms[i]; t.Text != nil && !t.Not {
			dst = t.Text.Spans(dst, text, limit)
		}
	}
	return logfilter.TidySpans(dst)
}

// needsNames reports that a term looks at host or source names.
func needsNames(terms logfilter.Filter) bool {
	for i := range terms {
		if terms[i].Host != "" || terms[i].Source != "" {
			return true
		}
	}
	return false
}
