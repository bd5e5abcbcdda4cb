package live

import (
	"strings"
	"testing"
	"time"

	"midwatch/checks/trace"
	"midwatch/hosts"
)

// A way is split where a proxy sends the request on; every station is asked for the same, and what only
// nginx would add is left out.
func TestStations(t *testing.T) {
	t.Parallel()
	way := &trace.Trace{URL: "https://shop.test/login", Hops: []trace.Hop{
		{Kind: "dns", Object: "shop.test"},
		{Kind: "port", Host: "edge", Object: "10.0.0.2:443", Ask: &trace.Ask{From: "edge", Network: "tcp", Address: "10.0.0.2:443", TLS: true, SNI: "shop.test", Host: "shop.test", URI: "/login"}},
		{Kind: "server", Host: "edge", Object: "shop.test", File: "/etc/nginx/edge.conf", Line: 1, Ask: &trace.Ask{From: "edge", Network: "tcp", Address: "127.0.0.1:443", TLS: true, SNI: "shop.test", Host: "shop.test", URI: "/login"}},
		{Kind: "location", Host: "edge", Object: "/", File: "/etc/nginx/edge.conf", Line: 5},
		{Kind: "upstream", Host: "edge", Object: "http://10.0.0.1:8202", File: "/etc/nginx/edge.conf", Line: 6},
		{Kind: "unit", Host: "h1", Object: "app.service", Ask: &trace.Ask{
			From: "h1", Network: "unix", Address: "/run/app.sock", Host: "shop.test", URI: "/login",
			Headers: map[string]string{"Connection": "upgrade", "X-Forwarded-Proto": "http", "Authorization": hosts.Dots},
		}},
		{Kind: "process", Host: "h1", Object: "app"},
	}}
	probes, err := Probes(RedirectScheme, way.URL)
	if err != nil || len(probes) != 1 {
		t.Fatal(probes, err)
	}
	list := probes[0].Stations(way)
	if len(list) != 2 {
		t.Fatalf("%d stations", len(list))
	}
	edge, app := list[0], list[1]
	if edge.Asked.Kind != "server" || edge.Asked.Host != "edge" || !edge.Asked.Passes("/etc/nginx/edge.conf", 5) || len(edge.Ask) != 2 || edge.Ask[0].Address != "127.0.0.1:443" {
		t.Errorf("%+v", edge)
	}
	if want := "curl -si -m 5 -k --connect-to ::127.0.0.1:443 https://shop.test/login"; edge.Asked.Command != want {
		t.Errorf("%s", edge.Asked.Command)
	}
	if want := "curl -si -m 5 --unix-socket /run/app.sock -H 'X-Forwarded-Proto: https' http://shop.test/login"; app.Asked.Command != want {
		t.Errorf("%s\nwant %s", app.Asked.Command, want)
	}
	if app.Asked.Kind != "unit" || app.Asked.Station != 1 || app.Ask[0].Method != "GET" {
		t.Errorf("%+v", app)
	}
}

func TestProbes(t *testing.T) {
	t.Parallel()
	for _, d := range Diagnoses() {
		list, err := Probes(d, "https://a.test/x")
		if err != nil || len(list) == 0 {
			t.Error(d, err)
		}
		for _, p := range list {
			if !trace.Safe(p.Question.Method) {
				t.Errorf("%s would ask with %s", d, p.Question.Method)
			}
		}
	}
	for _, bad := range [][2]string{{RedirectScheme, "http://a.test/"}, {RedirectScheme, "/login"}, {"disk-inodes", "https://a.test/"}} {
		if _, err := Probes(bad[0], bad[1]); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	at := func(diagnosis, variant string, answers ...hosts.Asked) Proof {
		for i := range answers {
			answers[i].Diagnosis, answers[i].Variant, answers[i].URL, answers[i].Station = diagnosis, variant, "https://a.test/x", i
			answers[i].Object = string(rune('a' + i))
			if answers[i].Kind == "" {
				answers[i].Kind = "server"
			}
		}
		list := Judge(answers)
		if len(list) != 1 {
			t.Fatalf("%d proofs", len(list))
		}
		return list[0]
	}
	to := func(l string) hosts.Asked { return hosts.Asked{Status: 302, Location: l} }
	code := func(n int) hosts.Asked { return hosts.Asked{Status: n} }
	stream := func(first, took time.Duration) hosts.Asked {
		return hosts.Asked{Status: 200, ContentType: "text/event-stream", First: first, Took: took}
	}
	const lost, kept = "http://a.test/y", "https://a.test/y"
	for name, c := range map[string]struct {
		p       Proof
		verdict Verdict
		station string
	}{
		"the middle loses it":            {at(RedirectScheme, "", to(lost), to(lost), to(kept)), Proved, "b"},
		"the outermost loses it":         {at(RedirectScheme, "", to(lost), to(kept), to(kept)), Proved, "a"},
		"the application does":           {at(RedirectScheme, "", to(lost), to(lost)), Proved, "b"},
		"one behind cannot be asked":     {at(RedirectScheme, "", to(lost), hosts.Asked{Err: "refused"}), Proved, "a"},
		"https is kept":                  {at(RedirectScheme, "", to(kept), to(lost)), NotSeen, ""},
		"a relative one keeps it":        {at(RedirectScheme, "", to("/y")), NotSeen, ""},
		"another site's http":            {at(RedirectScheme, "", to("http://b.test/")), Unclear, ""},
		"no redirect":                    {at(RedirectScheme, "", code(200), code(200)), Unclear, ""},
		"posts are refused by the proxy": {at(UpgradeHeader, Ordinary, code(400), code(404)), Proved, "a"},
		"by the application itself":      {at(UpgradeHeader, Ordinary, code(400), code(400)), Unclear, ""},
		"a WebSocket is stopped":         {at(UpgradeHeader, Handshake, code(426), code(101)), Proved, "a"},
		"a WebSocket comes through":      {at(UpgradeHeader, Handshake, code(101), code(101)), NotSeen, ""},
		"a WebSocket wants a login":      {at(UpgradeHeader, Handshake, code(401), code(401)), Unclear, ""},
		"a stream is held":               {at(SSEBuffering, "", stream(3*time.Second, 3*time.Second), stream(time.Millisecond, 3*time.Second)), Proved, "a"},
		"a stream is held to the end":    {at(SSEBuffering, "", hosts.Asked{Err: "no answer within 5s"}, stream(time.Millisecond, 5*time.Second)), Proved, "a"},
		"a stream comes":                 {at(SSEBuffering, "", stream(time.Millisecond, 3*time.Second), stream(time.Millisecond, 3*time.Second)), NotSeen, ""},
		"no stream":                      {at(SSEBuffering, "", hosts.Asked{Status: 200, ContentType: "text/html", First: 2 * time.Second}), Unclear, ""},
		"a slow application":             {at(SSEBuffering, "", stream(3*time.Second, 3*time.Second), stream(3*time.Second, 3*time.Second)), Unclear, ""},
		"Envoy has no route":             {at(EnvoyRoute, "", hosts.Asked{Kind: "listener", Status: 404, Server: "envoy"}), Proved, "a"},
		"the application has none":       {at(EnvoyRoute, "", hosts.Asked{Kind: "listener", Status: 404, Server: "envoy", Upstream: true}, code(404)), NotSeen, ""},
	} {
		station := ""
		if c.p.At != nil {
			station = c.p.At.Object
		}
		if c.p.Verdict != c.verdict || station != c.station || strings.TrimSpace(c.p.Says) == "" {
			t.Errorf("%s: %s at %q (%s), want %s at %q", name, c.p.Verdict, station, c.p.Says, c.verdict, c.station)
		}
	}
}
