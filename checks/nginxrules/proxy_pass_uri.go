package nginxrules

import (
	"strings"

	"midwatch/checks"
	"midwatch/hosts/nginx"
)

func proxyPassURI() checks.Check {
	return checks.Check{
		ID:       "nginx-proxy-pass-uri",
		Title:    "location and proxy_pass differ in their last slash: paths arrive changed",
		Area:     checks.AreaNginx,
		Severity: checks.Warning,
		Why: "Where proxy_pass has a path, nginx puts it in place of the text of the location. With a slash at the end of only one of the two, " +
			"/api/users becomes //users, or /apiusers: the application answers 404.",
		Fix:     "End both with a slash or neither; or leave the path of proxy_pass away to send the request on as it is.",
		Verify:  "curl -si http://HOST/LOCATION/x; the log of the application shows the path it was asked for",
		Sources: []string{"https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass"},
		Eval:    checks.OnNginx(evalProxyPassURI),
	}
}

func evalProxyPassURI(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, l := range passes(n) {
		uri := passURI(l.pass().Arg(0))
		if uri == "" || l.loc == nil || l.rewritten() {
			continue
		}
		if l.loc.Kind == "~" || l.loc.Kind == "~*" || l.loc.Kind == "@" || l.scope.Inner().Kind == "if" {
			f := n.At(l.pass(), l.object())
			f.Severity = checks.Error
			f.Title = "proxy_pass may have no path here: nginx refuses to start"
			f.Why = "In a location by pattern, in a named location and in an if, nginx does not know which part of the path to replace (\"proxy_pass\" cannot have URI part)."
			f.Fix = "Take the path off proxy_pass and change the request's with rewrite … break;"
			out = append(out, f)
			continue
		}
		if l.loc.Kind == "=" || strings.HasSuffix(l.loc.Path, "/") == strings.HasSuffix(uri, "/") || strings.ContainsAny(uri, "?=") {
			continue
		}
		f := n.At(l.pass(), l.object())
		arrives := uri + strings.TrimPrefix(strings.TrimSuffix(l.loc.Path, "/")+"/x", l.loc.Path)
		f.Title = strings.TrimSuffix(l.loc.Path, "/") + "/x arrives as " + arrives
		f.Evidence = append(f.Evidence, n.Line(l.loc.D))
		if strings.HasPrefix(arrives, "//") {
			// Many applications take // for /.
			f.Severity = checks.Info
		}
		out = append(out, f)
	}
	return out
}

// passURI is the path of a proxy_pass without variables; "" without one.
func passURI(arg string) string {
	_, rest, ok := strings.Cut(arg, "://")
	if !ok || strings.Contains(arg, "$") {
		return ""
	}
	if sock, ok := strings.CutPrefix(rest, "unix:"); ok {
		_, uri, _ := strings.Cut(sock, ":")
		return uri
	}
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return rest[i:]
	}
	return ""
}

// rewritten reports that a rewrite … break changes the path, after which the one of proxy_pass counts
// for nothing.
func (l level) rewritten() bool {
	for _, x := range l.scope {
		for _, d := range nginx.Find(x.Body, "rewrite") {
			if d.Arg(2) == "break" {
				return true
			}
		}
	}
	return false
}
