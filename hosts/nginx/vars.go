package nginx

import (
	"net/url"
	"strings"
)

// Value is the text of a variable or of a string with variables, as far as it can be told.
type Value struct {
	Text  string
	Known bool
	Why   string // the variable that is not known
}

// eval expands the variables of s the way nginx does at run time. A variable that depends on what
// the configuration does not tell makes the whole value unknown; its text keeps the name.
func (x *run) eval(s string) Value {
	return x.evalDepth(s, 0)
}

// maxEval bounds maps that refer to each other.
const maxEval = 16

func (x *run) evalDepth(s string, depth int) Value {
	if !strings.Contains(s, "$") {
		return Value{Text: s, Known: true}
	}
	out := Value{Known: true}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '$' {
			b.WriteByte(s[i])
			i++
			continue
		}
		name, n := varName(s[i:])
		if name == "" {
			b.WriteByte('$')
			i++
			continue
		}
		v := x.variable(name, depth)
		if !v.Known && out.Known {
			out.Known, out.Why = false, v.Why
		}
		if v.Known {
			b.WriteString(v.Text)
		} else {
			b.WriteString("$" + name)
		}
		i += n
	}
	out.Text = b.String()
	return out
}

// varName reads "$name" or "${name}" at the start of s.
func varName(s string) (name string, n int) {
	if strings.HasPrefix(s, "${") {
		if end := strings.IndexByte(s, '}'); end > 2 {
			return s[2:end], end + 1
		}
		return "", 0
	}
	i := 1
	for i < len(s) && (s[i] == '_' || s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z' || s[i] >= '0' && s[i] <= '9') {
		i++
	}
	// $1 is one digit, whatever follows.
	if i > 2 && s[1] >= '0' && s[1] <= '9' {
		i = 2
	}
	return s[1:i], i
}

func (x *run) variable(name string, depth int) Value {
	unknown := Value{Why: "$" + name}
	if depth > maxEval {
		return unknown
	}
	if v, ok := x.caps[name]; ok {
		return Value{Text: v, Known: true}
	}
	if v, ok := x.sets[name]; ok {
		return v
	}
	if m := x.h.Maps["$"+name]; m != nil {
		src := x.evalDepth(m.Source, depth+1)
		if !src.Known {
			return Value{Why: "$" + name + " (map of " + src.Why + ")"}
		}
		text, caps, _ := m.Lookup(src.Text)
		if len(caps) > 0 {
			saved := x.caps
			x.caps = caps
			defer func() { x.caps = saved }()
		}
		return x.evalDepth(text, depth+1)
	}
	if v, ok := x.builtin(name); ok {
		return v
	}
	if len(name) == 1 && name[0] >= '0' && name[0] <= '9' {
		return Value{Known: true} // a capture that is not there is empty
	}
	return unknown
}

func (x *run) builtin(name string) (Value, bool) {
	known := func(s string) (Value, bool) { return Value{Text: s, Known: true}, true }
	r := x.req
	switch name {
	case "host":
		h := normalHost(r.Host)
		if h == "" && x.server != nil {
			h = x.server.Name()
		}
		return known(h)
	case "http_host":
		return known(r.Host)
	case "scheme":
		if r.TLS {
			return known("https")
		}
		return known("http")
	case "https":
		if r.TLS {
			return known("on")
		}
		return known("")
	case "uri", "document_uri":
		return known(x.uri)
	case "request_uri":
		return known(r.URI)
	case "args", "query_string":
		return known(x.args)
	case "is_args":
		if x.args != "" {
			return known("?")
		}
		return known("")
	case "request_method":
		return known(r.method())
	case "server_name":
		if x.server != nil && len(x.server.Names) > 0 {
			return known(x.server.Names[0].Text)
		}
		return known("")
	case "server_port":
		return known(itoa(int(r.At.Port)))
	case "server_addr":
		if r.At.Addr.IsValid() {
			return known(r.At.Addr.String())
		}
	case "document_root", "realpath_root":
		if d := x.scope.Value("root"); d != nil && len(d.Args) > 0 && !strings.Contains(d.Args[0], "$") {
			return known(d.Args[0])
		}
	case "server_protocol":
		return known("HTTP/1.1")
	case "nginx_version":
		if x.h.Version != "" {
			return known(x.h.Version)
		}
	}
	return x.prefixed(name)
}

// prefixed covers $http_NAME, $arg_NAME and $cookie_NAME.
func (x *run) prefixed(name string) (Value, bool) {
	if n, ok := strings.CutPrefix(name, "http_"); ok {
		return Value{Text: x.req.header(strings.ReplaceAll(n, "_", "-")), Known: true}, true
	}
	if n, ok := strings.CutPrefix(name, "arg_"); ok {
		for part := range strings.SplitSeq(x.args, "&") {
			k, v, _ := strings.Cut(part, "=")
			if strings.EqualFold(k, n) {
				return Value{Text: v, Known: true}, true
			}
		}
		return Value{Known: true}, true
	}
	if n, ok := strings.CutPrefix(name, "cookie_"); ok {
		for part := range strings.SplitSeq(x.req.header("Cookie"), ";") {
			k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
			if k == n {
				return Value{Text: v, Known: true}, true
			}
		}
		return Value{Known: true}, true
	}
	return Value{}, false
}

// normalURI decodes, merges slashes and resolves dot segments, which is what locations see.
// ok is false for a URI nginx answers with 400.
func normalURI(raw string, merge bool) (uri string, ok bool) {
	dec, err := url.PathUnescape(raw)
	if err != nil || strings.IndexByte(dec, 0) >= 0 || !strings.HasPrefix(dec, "/") {
		return raw, false
	}
	segs := strings.Split(dec, "/")[1:]
	var out []string
	for i, s := range segs {
		last := i == len(segs)-1
		switch {
		case s == "" && !last && merge:
		case s == ".":
			if last {
				out = append(out, "")
			}
		case s == "..":
			if len(out) == 0 {
				return raw, false
			}
			out = out[:len(out)-1]
			if last {
				out = append(out, "")
			}
		default:
			out = append(out, s)
		}
	}
	return "/" + strings.Join(out, "/"), true
}
