package nginxrules

import (
	"regexp"
	"strings"

	"midwatch/checks"
	"midwatch/hosts/nginx"
)

func hostSpoofing() checks.Check {
	return checks.Check{
		ID:       "nginx-host-spoofing",
		Title:    "the Host header is passed on exactly as the client wrote it",
		Area:     checks.AreaHardening,
		Severity: checks.Info,
		Why: "$http_host is not checked: where the request line holds another host, nginx chooses the server by that one and the application sees the header. " +
			"Links in mails and cached pages can be made to point elsewhere. Many applications need the port that only $http_host carries.",
		Fix:     "proxy_set_header Host $host; or $host:$server_port where the port matters.",
		Verify:  "curl -s -H 'Host: evil.example' http://HOST/ makes no link to evil.example",
		Sources: []string{"https://github.com/dvershinin/gixy/blob/master/docs/en/plugins/host_spoofing.md"},
		Eval:    checks.OnNginx(evalHostSpoofing),
	}
}

func evalHostSpoofing(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, g := range groups(passes(n), func(l level) *nginx.Directive {
		if v, d := l.header("Host"); d != nil && v == "$http_host" {
			return d
		}
		return nil
	}) {
		out = append(out, g.find(n))
	}
	return out
}

func httpSplitting() checks.Check {
	return checks.Check{
		ID:       "nginx-http-splitting",
		Title:    "a decoded path is put into a header or a redirect",
		Area:     checks.AreaHardening,
		Severity: checks.Warning,
		Why: "$uri and $document_uri are decoded: %0d%0a in the path becomes a line break, and with it a client writes headers of its own " +
			"into the answer or into the request to the application.",
		Fix:     "$request_uri in place of $uri.",
		Verify:  "curl -sI 'http://HOST/%0d%0aX-Test:%201' shows no header X-Test",
		Sources: []string{"https://github.com/dvershinin/gixy/blob/master/docs/en/plugins/http_splitting.md"},
		Eval:    checks.OnNginx(evalHTTPSplitting),
	}
}

var decoded = regexp.MustCompile(`\$\{?(uri|document_uri)\b`)

func evalHTTPSplitting(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, l := range levels(n) {
		for _, d := range l.scope.Inner().Body {
			risky := ""
			switch d.Name {
			case "return":
				if strings.HasPrefix(d.Arg(0), "30") {
					risky = d.Arg(1)
				}
			case "rewrite":
				if strings.Contains(d.Arg(1), "://") {
					risky = d.Arg(1)
				}
			case "add_header", "proxy_set_header":
				risky = d.Arg(1)
			case "proxy_pass":
				risky = d.Arg(0)
			}
			if !decoded.MatchString(risky) {
				continue
			}
			f := n.At(d, l.object())
			f.Title = d.Name + " with the decoded path"
			out = append(out, f)
		}
	}
	return out
}

func validReferersNone() checks.Check {
	return checks.Check{
		ID:       "nginx-valid-referers-none",
		Title:    "requests without a Referer pass the check of the Referer",
		Area:     checks.AreaHardening,
		Severity: checks.Info,
		Why:      "With none in valid_referers whoever sends no Referer is let through, and a page can always make a browser send none.",
		Fix:      "valid_referers without none, where the check is there to protect something.",
		Verify:   "curl -sI http://HOST/PATH without a Referer is refused",
		Sources:  []string{"https://nginx.org/en/docs/http/ngx_http_referer_module.html", "https://github.com/dvershinin/gixy/blob/master/docs/en/plugins/valid_referers.md"},
		Eval:     checks.OnNginx(evalValidReferers),
	}
}

func evalValidReferers(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, l := range levels(n) {
		for _, d := range nginx.Find(l.scope.Inner().Body, "valid_referers") {
			if among(d.Args, "none") {
				out = append(out, n.At(d, l.object()))
			}
		}
	}
	return out
}

func originsRegex() checks.Check {
	return checks.Check{
		ID:       "nginx-origins-regex",
		Title:    "a pattern for origins lets others in",
		Area:     checks.AreaHardening,
		Severity: checks.Warning,
		Why: "The pattern for Origin or Referer has no end, or a dot that stands for any character: example.com.evil.net or exampleXcom match too, " +
			"and such a page may read answers with the visitor's cookies.",
		Fix:     "^https://(www\\.)?example\\.com$ for an origin, with escaped dots; ^https://example\\.com/ for a referer.",
		Verify:  "curl -sI -H 'Origin: https://example.com.evil.net' http://HOST/ answers without Access-Control-Allow-Origin",
		Sources: []string{"https://github.com/dvershinin/gixy/blob/master/docs/en/plugins/origins.md"},
		Eval:    checks.OnNginx(evalOriginsRegex),
	}
}

func evalOriginsRegex(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	add := func(d *nginx.Directive, object, pattern string, origin bool) {
		if why := openPattern(pattern, origin); why != "" {
			f := n.At(d, object)
			f.Title = "the pattern " + pattern + " " + why
			out = append(out, f)
		}
	}
	for _, l := range levels(n) {
		in := l.scope.Inner()
		if in.Kind != "if" || len(in.Open.Args) != 3 || !strings.HasPrefix(in.Open.Args[1], "~") {
			continue
		}
		if v := in.Open.Args[0]; v == "$http_origin" || v == "$http_referer" {
			add(in.Open, l.object(), in.Open.Args[2], v == "$http_origin")
		}
	}
	for _, m := range n.HTTP.Maps {
		if m.Source != "$http_origin" && m.Source != "$http_referer" {
			continue
		}
		for _, e := range m.Entries {
			if p, ok := strings.CutPrefix(e.D.Name, "~"); ok && e.Value != "" && e.Value != "0" {
				add(e.D, "map "+m.Var, strings.TrimPrefix(p, "*"), m.Source == "$http_origin")
			}
		}
	}
	return out
}

var (
	bareDot       = regexp.MustCompile(`[a-z0-9-]\.[a-z]{2,}`)
	hostInPattern = regexp.MustCompile(`[a-z0-9]\\?\.[a-z]{2,}`)
)

// openPattern says how a pattern for an origin is open to others; "" when it is not.
func openPattern(p string, origin bool) string {
	if !hostInPattern.MatchString(p) {
		return ""
	}
	switch {
	case origin && !strings.HasSuffix(p, "$"):
		return "has no end"
	case !origin && !strings.HasSuffix(p, "$") && !strings.HasSuffix(p, "/") && !strings.Contains(p, "(/|$)"):
		return "does not end with the host"
	case bareDot.MatchString(p):
		return "has a dot that stands for any character"
	case !strings.HasPrefix(p, "^"):
		return "has no beginning"
	}
	return ""
}

func versionDisclosure() checks.Check {
	return checks.Check{
		ID:       "nginx-version-disclosure",
		Title:    "answers tell the version of nginx",
		Area:     checks.AreaHardening,
		Severity: checks.Info,
		Why:      "The header Server and the error pages name the version, which tells a scanner which faults to try.",
		Fix:      "server_tokens off; in the http block.",
		Verify:   "curl -sI http://HOST/ shows Server: nginx without a number",
		Sources:  []string{"https://nginx.org/en/docs/http/ngx_http_core_module.html#server_tokens", "https://github.com/dvershinin/gixy/blob/master/docs/en/plugins/version_disclosure.md"},
		Eval:     checks.OnNginx(evalVersionDisclosure),
	}
}

func evalVersionDisclosure(n *checks.Nginx) []checks.Finding {
	if n.HTTP.Fragment {
		return checks.NotHere("the http block is in another file")
	}
	if len(n.HTTP.Servers) == 0 {
		return checks.NotHere("no server answers anything")
	}
	set := n.HTTP.Scope.Value("server_tokens")
	if set == nil {
		for _, s := range n.HTTP.Servers {
			if s.Scope.Value("server_tokens") == nil {
				f := n.At(n.HTTP.Scope.Inner().Open, "http")
				f.Title = "answers tell the version of nginx: server_tokens is not set"
				return []checks.Finding{f}
			}
		}
		return nil
	}
	if set.Arg(0) == "off" || set.Arg(0) == "build" {
		return nil
	}
	return []checks.Finding{n.At(set, "http")}
}

func addHeaderContentType() checks.Check {
	return checks.Check{
		ID:       "nginx-add-header-content-type",
		Title:    "add_header Content-Type adds a second one",
		Area:     checks.AreaHardening,
		Severity: checks.Info,
		Why:      "add_header does not replace what is there: the answer has two Content-Type headers, and which one a client believes is its own choice.",
		Fix:      "default_type TYPE; (with types { } where the extension decides otherwise).",
		Verify:   "curl -sI http://HOST/PATH shows one Content-Type",
		Sources:  []string{"https://nginx.org/en/docs/http/ngx_http_core_module.html#default_type", "https://github.com/dvershinin/gixy/blob/master/docs/en/plugins/add_header_content_type.md"},
		Eval:     checks.OnNginx(evalAddHeaderContentType),
	}
}

func evalAddHeaderContentType(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, l := range levels(n) {
		for _, d := range nginx.Find(l.scope.Inner().Body, "add_header") {
			if strings.EqualFold(d.Arg(0), "Content-Type") && !hides(l, "Content-Type") {
				out = append(out, n.At(d, l.object()))
			}
		}
	}
	return out
}

// hides reports that the upstream's own header is taken away, so that the added one is alone.
func hides(l level, name string) bool {
	set, _ := l.scope.Array("proxy_hide_header")
	for _, d := range set {
		if strings.EqualFold(d.Arg(0), name) {
			return true
		}
	}
	return false
}
