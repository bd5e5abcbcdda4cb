package envoyrules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"midwatch/checks"
	"midwatch/hosts/envoy"
)

func streamTimeout() checks.Check {
	return checks.Check{
		ID:       "envoy-route-timeout-streams",
		Title:    "a route for streams ends them after a fixed time",
		Area:     checks.AreaStream,
		Severity: checks.Warning,
		Why: "The timeout of a route is 15 seconds unless something else is written, and counts for the whole answer: server-sent events and long answers are cut with 504 or a broken stream (UT). " +
			"A WebSocket needs upgrade_configs beside it, or the handshake never gets 101.",
		Fix:       "In the route: timeout: 0s and, for quiet streams, idle_timeout: 3600s. For WebSockets: upgrade_configs: [{upgrade_type: websocket}] at the connection manager or the route.",
		Verify:    "curl -sN -m 30 URL of the stream is still open after 15 seconds; a WebSocket handshake gets 101",
		Sources:   []string{docTimeouts, docUpgrades, docRoute},
		Diagnoses: []string{"sse-buffering", "upgrade-header", "envoy-route"},
		Eval:      checks.OnEnvoy(evalStreamTimeout),
	}
}

func evalStreamTimeout(e *checks.Envoy) []checks.Finding {
	var out []checks.Finding
	seen := map[string]bool{}
	for _, p := range places(e) {
		if len(clusters(p.route)) == 0 || seenBefore(seen, p.object()) {
			continue
		}
		what := strings.Join(append(clusters(p.route), p.route.Name, p.route.Match.String()), " ")
		if ws(p, what) && p.chain != nil && !p.chain.HCM.Upgrades["websocket"] && !p.route.Upgrades["websocket"] {
			f := e.At(p.route.Path, p.object(), "no upgrade_configs for websocket")
			f.Title, f.Key = "a route for WebSockets without upgrade_configs: the handshake fails", "upgrade"
			out = append(out, f)
		}
		if !oneOf(what, "stream", "/sse", "sse/", "-sse", "events", "completions") {
			continue
		}
		limit := envoy.DefaultRouteTimeout
		if p.route.Timeout != "" {
			d, err := time.ParseDuration(p.route.Timeout)
			if err != nil {
				continue
			}
			limit = d
		}
		if limit == 0 || limit > 5*time.Minute {
			continue
		}
		f := e.At(p.route.Path, p.object(), "timeout "+orText(p.route.Timeout, "not set, which is 15s"))
		f.Title = fmt.Sprintf("streams of this route end after %s", limit)
		out = append(out, f)
	}
	return out
}

// ws reports that a route is for WebSockets, by its path.
func ws(p place, what string) bool {
	m := strings.ToLower(p.route.Match.String())
	return oneOf(what, "websocket", "socket.io") || strings.HasSuffix(m, "/ws") || strings.Contains(m, "/ws/") || strings.Contains(m, "/ws ")
}

func xfpHandling() checks.Check {
	return checks.Check{
		ID:       "envoy-xfp-handling",
		Title:    "the edge believes what clients say about themselves",
		Area:     checks.AreaForwarded,
		Severity: checks.Info,
		Why: "Without use_remote_address the connection manager keeps X-Forwarded-For and X-Forwarded-Proto of the request as they come. At the edge anybody can write them: " +
			"addresses in logs and limits are what the client likes, and http may pass for https.",
		Fix:       "use_remote_address: true at the connection manager that faces the clients; xff_num_trusted_hops: N when N proxies stand before it.",
		Verify:    "curl -s -H 'X-Forwarded-Proto: http' https://NAME/ behaves as without the header",
		Sources:   []string{docHeaders, docHCM},
		Diagnoses: []string{"redirect-scheme"},
		Eval:      checks.OnEnvoy(evalXFP),
	}
}

func evalXFP(e *checks.Envoy) []checks.Finding {
	var out []checks.Finding
	seen := map[string]bool{}
	eachHCM(e, func(l *envoy.Listener, c *envoy.Chain) {
		// Chains of a mesh take connections of other proxies.
		mesh := slices.ContainsFunc(c.Match.ALPN, func(s string) bool { return strings.HasPrefix(s, "istio") }) || strings.HasPrefix(l.Name, "virtual") || strings.Contains(l.Name, "inbound") || strings.HasPrefix(l.Name, "public_listener")
		wide := l.Address == "0.0.0.0" || l.Address == "::"
		if !c.TLS || !wide || mesh || c.HCM.UseRemoteAddress || c.HCM.XFFHops > 0 || seenBefore(seen, l.Name) {
			return
		}
		f := e.At(c.HCM.Path, "listener "+l.Name, "use_remote_address is not set")
		out = append(out, f)
	})
	return out
}

func coalescing() checks.Check {
	return checks.Check{
		ID:       "envoy-h2-coalescing-404",
		Title:    "browsers reuse a connection for a host that its chain does not route",
		Area:     checks.AreaEnvoy,
		Severity: checks.Warning,
		Why: "Two chains share a certificate and speak HTTP/2, and each routes only its own hosts. A browser with a connection to one sends requests for the other over it, since the certificate covers both: " +
			"404 (NR) now and then, in browsers only; curl is fine.",
		Fix:       "One route configuration for all hosts of the certificate, or a certificate for each, or answer 421 for hosts that are not routed.",
		Verify:    "curl --http2 -si --connect-to HOST2:443:HOST1:443 https://HOST2/ is answered as HOST2 is",
		Sources:   []string{docHTTP2, issueRouting},
		Diagnoses: []string{"envoy-route"},
		Eval:      checks.OnEnvoy(evalCoalescing),
	}
}

func evalCoalescing(e *checks.Envoy) []checks.Finding {
	var out []checks.Finding
	for _, l := range e.Config.Listeners {
		for i, a := range l.Chains {
			for _, b := range l.Chains[i+1:] {
				if f, ok := coalesce(e, l, a, b); ok {
					out = append(out, f)
				}
			}
		}
	}
	return out
}

func coalesce(e *checks.Envoy, l *envoy.Listener, a, b *envoy.Chain) (checks.Finding, bool) {
	if a.HCM == nil || b.HCM == nil || !speaksH2(a) || !speaksH2(b) || len(a.Match.ServerNames) == 0 || len(b.Match.ServerNames) == 0 {
		return checks.Finding{}, false
	}
	shared := slices.IndexFunc(a.Secrets, func(s string) bool { return slices.Contains(b.Secrets, s) })
	if shared < 0 {
		return checks.Finding{}, false
	}
	ra := routesOf(e, a.HCM)
	if ra == nil || ra == routesOf(e, b.HCM) {
		return checks.Finding{}, false
	}
	for _, name := range b.Match.ServerNames {
		host := strings.Replace(name, "*", "x", 1)
		if ra.ChooseVHost(host, a.HCM, l.Port).VHost != nil {
			continue
		}
		f := e.At(a.Path, "listener "+l.Name, fmt.Sprintf("%s and %s use certificate %s", a.Label(), b.Label(), a.Secrets[shared]))
		f.Title = fmt.Sprintf("%s is not routed on connections to %s, which share its certificate", name, strings.Join(a.Match.ServerNames, ", "))
		f.Key = a.Label() + "+" + b.Label()
		return f, true
	}
	return checks.Finding{}, false
}

func speaksH2(c *envoy.Chain) bool { return c.TLS && slices.Contains(c.Offers, "h2") }
