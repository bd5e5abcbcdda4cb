package nginxrules

import (
	"regexp"
	"strings"

	"midwatch/checks"
)

func hardcodedUpgrade() checks.Check {
	return checks.Check{
		ID:       "nginx-hardcoded-connection-upgrade",
		Title:    "every request is sent on with Connection: upgrade",
		Area:     checks.AreaWebSocket,
		Severity: checks.Warning,
		Why: "The constant Connection \"upgrade\" goes out with ordinary requests too, which bring no Upgrade header. " +
			"Some servers answer those with 400 (uvicorn with h11 before 0.19, Kestrel before 3.1 for requests with a body), and connections to the upstream are never kept.",
		Fix: "At the http level: map $http_upgrade $connection_upgrade { default upgrade; '' close; } " +
			"(use '' '' when the upstream has keepalive). In the location: proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;",
		Verify: "curl -si -X POST --data x http://HOST/PATH answers with the application's status and not 400; a WebSocket handshake still gets 101",
		Sources: []string{
			"https://nginx.org/en/docs/http/websocket.html",
			"https://github.com/encode/uvicorn/issues/1501",
			"https://github.com/dotnet/aspnetcore/issues/17081",
		},
		Diagnoses: []string{"upgrade-header"},
		Eval:      checks.OnNginx(evalHardcodedUpgrade),
	}
}

// wsPath is a path that names a WebSocket endpoint and serves nothing else.
var wsPath = regexp.MustCompile(`(?i)(^|[/_.-])(ws|wss|websockets?|socket\.io|sockjs|cable|webpack-hmr|hmr|signalr|hubs?)([/_.?$)|*-]|\\|$)|websocket`)

func evalHardcodedUpgrade(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, l := range passes(n) {
		raw, d := l.header("Connection")
		if d == nil || strings.Contains(raw, "$") || !hasToken(raw, "upgrade") {
			continue
		}
		f := n.At(d, l.object())
		f.Evidence = append(f.Evidence, n.Line(l.pass()))
		if wsPath.MatchString(l.path()) {
			f.Severity = checks.Info
			f.Title = "Connection: upgrade is a constant on a WebSocket path"
		}
		out = append(out, f)
	}
	return out
}

// hasToken reports that a comma list holds a word.
func hasToken(list, word string) bool {
	for t := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(t), word) {
			return true
		}
	}
	return false
}
