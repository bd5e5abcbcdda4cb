package nginxrules

import (
	"strings"

	"midwatch/checks"
)

func xfpMissing() checks.Check {
	return checks.Check{
		ID:       "xfp-missing-at-tls-edge",
		Title:    "TLS ends here and the application is not told",
		Area:     checks.AreaForwarded,
		Severity: checks.Warning,
		Why: "This server has the certificate, and no X-Forwarded-Proto is set for this place: the application sees plain HTTP and makes http:// links and redirects. " +
			"Whatever a client writes into the header itself is passed on, so it may as well claim anything.",
		Fix:       "proxy_set_header X-Forwarded-Proto $scheme; at the level that sets the other headers, or at the one whose lines were dropped.",
		Verify:    "curl -sI https://NAME/PATH-THAT-REDIRECTS shows a Location with https://, also with -H 'X-Forwarded-Proto: http'",
		Sources:   []string{"https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_set_header"},
		Diagnoses: []string{"redirect-scheme"},
		Eval:      checks.OnNginx(evalXFPMissing),
	}
}

func evalXFPMissing(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, l := range passes(n) {
		ssl, plain := l.tls()
		if len(ssl) == 0 || len(plain) > 0 || !l.written() || l.besides() || strings.HasPrefix(l.pass().Arg(0), "https:") {
			continue
		}
		if v, d := l.header(xfp); d != nil && v != "" {
			continue
		}
		if l.debianParams() != nil {
			continue
		}
		if d := l.unread(); d != nil {
			out = append(out, checks.Unsure(l.object(), "whether X-Forwarded-Proto is set: "+d.Arg(0)+" ("+d.At()+") is not at hand"))
			continue
		}
		f := n.At(l.pass(), l.object())
		f.Evidence = append(f.Evidence, n.Line(ssl[0].D))
		_, dropped := l.scope.Array("proxy_set_header")
		for _, d := range dropped {
			if strings.EqualFold(d.Arg(0), xfp) {
				f.Evidence = append(f.Evidence, n.Line(d))
				f.Title = "TLS ends here, and the line that tells the application is dropped by those of this level"
				break
			}
		}
		out = append(out, f)
	}
	return out
}
