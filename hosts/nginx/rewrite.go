package nginx

import (
	"regexp"
	"strconv"
	"strings"
)

// rewriteResult tells how the rewrite phase of one level ended.
type rewriteResult struct {
	done      bool // the request is answered
	again     bool // the URI changed: search a location anew
	broke     bool // break: no more rewrites at this level
	errorCode int  // done by return of an error code, which error_page may take up
	d         *Directive
}

// rewrite runs set, if, rewrite, return and break in file order. In a server block a changed URI
// needs no new search, because none was made yet.
func (x *run) rewrite(body []*Directive, scope Scope, server bool) rewriteResult {
	for _, d := range body {
		switch d.Name {
		case "set":
			if len(d.Args) == 2 {
				x.sets[strings.TrimPrefix(d.Args[0], "$")] = x.eval(d.Args[1])
			}
		case "break":
			return rewriteResult{broke: true}
		case "return":
			return x.returned(d)
		case "rewrite":
			if r, hit := x.rewriteLine(d, server); hit {
				return r
			}
		case "if":
			if r, hit := x.ifBlock(d, scope, server); hit {
				return r
			}
		}
	}
	if !server && x.changedHere {
		x.changedHere = false
		return rewriteResult{again: true}
	}
	return rewriteResult{}
}

func (x *run) returned(d *Directive) rewriteResult {
	if len(d.Args) == 0 {
		return rewriteResult{done: true, d: d}
	}
	code, err := strconv.Atoi(d.Args[0])
	text := strings.Join(d.Args[1:], " ")
	if err != nil {
		code, text = 302, d.Args[0]
	}
	v := x.eval(text)
	if !v.Known {
		x.out.Unknown = append(x.out.Unknown, v.Why)
	}
	switch {
	case (code >= 301 && code <= 303 || code == 307 || code == 308) && text != "":
		x.redirect(code, v.Text, d, d.String())
	default:
		x.out.Kind, x.out.Code, x.out.Body = Returned, code, v.Text
		x.out.step(d, "%s", d.String())
		if code >= 400 && text == "" {
			return rewriteResult{done: true, errorCode: code, d: d}
		}
	}
	return rewriteResult{done: true, d: d}
}

// rewriteLine applies one rewrite. hit tells that the phase ends here.
func (x *run) rewriteLine(d *Directive, server bool) (r rewriteResult, hit bool) {
	if len(d.Args) < 2 {
		return r, false
	}
	p := compile(d.Args[0], false)
	caps, ok := p.match(x.uri)
	if !ok {
		if p.err != nil {
			x.out.Unknown = append(x.out.Unknown, d.At()+" pattern")
		}
		return r, false
	}
	for k, v := range caps {
		x.caps[k] = v
	}
	to, flag := d.Args[1], d.Arg(2)
	v := x.eval(to)
	if !v.Known {
		x.out.Unknown = append(x.out.Unknown, v.Why)
	}
	uri, args, q := strings.Cut(v.Text, "?")
	switch {
	case strings.HasSuffix(to, "?"):
		args = strings.TrimSuffix(args, "?")
	case q && x.args != "":
		args += "&" + x.args
	case !q:
		args = x.args
	}
	external := strings.HasPrefix(to, "http://") || strings.HasPrefix(to, "https://") || strings.HasPrefix(to, "$scheme")
	if external || flag == "redirect" || flag == "permanent" {
		code := 302
		if flag == "permanent" {
			code = 301
		}
		if args != "" {
			uri += "?" + args
		}
		x.redirect(code, uri, d, d.String())
		return rewriteResult{done: true, d: d}, true
	}
	x.uri, x.args, x.changed, x.internal = uri, args, true, true
	x.out.step(d, "rewritten to %s", uri)
	switch flag {
	case "last":
		x.changedHere = false
		return rewriteResult{again: !server, broke: server, d: d}, true
	case "break":
		x.changedHere = false
		return rewriteResult{broke: true, d: d}, true
	}
	x.changedHere = !server
	return r, false
}

// ifBlock evaluates a condition; when it holds, the block's settings become the scope and its
// rewrites run.
func (x *run) ifBlock(d *Directive, scope Scope, server bool) (r rewriteResult, hit bool) {
	yes, known, what := x.condition(d.Args)
	if !known {
		x.out.Unknown = append(x.out.Unknown, what)
		x.out.step(d, "%s is taken as not holding: %s is not known", d.String(), what)
		return r, false
	}
	if !yes {
		return r, false
	}
	x.out.step(d, "%s holds", d.String())
	inner := scope.add("if", d)
	if !server || x.loc == nil {
		x.scope = inner
	}
	r = x.rewrite(d.Block, inner, server)
	return r, r.done || r.again || r.broke
}

var trueFalse = regexp.MustCompile(`^0?$`)

// condition knows the forms of if: a variable, "=", "!=", "~", "~*", "!~", "!~*", and the file
// tests, which need to know the file system.
func (x *run) condition(args []string) (yes, known bool, what string) {
	switch len(args) {
	case 1:
		v := x.eval(args[0])
		return !trueFalse.MatchString(v.Text), v.Known, v.Why
	case 2:
		return x.fileTest(args[0], args[1])
	case 3:
	default:
		return false, false, strings.Join(args, " ")
	}
	left, op := x.eval(args[0]), args[1]
	if !left.Known {
		return false, false, left.Why
	}
	neg := strings.HasPrefix(op, "!")
	switch strings.TrimPrefix(op, "!") {
	case "=":
		right := x.eval(args[2])
		return (left.Text == right.Text) != neg, right.Known, right.Why
	case "~", "~*":
		p := compile(args[2], strings.HasSuffix(op, "*"))
		if p.err != nil {
			return false, false, "pattern " + args[2]
		}
		caps, ok := p.match(left.Text)
		for k, v := range caps {
			x.caps[k] = v
		}
		return ok != neg, true, ""
	}
	return false, false, "operator " + op
}

func (x *run) fileTest(op, arg string) (yes, known bool, what string) {
	v := x.eval(arg)
	if !v.Known || x.req.Exists == nil {
		return false, false, "file " + v.Text
	}
	path := v.Text
	if strings.HasSuffix(op, "d") {
		path = strings.TrimSuffix(path, "/") + "/"
	}
	is, ok := x.req.Exists(path)
	if !is && strings.HasSuffix(op, "e") {
		is, ok = x.req.Exists(path + "/")
	}
	return is != strings.HasPrefix(op, "!"), ok, "file " + v.Text
}
