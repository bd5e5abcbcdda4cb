package nginxrules

import (
	"midwatch/checks"
	"midwatch/hosts/nginx"
)

func xfpPassthrough() checks.Check {
	return checks.Check{
		ID:       "xfp-passthrough-note",
		Title:    "X-Forwarded-Proto goes through as it comes: good behind a proxy that sets it",
		Area:     checks.AreaForwarded,
		Severity: checks.Info,
		Why: "This plain server sets no X-Forwarded-Proto, so nginx passes on what the request brings. Behind Envoy or another proxy that sets the header this is right. " +
			"Where clients reach this port themselves they can claim https.",
		Fix:       "Nothing, behind a proxy that overwrites the header. Else close the port to clients, or set the header here.",
		Verify:    "curl -sI -H 'X-Forwarded-Proto: https' http://HOST:PORT/PATH-THAT-REDIRECTS shows a Location with https://",
		Sources:   []string{"https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass_request_headers"},
		Diagnoses: []string{"redirect-scheme"},
		Eval:      checks.OnNginx(evalXFPPassthrough),
	}
}

func evalXFPPassthrough(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	seen := map[*nginx.Server]bool{}
	for _, l := range passes(n) {
		ssl, plain := l.tls()
		if seen[l.server] || len(plain) == 0 || len(ssl) > 0 || !l.written() || l.besides() || l.sendsPlainAway() {
			continue
		}
		if _, d := l.header(xfp); d != nil || l.unread() != nil {
			continue
		}
		seen[l.server] = true
		f := n.At(l.pass(), "server "+l.server.Name())
		f.Evidence = append(f.Evidence, n.Line(plain[0].D))
		out = append(out, f)
	}
	return out
}
