package nginxrules

import (
	"strings"

	"midwatch/checks"
	"midwatch/hosts/nginx"
)

func setHeaderDrop() checks.Check {
	return checks.Check{
		ID:       "nginx-proxy-set-header-drop",
		Title:    "a level that sets one header loses those of the level above",
		Area:     checks.AreaForwarded,
		Severity: checks.Warning,
		Why: "proxy_set_header is inherited only by a level that has none itself: one line drops the whole outer set. " +
			"Requests of this location arrive without those headers, so the application sees another host, client or scheme there than elsewhere.",
		Fix:       "Repeat the outer lines at this level, or put the set into one file and include it at every level that sets a header.",
		Verify:    "nginx -T, then compare what the location sends with its neighbours; a request through it carries the headers again",
		Sources:   []string{"https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_set_header"},
		Diagnoses: []string{"redirect-scheme", "upgrade-header"},
		Eval:      checks.OnNginx(evalSetHeaderDrop),
	}
}

// matter are headers whose loss breaks something.
var matter = []string{"Host", "X-Real-IP", "Upgrade", "Connection", "Authorization", "Accept-Encoding", "X-Request-Id"}

func evalSetHeaderDrop(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, l := range passes(n) {
		set, dropped := l.scope.Array("proxy_set_header")
		if len(dropped) == 0 {
			continue
		}
		var lost []string
		var first *nginx.Directive
		for _, d := range dropped {
			name := d.Arg(0)
			if sets(set, name) || !matters(name) || among(lost, name) {
				continue
			}
			lost = append(lost, name)
			if first == nil {
				first = d
			}
		}
		if len(lost) == 0 {
			continue
		}
		f := n.At(set[0], l.object())
		if host, d := l.header("Host"); l.besides() || d != nil && !strings.Contains(host, "$") && !among(lost, "Host") {
			// Files and states need no headers, and somebody else's server is better off without ours.
			f.Severity = checks.Info
		}
		f.Title = "this level loses " + strings.Join(lost, ", ") + " of the level above"
		f.Evidence = append(f.Evidence, n.Line(first))
		out = append(out, f)
	}
	return out
}

func sets(set []*nginx.Directive, name string) bool {
	for _, d := range set {
		if strings.EqualFold(d.Arg(0), name) {
			return true
		}
	}
	return false
}

func among(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

func matters(name string) bool {
	return among(matter, name) || strings.HasPrefix(strings.ToLower(name), "x-forwarded-")
}
