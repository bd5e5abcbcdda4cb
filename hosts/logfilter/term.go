package logfilter

import (
	"strings"

	"midwatch/hosts"
)

// Term is one condition of a filter. One of Text, Host, Source, Min and Stderr says which kind it is.
type Term struct {
	Not    bool
	Text   Matcher     // on the text; nil for the other kinds
	Host   string      // lower case, part of the host's name
	Source string      // lower case, part of the source's name
	Min    hosts.Level // at least this level
	Only   bool        // with Min: exactly this level
	Stderr bool        // written to standard error
}

// Filter is what a line must satisfy: all of its terms. One without terms accepts every line.
type Filter []Term

// Accepts decides about an entry.
func (f Filter) Accepts(e *hosts.Entry) bool { return f.AcceptsAs(e, nil) }

// AcceptsAs is Accepts for an entry of a source with names of its own for fields; names may be nil.
func (f Filter) AcceptsAs(e *hosts.Entry, names *hosts.LogFields) bool {
	for i := range f {
		if f[i].holds(e, names) == f[i].Not {
			return false
		}
	}
	return true
}

// MatchAs is Text.Match for a text of a source with names of its own for fields; names may be nil.
func (t *Term) MatchAs(text string, names *hosts.LogFields) bool {
	if f, ok := t.Text.(*fieldTest); ok {
		return f.matchAs(text, names)
	}
	return t.Text.Match(text)
}

func (t *Term) holds(e *hosts.Entry, names *hosts.LogFields) bool {
	switch {
	case t.Text != nil:
		return t.MatchAs(e.Text, names)
	case t.Host != "":
		return strings.Contains(strings.ToLower(e.Host), t.Host)
	case t.Source != "":
		return strings.Contains(strings.ToLower(e.Source.Name), t.Source)
	case t.Stderr:
		return e.Stderr
	case t.Only:
		return e.Level == t.Min
	default:
		return e.Level >= t.Min
	}
}
