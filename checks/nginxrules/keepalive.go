package nginxrules

import (
	"fmt"

	"midwatch/checks"
	"midwatch/hosts/nginx"
)

func keepaliveIneffective() checks.Check {
	return checks.Check{
		ID:       "nginx-keepalive-ineffective",
		Title:    "keepalive in the upstream, and no connection is kept",
		Area:     checks.AreaNginx,
		Severity: checks.Info,
		Why: "Connections to the upstream are kept only when the request goes out with HTTP/1.1 and without Connection: close. " +
			"Here each request opens a new one: more latency, and ports in TIME_WAIT under load.",
		Fix:     "proxy_http_version 1.1; proxy_set_header Connection \"\"; at every place that passes to this upstream; with fastcgi_pass: fastcgi_keep_conn on;",
		Verify:  "ss -tn state established dst ADDRESS stays the same over several requests",
		Sources: []string{"https://nginx.org/en/docs/http/ngx_http_upstream_module.html#keepalive"},
		After:   []string{"nginx-hardcoded-connection-upgrade"},
		Eval:    checks.OnNginx(evalKeepalive),
	}
}

func evalKeepalive(n *checks.Nginx) []checks.Finding {
	if n.HTTP.ModernProxy() {
		return checks.NotHere("nginx " + n.HTTP.Version + " keeps connections by itself")
	}
	var out []checks.Finding
	all := levels(n)
	for _, u := range upstreams(n) {
		keep := nginx.Last(u.D.Block, "keepalive")
		if keep == nil || keep.Arg(0) == "0" {
			continue
		}
		f := n.At(keep, "upstream "+u.Name)
		count := 0
		for _, l := range all {
			if why := l.closes(u.Name); why != nil {
				if count++; count <= 3 {
					f.Evidence = append(f.Evidence, n.Line(why))
				}
			}
		}
		if count > 0 {
			f.Title = fmt.Sprintf("keepalive %s has no effect at %d of the places that pass to %s", keep.Arg(0), count, u.Name)
			out = append(out, f)
		}
	}
	return out
}

// closes is the line of a level that passes to the upstream with a connection that is not kept, or nil.
func (l level) closes(upstream string) *nginx.Directive {
	for _, d := range l.scope.Inner().Body {
		if len(d.Args) != 1 || passAddress(d.Args[0]) != upstream {
			continue
		}
		switch d.Name {
		case "fastcgi_pass":
			if l.value("fastcgi_keep_conn", "off") != "on" {
				return d
			}
		case "proxy_pass":
			if l.webSocketOnly() || l.unread() != nil {
				return nil
			}
			_, set := l.header("Connection")
			v, known := l.sent("Connection", plainClient)
			if l.value("proxy_http_version", "1.0") == "1.0" || set == nil || known && (hasToken(v, "close") || hasToken(v, "upgrade")) {
				return d
			}
		}
	}
	return nil
}
