package nginxrules

import (
	"midwatch/checks"
)

func websocketHTTP10() checks.Check {
	return checks.Check{
		ID:       "nginx-websocket-http10",
		Title:    "the handshake of a WebSocket is sent on with HTTP/1.0",
		Area:     checks.AreaWebSocket,
		Severity: checks.Warning,
		Why: "nginx before 1.29.7 speaks HTTP/1.0 to the upstream unless told otherwise, and a handshake must be at least HTTP/1.1 (RFC 6455, 4.1). " +
			"Some servers answer 101 all the same, others 400 or 426.",
		Fix:       "proxy_http_version 1.1; beside the lines that set Upgrade and Connection.",
		Verify:    "curl -si -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGVzdA==' http://HOST/PATH answers 101",
		Sources:   []string{"https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_http_version", "https://www.rfc-editor.org/rfc/rfc6455#section-4.1"},
		Diagnoses: []string{"upgrade-header"},
		// The constant is the greater trouble, and its fix brings the version with it.
		After: []string{"nginx-hardcoded-connection-upgrade"},
		Eval:  checks.OnNginx(evalWebsocketHTTP10),
	}
}

func evalWebsocketHTTP10(n *checks.Nginx) []checks.Finding {
	if n.HTTP.ModernProxy() {
		return checks.NotHere("nginx " + n.HTTP.Version + " speaks HTTP/1.1 to upstreams by itself")
	}
	var out []checks.Finding
	for _, l := range passes(n) {
		up, d := l.header("Upgrade")
		if d == nil || up == "" || l.value("proxy_http_version", "1.0") != "1.0" {
			continue
		}
		if !l.connects() {
			continue
		}
		if x := l.unread(); x != nil && l.scope.Value("proxy_http_version") == nil {
			out = append(out, checks.Unsure(l.object(), "the HTTP version: "+x.Arg(0)+" ("+x.At()+") is not at hand"))
			continue
		}
		f := n.At(d, l.object())
		if v := l.scope.Value("proxy_http_version"); v != nil {
			f.Evidence = append(f.Evidence, n.Line(v))
		}
		out = append(out, f)
	}
	return out
}
