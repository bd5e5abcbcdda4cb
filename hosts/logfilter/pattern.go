package logfilter

import (
	"regexp"
	"regexp/syntax"
)

// pattern finds a regular expression (RE2: linear in the text, whatever is typed). need is a text
// that every match holds: looking for it first skips most lines at a tenth of the price.
type pattern struct {
	re   *regexp.Regexp
	need Matcher // nil when the expression promises no text
}

// compile builds the Matcher of an expression that is known to be wanted as it stands.
func compile(expr string) (pattern, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return pattern{}, err
	}
	p := pattern{re: re}
	if tree, err := syntax.Parse(expr, syntax.Perl); err == nil {
		p.need = needed(tree.Simplify())
	}
	return p, nil
}

// needed returns a Matcher for the longest text that stands in every match. Case folding beyond
// ASCII (the Kelvin sign is a k) is left to nobody: logs do not write it.
func needed(tree *syntax.Regexp) Matcher {
	best, fold := longest(tree)
	ascii := true
	for _, r := range best {
		ascii = ascii && r < 0x80
	}
	switch {
	case len(best) < 2 || fold && !ascii:
		return nil
	case fold:
		return newFold(string(best))
	}
	return exact(best)
}

// longest returns the longest literal that the expression cannot match without. Literals that follow one
// another are one, through groups as well: took (9[0-9]) cannot match without "took 9".
func longest(tree *syntax.Regexp) (text []rune, fold bool) {
	var run []rune
	var runFold bool
	end := func() {
		if len(run) > len(text) {
			text, fold = run, runFold
		}
		run, runFold = nil, false
	}
	var walk func(t *syntax.Regexp)
	walk = func(t *syntax.Regexp) {
		switch t.Op {
		case syntax.OpLiteral:
			run = append(run[:len(run):len(run)], t.Rune...)
			runFold = runFold || t.Flags&syntax.FoldCase != 0 // finds more, misses nothing
		case syntax.OpCapture:
			walk(t.Sub[0])
		case syntax.OpPlus: // once at least, but what is before and behind it is not next to both ends
			end()
			walk(t.Sub[0])
			end()
		case syntax.OpConcat:
			for _, sub := range t.Sub {
				walk(sub)
			}
		case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpEndText, syntax.OpBeginLine, syntax.OpEndLine,
			syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		default:
			end()
		}
	}
	walk(tree)
	end()
	return text, fold
}

func (p pattern) Match(text string) bool {
	return (p.need == nil || p.need.Match(text)) && p.re.MatchString(text)
}

func (p pattern) Spans(dst []Span, text string, limit int) []Span {
	if len(dst) >= limit || p.need != nil && !p.need.Match(text) {
		return dst
	}
	for _, m := range p.re.FindAllStringIndex(text, limit-len(dst)) {
		if m[1] > m[0] {
			dst = append(dst, Span{m[0], m[1]})
		}
	}
	return dst
}
