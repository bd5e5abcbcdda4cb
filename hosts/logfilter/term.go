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
func (f Filter) Accepts(e *hosts.Entry) bool {
	for i := range f {
		if f[i].holds(e) == f[i].Not {
			return false
		}
	}
	return true
}

func (t *Term) holds(e *hosts.Entry) bool {
	switch {
	case t.Text != nil:
		return t.Text.Match(e.Text)
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
