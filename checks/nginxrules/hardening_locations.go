package nginxrules

import (
	"regexp"
	"strings"

	"midwatch/checks"
	"midwatch/hosts/nginx"
)

func ifIsEvil() checks.Check {
	return checks.Check{
		ID:       "nginx-if-is-evil",
		Title:    "an if in a location holds more than return, rewrite and set",
		Area:     checks.AreaHardening,
		Severity: checks.Info,
		Why: "An if makes an anonymous location of its own. Directives beside it are not always inherited into it, and only one of several ifs counts for the content: " +
			"requests that match behave in ways the file does not show.",
		Fix:     "return, rewrite … last and set in an if; anything else in a location of its own, reached by error_page or a map.",
		Verify:  "ask for a URL that matches the condition, and compare headers and answer",
		Sources: []string{"https://www.nginx.com/resources/wiki/start/topics/depth/ifisevil/", "https://github.com/dvershinin/gixy/blob/master/docs/en/plugins/if_is_evil.md"},
		Eval:    checks.OnNginx(evalIfIsEvil),
	}
}

// safeInIf are directives that an if in a location holds without surprises.
var safeInIf = []string{"return", "rewrite", "set", "break", "if", "limit_rate", "access_log", "error_log", "internal"}

func evalIfIsEvil(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, l := range levels(n) {
		if l.loc == nil || l.scope.Inner().Kind != "if" {
			continue
		}
		for _, d := range l.scope.Inner().Body {
			if among(safeInIf, d.Name) && (d.Name != "rewrite" || d.Arg(2) != "break") {
				continue
			}
			f := n.At(d, l.object())
			f.Title = d.Name + " in an if of a location"
			f.Evidence = append(f.Evidence, n.Line(l.scope.Inner().Open))
			out = append(out, f)
			break
		}
	}
	return out
}

func aliasTraversal() checks.Check {
	return checks.Check{
		ID:       "nginx-alias-traversal",
		Title:    "files beside the folder of an alias can be read",
		Area:     checks.AreaHardening,
		Severity: checks.Warning,
		Why: "The location has no slash at its end and the alias has one: /files../secret becomes FOLDER/../secret, " +
			"and files of the folder above are served.",
		Fix:     "location /files/ { alias /folder/; }: a slash at the end of both.",
		Verify:  "curl -s --path-as-is http://HOST/LOCATION../ answers 404",
		Sources: []string{"https://nginx.org/en/docs/http/ngx_http_core_module.html#alias", "https://github.com/dvershinin/gixy/blob/master/docs/en/plugins/alias_traversal.md"},
		Eval:    checks.OnNginx(evalAliasTraversal),
	}
}

func evalAliasTraversal(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, l := range levels(n) {
		if l.loc == nil || l.scope.Inner().Kind != "location" || l.loc.Kind != "" && l.loc.Kind != "^~" {
			continue
		}
		d := nginx.Last(l.loc.D.Block, "alias")
		if d == nil || strings.HasSuffix(l.loc.Path, "/") || !strings.HasSuffix(d.Arg(0), "/") {
			continue
		}
		f := n.At(d, l.object())
		f.Evidence = append(f.Evidence, n.Line(l.loc.D))
		out = append(out, f)
	}
	return out
}

func addHeaderDrop() checks.Check {
	return checks.Check{
		ID:       "nginx-add-header-drop",
		Title:    "a level that adds one header of the answer loses the security headers above it",
		Area:     checks.AreaHardening,
		Severity: checks.Info,
		Why:      "add_header is inherited only by a level that has none itself. Answers from here go out without the outer headers that protect pages.",
		Fix:      "Repeat them here, or keep them in one file that every level with an add_header includes; since 1.29.3: add_header_inherit merge;",
		Verify:   "curl -sI http://HOST/PATH shows the headers",
		Sources:  []string{"https://nginx.org/en/docs/http/ngx_http_headers_module.html#add_header", "https://github.com/dvershinin/gixy/blob/master/docs/en/plugins/add_header_redefinition.md"},
		Eval:     checks.OnNginx(evalAddHeaderDrop),
	}
}

// protective are headers of an answer that browsers act on.
var protective = []string{
	"Strict-Transport-Security", "Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options",
	"Referrer-Policy", "Permissions-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy",
}

func evalAddHeaderDrop(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, l := range levels(n) {
		own := nginx.Find(l.scope.Inner().Body, "add_header")
		if len(own) == 0 || l.value("add_header_inherit", "on") == "merge" {
			continue
		}
		_, dropped := l.scope.Array("add_header")
		var lost []string
		var first *nginx.Directive
		for _, d := range dropped {
			if among(protective, d.Arg(0)) && !sets(own, d.Arg(0)) && !among(lost, d.Arg(0)) {
				lost = append(lost, d.Arg(0))
				if first == nil {
					first = d
				}
			}
		}
		if len(lost) == 0 {
			continue
		}
		f := n.At(own[0], l.object())
		f.Title = "answers from here go out without " + strings.Join(lost, ", ")
		f.Evidence = append(f.Evidence, n.Line(first))
		out = append(out, f)
	}
	return out
}

func allowWithoutDeny() checks.Check {
	return checks.Check{
		ID:       "nginx-allow-without-deny",
		Title:    "allow lines, and everybody else is let in as well",
		Area:     checks.AreaHardening,
		Severity: checks.Warning,
		Why:      "Rules of access are read in order, and who matches none is let in. Without a deny the allow lines restrict nobody.",
		Fix:      "deny all; after the allow lines.",
		Verify:   "curl -si from an address that is not listed answers 403",
		Sources:  []string{"https://nginx.org/en/docs/http/ngx_http_access_module.html", "https://github.com/dvershinin/gixy/blob/master/docs/en/plugins/allow_without_deny.md"},
		Eval:     checks.OnNginx(evalAllowWithoutDeny),
	}
}

func evalAllowWithoutDeny(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, l := range levels(n) {
		body := l.scope.Inner().Body
		allow := nginx.Last(body, "allow")
		if allow == nil || allow.Arg(0) == "all" || nginx.Last(body, "deny") != nil {
			continue
		}
		// With satisfy any the addresses are let in without a password: that is their meaning.
		if l.value("satisfy", "all") == "any" || l.unread() != nil {
			continue
		}
		out = append(out, n.At(allow, l.object()))
	}
	return out
}

var fromRequest = regexp.MustCompile(`^\$(arg_|http_|cookie_|request_uri|uri|document_uri|args|query_string|[0-9])`)

func ssrf() checks.Check {
	return checks.Check{
		ID:       "nginx-ssrf",
		Title:    "a client chooses which server nginx asks",
		Area:     checks.AreaHardening,
		Severity: checks.Warning,
		Why: "The host in proxy_pass comes from the request: its path, a parameter, a header. " +
			"Whoever can reach this location reaches whatever nginx can reach, the metadata service and internal ports among it.",
		Fix:     "internal; where only nginx itself uses the location; else a map from what is allowed to upstream groups.",
		Verify:  "curl with another host in that place answers 4xx",
		Sources: []string{"https://github.com/dvershinin/gixy/blob/master/docs/en/plugins/ssrf.md"},
		Eval:    checks.OnNginx(evalSSRF),
	}
}

func evalSSRF(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, l := range passes(n) {
		if l.loc != nil && (l.loc.Kind == "@" || nginx.Last(l.loc.D.Block, "internal") != nil) {
			continue
		}
		arg := l.pass().Arg(0)
		if _, rest, ok := strings.Cut(arg, "://"); ok {
			arg = rest
		}
		v := variable(arg)
		by := chosenByClient(l, v, 0)
		if by == "" {
			continue
		}
		f := n.At(l.pass(), l.object())
		f.Title = "the server that nginx asks comes from " + by
		out = append(out, f)
	}
	return out
}

// chosenByClient is the part of the request that decides a variable as a whole, or "".
func chosenByClient(l level, v string, depth int) string {
	if v == "" || depth > 4 {
		return ""
	}
	if v == "$host" || v == "$http_host" {
		// A forwarding proxy; limited to the names of the server unless those are anything.
		if named(l.server) {
			return ""
		}
		return v
	}
	if fromRequest.MatchString(v) {
		return v
	}
	for _, x := range l.scope {
		for _, d := range nginx.Find(x.Body, "set") {
			if d.Arg(0) != v || len(d.Args) != 2 {
				continue
			}
			to := d.Args[1]
			if _, rest, ok := strings.Cut(to, "://"); ok {
				to = rest
			}
			if by := chosenByClient(l, variable(to), depth+1); by != "" {
				return by
			}
		}
	}
	return ""
}
