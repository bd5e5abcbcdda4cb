package nginxrules

import (
	"strconv"
	"strings"

	"midwatch/checks"
	"midwatch/hosts/nginx"
)

func obsoleteSSLOn() checks.Check {
	return checks.Check{
		ID:       "nginx-obsolete-ssl-on",
		Title:    "ssl on; is gone since nginx 1.25.1",
		Area:     checks.AreaTLS,
		Severity: checks.Warning,
		Why:      "The directive ssl was deprecated in 1.15.0 and removed in 1.25.1: after an upgrade nginx says unknown directive \"ssl\" and does not start.",
		Fix:      "listen 443 ssl; in place of listen 443; ssl on;",
		Verify:   "nginx -t",
		Sources:  []string{"https://nginx.org/en/docs/http/ngx_http_ssl_module.html#ssl", "https://nginx.org/en/CHANGES"},
		Eval:     checks.OnNginx(evalObsoleteSSLOn),
	}
}

func evalObsoleteSSLOn(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	seen := map[*nginx.Directive]bool{}
	for _, l := range levels(n) {
		d := l.scope.Value("ssl")
		if d == nil || seen[d] || l.loc != nil {
			continue
		}
		seen[d] = true
		f := n.At(d, "server "+l.server.Name())
		f.Title = "ssl " + d.Arg(0) + "; is gone since nginx 1.25.1"
		if atLeast(n.HTTP.Version, 1, 25, 1) {
			f.Severity = checks.Error
			f.Title = "nginx " + n.HTTP.Version + " does not know ssl " + d.Arg(0) + ";"
		}
		out = append(out, f)
	}
	return out
}

// atLeast compares a version of nginx; an unknown one is not.
func atLeast(version string, want ...int) bool {
	parts := strings.Split(version, ".")
	for i, w := range want {
		if i >= len(parts) {
			return false
		}
		v, err := strconv.Atoi(parts[i])
		if err != nil {
			return false
		}
		if v != w {
			return v > w
		}
	}
	return true
}
