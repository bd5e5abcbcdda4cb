package nginxrules

import (
	"net/netip"
	"strings"

	"midwatch/checks"
	"midwatch/hosts/nginx"
)

func noResolver() checks.Check {
	return checks.Check{
		ID:       "nginx-variable-proxy-pass-no-resolver",
		Title:    "proxy_pass with a variable, and no resolver to look the name up",
		Area:     checks.AreaNginx,
		Severity: checks.Error,
		Why: "With a variable anywhere in proxy_pass the host is looked up for each request, first among the upstream groups and then by the resolver. " +
			"There is no resolver here: requests get 502, \"no resolver defined to resolve NAME\".",
		Fix:       "resolver 127.0.0.11 valid=10s; in the http or server block (the address of the network's own resolver), or name an upstream group.",
		Verify:    "curl -si http://HOST/PATH is not 502, and error.log has no \"no resolver defined\"",
		Sources:   []string{"https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass", "https://nginx.org/en/docs/http/ngx_http_core_module.html#resolver"},
		Diagnoses: []string{"stale-upstream-dns"},
		Eval:      checks.OnNginx(evalNoResolver),
	}
}

func evalNoResolver(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, l := range passes(n) {
		if !strings.Contains(l.pass().Arg(0), "$") || l.scope.Value("resolver") != nil {
			continue
		}
		name, by := l.lookedUp()
		if name == "" {
			continue
		}
		if d := l.unreadResolver(); d != nil {
			out = append(out, checks.Unsure(l.object(), "whether there is a resolver: "+d.Arg(0)+" ("+d.At()+") is not at hand"))
			continue
		}
		if n.HTTP.Fragment {
			out = append(out, checks.Unsure(l.object(), "whether there is a resolver for "+name+": the http block is in another file"))
			continue
		}
		f := n.At(l.pass(), l.object())
		f.Title = "no resolver looks up " + name
		for _, s := range logged(n, "no-resolver") {
			if strings.Contains(s.Line, "to resolve "+name) {
				f.Evidence = append(f.Evidence, said(n, s)...)
			}
		}
		if by != nil {
			f.Evidence = append(f.Evidence, n.Line(by))
		}
		out = append(out, f)
	}
	return out
}

// lookedUp is a name that proxy_pass can come to and that only a resolver knows, with the line it
// comes from; "" when there is none that the configuration tells.
func (l level) lookedUp() (string, *nginx.Directive) {
	_, rest, ok := strings.Cut(l.pass().Arg(0), "://")
	if ok && !strings.HasPrefix(rest, "$") {
		// The variable is in the port or the path; the host is there to read.
		host := strings.FieldsFunc(rest, func(r rune) bool { return r == ':' || r == '/' || r == '$' })
		if len(host) > 0 && !strings.HasPrefix(rest, "[") {
			return l.needsResolver(host[0]), nil
		}
		return "", nil
	}
	first := l.pass().Arg(0)
	if ok {
		first = rest
	}
	for _, v := range l.valuesOf(variable(first), 0) {
		if name := l.needsResolver(hostOf(v.text)); name != "" {
			return name, v.d
		}
	}
	return "", nil
}

// needsResolver gives the name back when it is neither an address nor an upstream group.
func (l level) needsResolver(host string) string {
	if host == "" || strings.Contains(host, "$") || strings.HasPrefix(host, "unix") || l.n.HTTP.Upstreams[host] != nil {
		return ""
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return ""
	}
	return host
}

// hostOf is the host of a URL or of "host:port".
func hostOf(s string) string {
	s = passAddress(s)
	if strings.HasPrefix(s, "[") || strings.HasPrefix(s, "unix:") {
		return s
	}
	h, _, _ := strings.Cut(s, ":")
	return h
}

// variable is the name of the variable a text begins with: "$backend" of "$backend:80/x".
func variable(s string) string {
	if !strings.HasPrefix(s, "$") {
		return ""
	}
	s = strings.NewReplacer("{", "", "}", "").Replace(s)
	end := strings.IndexFunc(s[1:], func(r rune) bool {
		return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
	if end < 0 {
		return s
	}
	return s[:end+1]
}

// valueOf is one value that a variable may have.
type valueOf struct {
	text string
	d    *nginx.Directive
}

// valuesOf lists what set and map can give a variable at a level.
func (l level) valuesOf(name string, depth int) []valueOf {
	if name == "" || depth > 8 {
		return nil
	}
	var out []valueOf
	add := func(text string, d *nginx.Directive) {
		if strings.HasPrefix(text, "$") {
			out = append(out, l.valuesOf(variable(text), depth+1)...)
			return
		}
		out = append(out, valueOf{text, d})
	}
	for _, x := range l.scope {
		for _, d := range append(nginx.Find(x.Body, "set"), inIfs(x.Body, "set")...) {
			if d.Arg(0) == name && len(d.Args) == 2 {
				add(d.Args[1], d)
			}
		}
	}
	if m := l.n.HTTP.Maps[name]; m != nil {
		add(m.Default, m.D)
		for _, e := range m.Entries {
			add(e.Value, e.D)
		}
	}
	return out
}

// inIfs finds directives in the if blocks of a body.
func inIfs(body []*nginx.Directive, name string) []*nginx.Directive {
	var out []*nginx.Directive
	for _, d := range nginx.Find(body, "if") {
		out = append(out, nginx.Find(d.Block, name)...)
	}
	return out
}

// unreadResolver is an include that could not be read and may hold the resolver, or nil.
func (l level) unreadResolver() *nginx.Directive {
	for _, x := range l.scope {
		for _, d := range inFile(l.n.Config.PerFile[x.Open.File], x.Open) {
			if d.Name == "include" && missing(l.n, d) && (strings.Contains(d.Arg(0), "resolver") || !harmless.MatchString(d.Arg(0))) {
				return d
			}
		}
	}
	return nil
}

func resolverExternal() checks.Check {
	return checks.Check{
		ID:       "nginx-resolver-external",
		Title:    "names are looked up by a resolver on the internet",
		Area:     checks.AreaHardening,
		Severity: checks.Info,
		Why: "A public resolver does not know the names of containers and of the own network: looking them up fails and the request gets 502. " +
			"Its answers also come over the open network, where they can be forged.",
		Fix:     "resolver 127.0.0.11 valid=10s; in containers, 127.0.0.53 or the network's own resolver elsewhere.",
		Verify:  "getent hosts NAME where nginx runs, and nslookup NAME RESOLVER, give the same",
		Sources: []string{"https://nginx.org/en/docs/http/ngx_http_core_module.html#resolver", "https://github.com/dvershinin/gixy/blob/master/docs/en/plugins/resolver_external.md"},
		Eval:    checks.OnNginx(evalResolverExternal),
	}
}

func evalResolverExternal(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, g := range groups(levels(n), func(l level) *nginx.Directive {
		d := l.scope.Value("resolver")
		if d == nil || publicAddress(d.Args) == "" {
			return nil
		}
		return d
	}) {
		f := n.At(g.d, "server "+g.at[0].server.Name())
		f.Title = "names are looked up by " + publicAddress(g.d.Args) + ", on the internet"
		f.Covers = nil
		for _, l := range g.at {
			if l.pass() == nil || !strings.Contains(l.pass().Arg(0), "$") {
				continue
			}
			if name, by := l.lookedUp(); name != "" && !strings.Contains(name, ".") {
				f.Severity = checks.Warning
				f.Title = publicAddress(g.d.Args) + " cannot know " + name
				f.Evidence = append(f.Evidence, n.Line(l.pass()))
				if by != nil {
					f.Evidence = append(f.Evidence, n.Line(by))
				}
				break
			}
		}
		out = append(out, f)
	}
	return out
}

// publicAddress is the first argument of resolver that is an address of the internet, or "".
func publicAddress(args []string) string {
	for _, a := range args {
		text := a
		if ap, err := netip.ParseAddrPort(a); err == nil {
			text = ap.Addr().String()
		}
		ip, err := netip.ParseAddr(strings.Trim(text, "[]"))
		if err == nil && !ip.IsPrivate() && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() && !ip.IsUnspecified() {
			return ip.String()
		}
	}
	return ""
}
