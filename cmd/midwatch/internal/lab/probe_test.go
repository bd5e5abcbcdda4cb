//go:build lab

package lab

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// provedDocument is what the tests read of "midwatch check --probe --json".
type provedDocument struct {
	Findings []Finding
	Probes   []struct {
		Request, Verdict, Says string
		Stations               []struct {
			Host, Object, File, From, Command, Location string
			Line, Status                                int
			Culprit                                     bool
			First                                       *float64 `json:"first_byte"`
		}
	}
}

func (p *Program) prove(t *testing.T, diagnosis, url string) provedDocument {
	t.Helper()
	r := p.Run(t, "check", "--json", "--timeout", "60s", diagnosis, "--probe", url)
	var doc provedDocument
	if err := json.Unmarshal([]byte(r.Stdout), &doc); err != nil || len(doc.Probes) == 0 {
		t.Fatalf("check %s --probe %s: exit %d: %v\n%s%s", diagnosis, url, r.Exit, err, r.Stdout, r.Stderr)
	}
	return doc
}

// Live probes walk real chains: the station that brings the trouble in is named, by the line that does it,
// and what the commands print by hand is what was said.
func TestLiveProbes(t *testing.T) {
	l := Open(t)
	g := l.ground(t, "h1", "h2")
	p := l.Program(t, l.Inventory("h1", "h2")+"[edges.shop]\npublic = \"shop.test\"\nport = 8443\nhost = \"h2\"\nto = 8443\n"+
		"\n[edges.live]\npublic = \"live.test\"\nport = 8204\nhost = \"h1\"\nto = 8204\n\n[edges.feed]\npublic = \"feed.test\"\nport = 8209\nhost = \"h1\"\nto = 8209\n")
	faults := map[string]*fault{}
	for _, x := range proxyFaults() {
		faults[x.name] = x
	}
	for _, s := range []standing{faulty, sound} {
		faults["scheme"].set(t, g, s)
		faults["upgrade"].set(t, g, s)
		buffering := "on"
		if s == sound {
			buffering = "off"
		}
		g.nginx(t, "h1", "feed", fmt.Sprintf("server {\n    listen 8209;\n    server_name feed.test;\n    location /stream {\n        proxy_pass http://127.0.0.1:8203;\n        proxy_buffering %s;\n        proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto;\n    }\n}\n", buffering))
		g.reload(t)
		faults["scheme"].real(t, g, s)
		faults["upgrade"].real(t, g, s)
		Poll(t, 20*time.Second, "the stream is served", func() (bool, string) {
			out := g.sh("h1", "curl -s -m 5 -o /dev/null -w '%{http_code} %{time_starttransfer}' -H 'Host: feed.test' http://127.0.0.1:8209/stream")
			return strings.HasPrefix(out, "200 1.") == (s == faulty) && strings.HasPrefix(out, "200"), out
		})

		for _, c := range []struct{ diagnosis, url, check, file string }{
			{"redirect-scheme", "https://shop.test:8443/login", "xfp-overwritten-behind-tls-proxy", "plant-shop.conf"},
			{"upgrade-header", "http://live.test:8204/ws", "nginx-hardcoded-connection-upgrade", "plant-live.conf"},
			{"sse-buffering", "http://feed.test:8209/stream", "nginx-sse-buffered", "plant-feed.conf"},
		} {
			t.Run(s.String()+"/"+c.diagnosis, func(t *testing.T) { judgeProbes(t, g, s, p.prove(t, c.diagnosis, c.url), c.check, c.file) })
		}
	}
}

func judgeProbes(t *testing.T, g *ground, s standing, doc provedDocument, check, file string) {
	t.Helper()
	culprit := ""
	for _, probe := range doc.Probes {
		t.Logf("%s %s: %s", probe.Request, probe.Verdict, probe.Says)
		for _, x := range probe.Stations {
			t.Logf("  %s on %s: %d %s; on %s: %s", x.Object, x.Host, x.Status, x.Location, x.From, x.Command)
			if x.Culprit {
				culprit = x.File
			}
			byHand := g.sh(x.From, x.Command+" | head -1")
			if !strings.Contains(byHand, fmt.Sprint(x.Status)) {
				t.Errorf("on %s, %s\nprints %q, and %d was said", x.From, x.Command, byHand, x.Status)
			}
		}
	}
	if s == sound {
		if culprit != "" || doc.Probes[0].Verdict != "not seen" {
			t.Errorf("%s at %q: %s", doc.Probes[0].Verdict, culprit, doc.Probes[0].Says)
		}
		return
	}
	if !strings.HasSuffix(culprit, file) {
		t.Errorf("the station that brings it in is at %q, want one of %s", culprit, file)
	}
	for _, f := range doc.Findings {
		if f.Check == check && strings.HasSuffix(f.File, file) {
			if f.Severity != "error" || !strings.Contains(f.Title, "proved by ") {
				t.Errorf("found and not proved: %s", f.words())
			}
			return
		}
	}
	t.Errorf("%s is silent", check)
}
