package nginxrules

import (
	"strings"

	"midwatch/checks"
	"midwatch/checks/live"
)

func missingUpgrade() checks.Check {
	return checks.Check{
		ID:       "nginx-websocket-missing-upgrade",
		Title:    "a WebSocket cannot be opened through here",
		Area:     checks.AreaWebSocket,
		Severity: checks.Warning,
		Why: "Upgrade and Connection belong to one hop: nginx passes neither on by itself. A handshake arrives as an ordinary request " +
			"and is answered with 400, 404 or 426, or the client falls back to polling.",
		Fix: "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; " +
			"with map $http_upgrade $connection_upgrade { default upgrade; '' close; } at the http level.",
		Verify: "curl -si -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGVzdA==' http://HOST/PATH answers 101",
		Sources: []string{
			"https://nginx.org/en/docs/http/websocket.html",
			"https://github.com/miguelgrinberg/python-socketio/discussions/686",
		},
		Diagnoses: []string{"upgrade-header"},
		Eval:      checks.OnNginx(evalMissingUpgrade),
	}
}

func evalMissingUpgrade(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, l := range passes(n) {
		up, ud := l.header("Upgrade")
		con, cd := l.header("Connection")
		named := l.namesWebSocket()
		switch {
		case ud != nil && up != "":
			v, known := l.sent("Connection", webSocket)
			if cd != nil && !known || hasToken(v, "upgrade") || cd == nil && l.unread() != nil {
				continue
			}
			f := n.At(ud, l.object())
			f.Title = "Upgrade is passed on, but Connection says " + inWords(v, con)
			if cd != nil {
				f.File, f.Line = cd.File, cd.Line
				f.Evidence = append(f.Evidence, n.Line(cd))
			} else {
				f.Title = "Upgrade is passed on, but no line sets Connection, so nginx says close"
			}
			settle(n, &f, live.UpgradeHeader, live.Handshake, l)
			out = append(out, f)
		case named:
			if d := l.unread(); d != nil {
				out = append(out, checks.Unsure(l.object(), "whether Upgrade is passed on: "+d.Arg(0)+" ("+d.At()+") is not at hand"))
				continue
			}
			f := n.At(l.pass(), l.object())
			if cd != nil {
				f.Evidence = append(f.Evidence, n.Line(cd))
			}
			settle(n, &f, live.UpgradeHeader, live.Handshake, l)
			out = append(out, f)
		}
	}
	return out
}

func inWords(value, raw string) string {
	if strings.TrimSpace(value) == "" {
		return "nothing"
	}
	if strings.Contains(raw, "$") {
		return value + " (" + raw + ")"
	}
	return value
}

// namesWebSocket reports that the path is the one of a WebSocket, beyond doubt.
func (l level) namesWebSocket() bool {
	if l.loc == nil {
		return false
	}
	for _, p := range l.paths() {
		if !wsName.MatchString(p) {
			return false
		}
	}
	return true
}
