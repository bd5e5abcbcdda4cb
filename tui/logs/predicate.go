package logs

import (
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
		if p.holds(&p.terms[i], l) == p.terms[i].Not {
			return false
		}
	}
	return true
}

func (p *predicate) holds(t *logfilter.Term, l *line) bool {
	switch {
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

func at(names []string, i int32) string {
	if i < 0 || int(i) >= len(names) {
		return ""
	}
	return names[i]
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
