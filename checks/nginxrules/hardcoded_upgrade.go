package nginxrules

import (
	"strings"

	"midwatch/checks"
	"midwatch/checks/live"
	"midwatch/hosts/nginx"
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

func evalHardcodedUpgrade(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, only := range []bool{false, true} {
		for _, g := range groups(passes(n), func(l level) *nginx.Directive {
			_, d := l.header("Connection")
			if d == nil || !l.alwaysUpgrades() || l.webSocketOnly() != only {
				return nil
			}
			return d
		}) {
			f := g.find(n)
			up, d := g.at[0].header("Upgrade")
			switch {
			case only:
				f.Severity = checks.Info
				f.Title = "Connection: upgrade is a constant on a WebSocket path"
				f.Key = "websocket"
			case d != nil && up != "" && !strings.Contains(up, "$"):
				// Most servers refuse a request that asks for a WebSocket and is none.
				f.Severity = checks.Error
				f.Title = "every request is sent on as a WebSocket handshake"
				f.Evidence = append(f.Evidence, n.Line(d))
			}
			for _, x := range g.at[0].jumpers() {
				f.Evidence = append(f.Evidence, n.Line(x.loc.D))
			}
			if !only {
				refusals(n, &f)
			}
			settle(n, &f, live.UpgradeHeader, live.Ordinary, g.at...)
			if m := unusedMap(n); m != nil {
				f.Evidence = append(f.Evidence, n.Line(m.D))
			}
			out = append(out, f)
		}
	}
	return out
}

// refusals raises a finding where an application of the host says that it refuses such requests.
func refusals(n *checks.Nginx, f *checks.Finding) {
	for _, s := range n.Host.LogSymptoms("upgrade-refused") {
		f.Severity = checks.Error
		f.Title = "every request is sent on with Connection: upgrade, and " + s.Source.Name + " refuses requests"
		f.Evidence = append(f.Evidence, said(n, s)...)
	}
}

// alwaysUpgrades reports that a request without an Upgrade header is sent on with Connection: upgrade.
func (l level) alwaysUpgrades() bool {
	v, known := l.sent("Connection", plainClient)
	return known && hasToken(v, "upgrade")
}

// unusedMap is a map from $http_upgrade that no header uses: the right thing, forgotten.
func unusedMap(n *checks.Nginx) *nginx.Map {
	for name, m := range n.HTTP.Maps {
		if m.Source != "$http_upgrade" {
			continue
		}
		used := false
		for _, l := range passes(n) {
			v, _ := l.header("Connection")
			used = used || v == name
		}
		if !used {
			return m
		}
	}
	return nil
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
