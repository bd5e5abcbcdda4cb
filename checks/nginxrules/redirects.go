package nginxrules

import (
	"fmt"
	"strings"

	"midwatch/checks"
	"midwatch/hosts/nginx"
)

func selfRedirect() checks.Check {
	return checks.Check{
		ID:       "nginx-self-redirect-scheme",
		Title:    "redirects that nginx makes itself go to http:// and to its own port",
		Area:     checks.AreaForwarded,
		Severity: checks.Warning,
		Why: "Behind a proxy that ends TLS, nginx makes absolute redirects from what it sees itself: http, and the port it listens on. " +
			"A path without its last slash, return with a path, and rewrite … redirect send the browser to http://NAME:8002/path/.",
		Fix:       "absolute_redirect off; in the server (redirects carry the path alone then); or port_in_redirect off; and return with $http_x_forwarded_proto.",
		Verify:    "curl -sI -H 'Host: NAME' http://HOST:PORT/PATH-WITHOUT-SLASH shows a Location that begins with /",
		Sources:   []string{"https://nginx.org/en/docs/http/ngx_http_core_module.html#absolute_redirect"},
		Diagnoses: []string{"redirect-scheme"},
		Eval:      checks.OnNginx(evalSelfRedirect),
	}
}

func evalSelfRedirect(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	told := map[*nginx.Server]bool{}
	for _, l := range levels(n) {
		ssl, plain := l.tls()
		if told[l.server] || len(ssl) > 0 || len(plain) == 0 || !l.written() || l.value("absolute_redirect", "on") == "off" {
			continue
		}
		d, what := l.redirects()
		if d == nil {
			continue
		}
		f := n.At(d, "server "+l.server.Name())
		before := fronts(n, l.server)
		hint := l.knowsScheme(n)
		switch {
		case len(before) > 0:
			f.Evidence = append(f.Evidence, before[0].evidence)
		case hint != nil:
			f.Severity = checks.Info
			f.Evidence = append(f.Evidence, n.Line(hint))
		default:
			continue
		}
		told[l.server] = true
		name := l.server.Name()
		if !named(l.server) {
			name = "NAME"
		}
		f.Title = what + " goes to http://" + name
		if p := plain[0].Port; p != 80 && l.value("port_in_redirect", "on") == "on" {
			f.Title += fmt.Sprintf(":%d", p)
		}
		out = append(out, f)
	}
	return out
}

// redirects is a line of a level that makes nginx answer with a redirect to itself, and what triggers it.
func (l level) redirects() (*nginx.Directive, string) {
	body := l.scope.Inner().Body
	for _, d := range body {
		switch {
		case d.Name == "return" && len(d.Args) == 2 && strings.HasPrefix(d.Args[0], "30") && strings.HasPrefix(d.Args[1], "/"):
			return d, "return " + d.Args[1]
		case d.Name == "rewrite" && len(d.Args) == 3 && (d.Args[2] == "redirect" || d.Args[2] == "permanent") && (strings.HasPrefix(d.Args[1], "/") || strings.HasPrefix(d.Args[1], "$1")):
			return d, "rewrite " + d.Args[0]
		case strings.HasSuffix(d.Name, "_pass") && l.loc != nil && (l.loc.Kind == "" || l.loc.Kind == "^~") && strings.HasSuffix(l.loc.Path, "/") && l.loc.Path != "/" && !l.slashless():
			return d, strings.TrimSuffix(l.loc.Path, "/")
		}
	}
	return nil, ""
}

// slashless reports that another location takes the path without its last slash.
func (l level) slashless() bool {
	bare := strings.TrimSuffix(l.loc.Path, "/")
	return takesPath(l.server.Locs, bare)
}

func takesPath(locs []*nginx.Location, path string) bool {
	for _, x := range locs {
		if x.Path == path || takesPath(x.Locs, path) {
			return true
		}
	}
	return false
}

// knowsScheme is a line of the server that says that TLS ends in front, or nil.
func (l level) knowsScheme(n *checks.Nginx) *nginx.Directive {
	if d := l.hintOfTLS(); d != nil && d.Name != "real_ip_header" {
		return d
	}
	if line := behindTLS(n, l.server); line > 0 {
		return &nginx.Directive{File: l.server.D.File, Line: line}
	}
	if v, d := l.header(xfp); d != nil && (v == "https" || strings.Contains(v, "$http_x_forwarded_proto") || n.HTTP.Maps[v] != nil && n.HTTP.Maps[v].Source == "$http_x_forwarded_proto") {
		return d
	}
	return nil
}

func invalidName() checks.Check {
	return checks.Check{
		ID:       "nginx-redirect-to-invalid-name",
		Title:    "a redirect goes to a name that is none",
		Area:     checks.AreaNginx,
		Severity: checks.Error,
		Why:      "$server_name is the first name of the server as it is written, and here that is no host name: browsers are sent to https://_/ or to a pattern.",
		Fix:      "$host in place of $server_name, or the real name first in server_name.",
		Verify:   "curl -sI -H 'Host: NAME' http://HOST/ shows a Location with the name that was asked for",
		Sources:  []string{"https://nginx.org/en/docs/http/ngx_http_core_module.html#var_server_name"},
		Diagnoses: []string{
			"redirect-scheme",
		},
		Eval: checks.OnNginx(evalInvalidName),
	}
}

func evalInvalidName(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, l := range levels(n) {
		first := ""
		if len(l.server.Names) > 0 {
			first = l.server.Names[0].Text
		}
		if first != "" && first != "_" && !strings.HasPrefix(first, "~") && !strings.Contains(first, "*") && !strings.HasPrefix(first, ".") {
			continue
		}
		for _, d := range l.scope.Inner().Body {
			to := ""
			switch {
			case d.Name == "return" && len(d.Args) == 2:
				to = d.Args[1]
			case d.Name == "rewrite":
				to = d.Arg(1)
			}
			if !strings.Contains(to, "://$server_name") && !strings.Contains(to, "://${server_name}") {
				continue
			}
			f := n.At(d, l.object())
			f.Title = "the redirect goes to " + strings.NewReplacer("${server_name}", first, "$server_name", first).Replace(to)
			if len(l.server.Names) > 0 {
				f.Evidence = append(f.Evidence, n.Line(l.server.Names[0].D))
			}
			out = append(out, f)
		}
	}
	return out
}
