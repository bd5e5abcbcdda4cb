package nginxrules

import (
	"time"

	"midwatch/checks"
	"midwatch/hosts/nginx"
)

func websocketIdle() checks.Check {
	return checks.Check{
		ID:       "nginx-websocket-idle-timeout",
		Title:    "a quiet WebSocket or stream is cut after a minute",
		Area:     checks.AreaWebSocket,
		Severity: checks.Info,
		Why: "proxy_read_timeout runs between two reads from the upstream, 60 seconds unless set. A WebSocket or a stream of events on which nothing is said for that long is closed. " +
			"It is no fault where the application sends a heartbeat more often.",
		Fix:       "proxy_read_timeout 1h; (and proxy_send_timeout) in the locations of WebSockets and streams, or a heartbeat well under the timeout.",
		Verify:    "an idle connection through nginx outlives 60 seconds",
		Sources:   []string{"https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout", "https://nginx.org/en/docs/http/websocket.html"},
		Diagnoses: []string{"upgrade-header", "sse-buffering"},
		Eval:      checks.OnNginx(evalWebsocketIdle),
	}
}

func evalWebsocketIdle(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, g := range groups(passes(n), func(l level) *nginx.Directive {
		d := l.scope.Value("proxy_read_timeout")
		if d != nil && nginx.Duration(d.Arg(0)) > time.Minute || !l.staysOpen() || d == nil && l.unread() != nil {
			return nil
		}
		if d == nil {
			d = l.pass()
		}
		return d
	}) {
		f := g.find(n)
		for _, l := range g.at {
			if l.webSocketOnly() {
				f.Severity = checks.Warning
			}
		}
		out = append(out, f)
	}
	return out
}

// staysOpen reports that a level is made for connections that stay open: a WebSocket, or a stream that
// is not buffered.
func (l level) staysOpen() bool {
	if l.loc == nil {
		return false
	}
	if up, d := l.header("Upgrade"); d != nil && up != "" && l.connects() {
		// Where every request is made an upgrade, that is what there is to say.
		return l.webSocketOnly() || !l.alwaysUpgrades()
	}
	for _, p := range l.paths() {
		if streamPath.MatchString(p) && !mediaPath.MatchString(p) && l.value("proxy_buffering", "on") == "off" {
			return true
		}
	}
	return false
}
