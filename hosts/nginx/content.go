package nginx

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// tryFiles runs try_files; true means the request is settled.
func (x *run) tryFiles(cycle int) bool {
	inner := x.scope.Inner()
	d := Last(inner.Body, "try_files")
	// try_files is not inherited into a location; a server's own counts only without a location.
	if d == nil || len(d.Args) < 2 {
		return false
	}
	for _, a := range d.Args[:len(d.Args)-1] {
		v := x.eval(a)
		file, ok := x.filePath(v.Text)
		yes, known := false, false
		if v.Known && ok && x.req.Exists != nil {
			yes, known = x.req.Exists(file)
		}
		if !known && x.changed && v.Text == d.Args[len(d.Args)-1] {
			// The fallback itself, reached by its own redirect: it is there, or nginx would loop.
			x.out.Kind, x.out.Target, x.out.FileMaybe = Static, file, true
			x.out.step(d, "try_files: the file %s, if it exists", file)
			return true
		}
		if !known {
			x.out.FileMaybe = true
			x.out.step(d, "try_files: nobody knows whether %s exists; taken as missing", file)
			continue
		}
		if yes {
			x.out.step(d, "try_files: %s exists", file)
			if strings.HasSuffix(v.Text, "/") {
				x.uri = v.Text
				x.static(cycle)
				return true
			}
			x.uri = v.Text
			return x.contentOf(cycle)
		}
		x.out.step(d, "try_files: %s does not exist", file)
	}
	x.jump(d, d.Args[len(d.Args)-1], "try_files", cycle)
	return true
}

func (x *run) contentOf(cycle int) bool {
	x.content(cycle)
	return true
}

// jump goes where try_files and error_page go: a code, a named location or a URI.
func (x *run) jump(d *Directive, to, what string, cycle int) {
	if c, ok := strings.CutPrefix(to, "="); ok {
		n := 0
		for _, r := range c {
			if r < '0' || r > '9' {
				n = 0
				break
			}
			n = n*10 + int(r-'0')
		}
		x.fail(n, d, what+" ends in "+to, cycle)
		return
	}
	if strings.HasPrefix(to, "@") {
		l := x.server.named(to)
		if l == nil {
			x.code(500, d, what+" names "+to+", which does not exist")
			return
		}
		x.out.step(d, "%s goes to %s (%s)", what, to, l.D.At())
		x.loc, x.scope, x.internal = l, l.Scope, true
		if cycle > maxCycles {
			x.code(500, d, "internal redirection cycle")
			return
		}
		x.inside(l, l.D.Block, cycle+1)
		return
	}
	v := x.eval(to)
	if !v.Known {
		x.undecided(d, what, v.Why)
		return
	}
	uri, args, q := strings.Cut(v.Text, "?")
	if q {
		x.args = args
	}
	x.redirected(d, what, uri, cycle)
}

// redirected makes an internal redirect, which goes through the rewrites of the server once more.
func (x *run) redirected(d *Directive, what, uri string, cycle int) {
	x.uri, x.changed, x.internal = uri, true, true
	x.out.step(d, "%s: internal redirect to %s", what, uri)
	x.enter(cycle + 1)
}

// fail ends with an error code unless error_page takes it up; nginx does that once.
func (x *run) fail(code int, d *Directive, why string, cycle int) {
	x.errStatus = code
	set, _ := x.scope.Array("error_page")
	for _, e := range set {
		n := len(e.Args)
		if n < 2 || x.errors > 0 || !slices.Contains(e.Args[:n-1], itoa(code)) {
			continue
		}
		x.errors++
		if why != "" {
			x.out.step(d, "%d: %s", code, why)
		}
		to := e.Args[n-1]
		if strings.HasPrefix(to, "http://") || strings.HasPrefix(to, "https://") {
			x.redirect(302, to, e, e.String())
			return
		}
		x.out.Code = code
		for _, a := range e.Args[:n-1] {
			if r, ok := strings.CutPrefix(a, "="); ok {
				// "=" alone leaves the status to what answers.
				x.errStatus, x.out.Code = 0, 0
				if n, err := strconv.Atoi(r); err == nil {
					x.errStatus = n
					x.out.step(e, "error_page answers %s", r)
				}
			}
		}
		x.jump(e, to, "error_page "+itoa(code), cycle)
		return
	}
	x.code(code, d, why)
}

// content runs the content handler of the level in force.
func (x *run) content(cycle int) {
	inner := x.scope.Inner()
	for i := len(inner.Body) - 1; i >= 0; i-- {
		d := inner.Body[i]
		switch {
		case passDirectives[d.Name] && len(d.Args) > 0:
			x.pass(d)
			return
		case handlers[d.Name] || strings.HasPrefix(d.Name, "content_by_lua"):
			x.out.Kind = Handler
			x.out.step(d, "answered by %s", d.Name)
			return
		}
	}
	// An if inside a location keeps the location's handler.
	if inner.Kind == "if" && len(x.scope) > 1 {
		outer := x.scope[len(x.scope)-2]
		if d := lastPass(outer.Body); d != nil && outer.Kind == "location" {
			x.pass(d)
			return
		}
	}
	x.static(cycle)
}

func lastPass(ds []*Directive) *Directive {
	for i := len(ds) - 1; i >= 0; i-- {
		if passDirectives[ds[i].Name] && len(ds[i].Args) > 0 {
			return ds[i]
		}
	}
	return nil
}

var handlers = map[string]bool{
	"stub_status": true, "empty_gif": true, "flv": true, "mp4": true, "perl": true, "js_content": true,
}

// filePath gives the file a URI means under root or alias.
func (x *run) filePath(uri string) (string, bool) {
	root, alias := x.scope.Value("root"), x.scope.Value("alias")
	if alias != nil && x.loc != nil {
		v := x.eval(alias.Arg(0))
		if x.loc.Kind == "" || x.loc.Kind == "^~" || x.loc.Kind == "=" {
			return v.Text + strings.TrimPrefix(uri, x.loc.Path), v.Known
		}
		return v.Text, v.Known
	}
	base := "html"
	if root != nil {
		v := x.eval(root.Arg(0))
		if !v.Known {
			return v.Text + uri, false
		}
		base = v.Text
	}
	return strings.TrimSuffix(base, "/") + uri, true
}

// static is the default handler: index for a folder, else the file.
func (x *run) static(cycle int) {
	file, ok := x.filePath(x.uri)
	if strings.HasSuffix(x.uri, "/") {
		x.index(file, cycle)
		return
	}
	x.out.Kind, x.out.Target = Static, file
	if !ok || x.req.Exists == nil {
		x.out.step(nil, "the file %s, if it exists", file)
		x.out.FileMaybe = true
		return
	}
	yes, known := x.req.Exists(file)
	switch {
	case yes:
		x.out.Code = max(x.out.Code, 200)
		x.out.step(nil, "the file %s", file)
	case known:
		if folder, ok := x.req.Exists(file + "/"); ok && folder {
			x.redirect(301, x.uri+"/", nil, file+" is a folder")
			return
		}
		x.out.Kind = Nothing
		x.fail(404, nil, file+" does not exist", cycle)
	default:
		x.out.FileMaybe = true
		x.out.step(nil, "the file %s, if it exists", file)
	}
}

func (x *run) index(folder string, cycle int) {
	names := []string{"index.html"}
	if d := x.scope.Value("index"); d != nil {
		names = d.Args
	}
	for _, n := range names {
		v := x.eval(n)
		file := path.Join(folder, v.Text)
		if strings.HasPrefix(v.Text, "/") {
			x.redirected(nil, "index", v.Text, cycle)
			return
		}
		yes, known := false, false
		if x.req.Exists != nil {
			yes, known = x.req.Exists(file)
		}
		if yes {
			x.redirected(nil, "index", x.uri+v.Text, cycle)
			return
		}
		if !known {
			x.out.Kind, x.out.Target, x.out.FileMaybe = Static, file, true
			x.out.step(nil, "index: the file %s, if it exists", file)
			return
		}
	}
	if x.autoindex() {
		x.out.Kind, x.out.Code, x.out.Target = Handler, 200, folder
		x.out.step(nil, "autoindex of %s", folder)
		return
	}
	if yes, known := x.req.Exists(folder); known && !yes {
		x.fail(404, nil, folder+" does not exist", cycle)
		return
	}
	x.fail(403, nil, "no index in "+folder, cycle)
}

func (x *run) autoindex() bool {
	d := x.scope.Value("autoindex")
	return d != nil && d.Arg(0) == "on"
}

// pass works out where a request is sent and with which URI.
func (x *run) pass(d *Directive) {
	x.out.Kind, x.out.Pass = Proxied, d
	arg := d.Args[0]
	v := x.eval(arg)
	x.out.PassURL = v
	if !v.Known {
		x.out.Unknown = append(x.out.Unknown, v.Why)
	}
	scheme, rest, found := strings.Cut(v.Text, "://")
	if !found {
		scheme, rest = "", v.Text
	}
	host, uri := splitHostURI(rest)
	x.out.PassHost = host
	x.out.Upstream = x.h.Upstreams[host]
	if x.out.Upstream == nil && scheme == "" {
		x.out.Upstream = x.h.Upstreams[v.Text]
	}
	x.out.PassURI = x.passURI(d, arg, uri)
	x.out.step(d, "%s sends %s to %s", d.Name, x.out.PassURI, v.Text)
}

func splitHostURI(rest string) (host, uri string) {
	if strings.HasPrefix(rest, "unix:") {
		// unix:/path/to.sock:/uri
		if i := strings.IndexByte(rest[5:], ':'); i >= 0 {
			return rest[:5+i], rest[5+i+1:]
		}
		return rest, ""
	}
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		return rest[:i], rest[i:]
	}
	return rest, ""
}

func (x *run) passURI(d *Directive, arg, uri string) string {
	query := ""
	if x.args != "" {
		query = "?" + x.args
	}
	vars := strings.Contains(arg, "$")
	switch {
	case d.Name != "proxy_pass":
		return x.uri + query
	case vars && uri != "":
		return uri
	case uri == "" && !x.changed:
		return x.req.URI
	case uri == "" || x.changed && !x.viaLocation():
		return x.uri + query
	case x.loc != nil && (x.loc.Kind == "" || x.loc.Kind == "=" || x.loc.Kind == "^~"):
		return uri + strings.TrimPrefix(x.uri, x.loc.Path) + query
	}
	return x.uri + query
}

// viaLocation reports that the URI, though rewritten on the way, is the one its location was found
// by, so that the location's prefix is replaced after all.
func (x *run) viaLocation() bool { return x.loc != nil && x.foundBy == x.uri }
