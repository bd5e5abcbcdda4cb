package nginx

import (
	"regexp"
	"strconv"
	"time"

	"github.com/dlclark/regexp2"
)

// pattern is a PCRE of nginx. RE2 takes nearly all of them and cannot run away; what it refuses
// (look-around, back-references) goes to a backtracking engine with a time limit. A pattern that
// neither takes is broken and matches nothing, which the caller can tell by err.
type pattern struct {
	text string
	re   *regexp.Regexp
	slow *regexp2.Regexp
	err  error
}

// slowLimit bounds one match of a backtracking pattern; patterns and paths come from hosts.
const slowLimit = 50 * time.Millisecond

func compile(text string, fold bool) *pattern {
	p := &pattern{text: text}
	flags := ""
	if fold {
		flags = "(?i)"
	}
	if p.re, p.err = regexp.Compile(flags + text); p.err == nil {
		return p
	}
	opts := regexp2.RegexOptions(regexp2.None)
	if fold {
		opts |= regexp2.IgnoreCase
	}
	if p.slow, p.err = regexp2.Compile(text, opts); p.err == nil {
		p.slow.MatchTimeout = slowLimit
	}
	return p
}

// match returns the captures by number ("1") and by name.
func (p *pattern) match(s string) (map[string]string, bool) {
	switch {
	case p == nil:
		return nil, false
	case p.re != nil:
		m := p.re.FindStringSubmatch(s)
		if m == nil {
			return nil, false
		}
		caps := make(map[string]string, len(m))
		for i, name := range p.re.SubexpNames() {
			caps[strconv.Itoa(i)] = m[i]
			if name != "" {
				caps[name] = m[i]
			}
		}
		return caps, true
	case p.slow != nil:
		m, err := p.slow.FindStringMatch(s)
		if err != nil || m == nil {
			return nil, false
		}
		caps := map[string]string{}
		for _, g := range m.Groups() {
			caps[g.Name] = g.String()
		}
		return caps, true
	}
	return nil, false
}
