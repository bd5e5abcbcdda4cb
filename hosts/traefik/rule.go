package traefik

import (
	"fmt"
	"regexp"
	"strings"
)

// Request is what a router's rule is asked about.
type Request struct {
	Host, Path, Method string
	Headers            map[string]string
	SNI                string
}

// Rule is a parsed routing rule.
type Rule struct {
	text string
	root expr
}

// expr gives yes or no, and known false when a matcher cannot be decided from a request alone.
type expr func(r Request) (yes, known bool)

// ParseRule reads a rule of Traefik v2 or v3: matchers with &&, ||, ! and parentheses.
func ParseRule(text string) (Rule, error) {
	p := &ruleParser{s: text}
	e, err := p.or(0)
	if err == nil {
		p.space()
		if p.i < len(p.s) {
			err = fmt.Errorf("unexpected %q at %d", p.s[p.i:], p.i)
		}
	}
	if err != nil {
		return Rule{}, fmt.Errorf("rule %q: %w", text, err)
	}
	return Rule{text: text, root: e}, nil
}

// Match reports whether the rule takes the request; known is false when that depends on something a
// request does not show, such as the client's address.
func (r Rule) Match(q Request) (yes, known bool) {
	if r.root == nil {
		return false, true
	}
	return r.root(q)
}

type ruleParser struct {
	s string
	i int
}

// maxRuleDepth bounds nesting; labels come from hosts.
const maxRuleDepth = 100

func (p *ruleParser) space() {
	for p.i < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0 {
		p.i++
	}
}

func (p *ruleParser) take(op string) bool {
	p.space()
	if strings.HasPrefix(p.s[p.i:], op) {
		p.i += len(op)
		return true
	}
	return false
}

func (p *ruleParser) or(depth int) (expr, error) {
	if depth > maxRuleDepth {
		return nil, fmt.Errorf("nested too deep")
	}
	left, err := p.and(depth)
	for err == nil && p.take("||") {
		var right expr
		if right, err = p.and(depth); err == nil {
			left = either(left, right)
		}
	}
	return left, err
}

func (p *ruleParser) and(depth int) (expr, error) {
	left, err := p.unary(depth)
	for err == nil && p.take("&&") {
		var right expr
		if right, err = p.unary(depth); err == nil {
			left = both(left, right)
		}
	}
	return left, err
}

// either and both are Kleene's: an undecided side does not spoil a decided answer.
func either(a, b expr) expr {
	return func(r Request) (bool, bool) {
		x, xk := a(r)
		y, yk := b(r)
		if xk && x || yk && y {
			return true, true
		}
		return false, xk && yk
	}
}

func both(a, b expr) expr {
	return func(r Request) (bool, bool) {
		x, xk := a(r)
		y, yk := b(r)
		if xk && !x || yk && !y {
			return false, true
		}
		return xk && yk, xk && yk
	}
}

func (p *ruleParser) unary(depth int) (expr, error) {
	switch {
	case p.take("!"):
		e, err := p.unary(depth + 1)
		if err != nil || depth > maxRuleDepth {
			return nil, orDeep(err)
		}
		return func(r Request) (bool, bool) { y, k := e(r); return !y, k }, nil
	case p.take("("):
		e, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if !p.take(")") {
			return nil, fmt.Errorf("missing ) at %d", p.i)
		}
		return e, nil
	}
	return p.matcher()
}

func orDeep(err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("nested too deep")
}

func (p *ruleParser) matcher() (expr, error) {
	p.space()
	start := p.i
	for p.i < len(p.s) && (p.s[p.i] >= 'a' && p.s[p.i] <= 'z' || p.s[p.i] >= 'A' && p.s[p.i] <= 'Z') {
		p.i++
	}
	name := p.s[start:p.i]
	if name == "" || !p.take("(") {
		return nil, fmt.Errorf("a matcher is expected at %d", start)
	}
	var args []string
	for !p.take(")") {
		a, err := p.arg()
		if err != nil {
			return nil, err
		}
		args = append(args, a)
		p.take(",")
	}
	if len(args) == 0 {
		return nil, fmt.Errorf("%s needs a value", name)
	}
	return matcher(name, args)
}

func (p *ruleParser) arg() (string, error) {
	p.space()
	if p.i >= len(p.s) || strings.IndexByte("`\"'", p.s[p.i]) < 0 {
		return "", fmt.Errorf("a quoted value is expected at %d", p.i)
	}
	q := p.s[p.i]
	end := strings.IndexByte(p.s[p.i+1:], q)
	if end < 0 {
		return "", fmt.Errorf("quote at %d is not closed", p.i)
	}
	a := p.s[p.i+1 : p.i+1+end]
	p.i += end + 2
	return a, nil
}

func anyOf(args []string, f func(r Request, a string) bool) expr {
	return func(r Request) (bool, bool) {
		for _, a := range args {
			if f(r, a) {
				return true, true
			}
		}
		return false, true
	}
}

func matcher(name string, args []string) (expr, error) {
	switch strings.ToLower(name) {
	case "host", "hostheader":
		return anyOf(args, func(r Request, a string) bool { return strings.EqualFold(bare(r.Host), a) }), nil
	case "hostsni":
		return anyOf(args, func(r Request, a string) bool { return a == "*" || strings.EqualFold(r.SNI, a) }), nil
	case "path":
		return anyOf(args, func(r Request, a string) bool { return template(a, r.Path, true) }), nil
	case "pathprefix":
		return anyOf(args, func(r Request, a string) bool { return template(a, r.Path, false) }), nil
	case "method":
		return anyOf(args, func(r Request, a string) bool { return strings.EqualFold(r.Method, a) }), nil
	case "hostregexp":
		return patterns(args, func(r Request) string { return bare(r.Host) })
	case "pathregexp":
		return patterns(args, func(r Request) string { return r.Path })
	case "header", "headers":
		if len(args) != 2 {
			return nil, fmt.Errorf("%s takes a name and a value", name)
		}
		return func(r Request) (bool, bool) { return headerOf(r, args[0]) == args[1], true }, nil
	case "headerregexp", "headersregexp":
		if len(args) != 2 {
			return nil, fmt.Errorf("%s takes a name and a pattern", name)
		}
		return patterns(args[1:], func(r Request) string { return headerOf(r, args[0]) })
	}
	// Query, ClientIP and what later versions add: a request as a person names it does not decide.
	return func(Request) (bool, bool) { return false, false }, nil
}

func headerOf(r Request, name string) string {
	for k, v := range r.Headers {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

func bare(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		return host[:i]
	}
	return host
}

// template matches a path; v2 allowed {name} and {name:pattern} in it.
func template(t, path string, whole bool) bool {
	if !strings.Contains(t, "{") {
		if whole {
			return path == t
		}
		return strings.HasPrefix(path, t)
	}
	re, err := regexp.Compile("^" + braces(t) + end(whole))
	return err == nil && re.MatchString(path)
}

func end(whole bool) string {
	if whole {
		return "$"
	}
	return ""
}

// braces turns "{sub:[a-z]+}.x" into a pattern.
func braces(t string) string {
	var b strings.Builder
	for t != "" {
		i := strings.IndexByte(t, '{')
		if i < 0 {
			b.WriteString(regexp.QuoteMeta(t))
			break
		}
		b.WriteString(regexp.QuoteMeta(t[:i]))
		j := strings.IndexByte(t[i:], '}')
		if j < 0 {
			b.WriteString(regexp.QuoteMeta(t[i:]))
			break
		}
		_, re, ok := strings.Cut(t[i+1:i+j], ":")
		if !ok {
			re = "[^/.]+"
		}
		b.WriteString("(?:" + re + ")")
		t = t[i+j+1:]
	}
	return b.String()
}

func patterns(args []string, of func(Request) string) (expr, error) {
	var res []*regexp.Regexp
	for _, a := range args {
		if strings.Contains(a, "{") && strings.Contains(a, ":") {
			a = "^" + braces(a) + "$"
		}
		re, err := regexp.Compile("(?i)" + a)
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", a, err)
		}
		res = append(res, re)
	}
	return func(r Request) (bool, bool) {
		for _, re := range res {
			if re.MatchString(of(r)) {
				return true, true
			}
		}
		return false, true
	}, nil
}
