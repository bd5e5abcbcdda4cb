package hostrules

import (
	"fmt"
	"slices"
	"strings"

	"midwatch/checks"
	"midwatch/checks/ports"
)

// portRows is the table of all ports of the fleet, joined once.
func portRows(w *checks.World) []ports.Row {
	type key struct{}
	rows, _ := w.Once(key{}, func() any { return ports.Table(w.Snapshot) }).([]ports.Row)
	return rows
}

func publishedMismatch() checks.Check {
	return checks.Check{
		ID:       "port-published-mismatch",
		Title:    "a proxy sends to a port where nothing listens",
		Area:     checks.AreaPorts,
		Severity: checks.Error,
		Why: "What is proxied there answers 502 or 503, connection refused. Often the port changed on one side only: " +
			"in the compose file and not in the proxy, or the service behind it is down.",
		Fix:       "Change the port in the proxy to the one that is published, or start what should listen there.",
		Verify:    "ss -lntp 'sport = :PORT' on the host names the service; the request gets its answer",
		Sources:   []string{"https://docs.docker.com/engine/network/port-publishing/", "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass"},
		Diagnoses: []string{"reachability", "port-collision"},
		Eval:      checks.OnFleet(func(w *checks.World) []checks.Finding { return badTargets(w, false) }),
	}
}

func loopbackPublished() checks.Check {
	return checks.Check{
		ID:        "port-loopback-only-published",
		Title:     "a proxy sends to an address on which the service does not listen",
		Area:      checks.AreaPorts,
		Severity:  checks.Error,
		Why:       "The port is there, on another address only, as with \"127.0.0.1:8080:80\" and a proxy on another host: connection refused, though the service is up and answers on the machine itself.",
		Fix:       "Publish on the address that the proxy uses, or let the proxy use the address that is published.",
		Verify:    "nc -vz ADDRESS PORT from the host of the proxy connects",
		Sources:   []string{"https://docs.docker.com/engine/network/port-publishing/"},
		Diagnoses: []string{"reachability"},
		Eval:      checks.OnFleet(func(w *checks.World) []checks.Finding { return badTargets(w, true) }),
	}
}

// badTargets looks for traffic that nothing takes: where something listens on other addresses, or where
// nothing does. Envoy has a check of its own, which knows what was meant.
func badTargets(w *checks.World, elsewhere bool) []checks.Finding {
	var out []checks.Finding
	for _, r := range portRows(w) {
		h := w.Host(r.Host)
		if h == nil || len(r.Targets) == 0 || r.Path != "" {
			continue // a unix socket has a check of its own
		}
		if p := h.Part(checks.NeedSockets); !p.Known {
			f := checks.Unsure("host "+h.Name, fmt.Sprintf("what listens on %s: %s", h.Name, p.Why()))
			f.Host = h.Name
			if !slices.ContainsFunc(out, func(x checks.Finding) bool { return x.Title == f.Title }) {
				out = append(out, f)
			}
			continue
		}
		for _, f := range r.Faults {
			if f.Kind != "nothing-listening" && f.Kind != "wrong-address" || (f.Kind == "wrong-address") != elsewhere {
				continue
			}
			for _, t := range r.Targets {
				if strings.HasPrefix(t.From, "envoy") || !strings.HasPrefix(f.Text, t.From+" on "+t.Host+" ") {
					continue
				}
				out = append(out, badTarget(w, h, r, t, f))
				break
			}
		}
	}
	return out
}

func badTarget(w *checks.World, h *checks.Host, r ports.Row, t ports.Target, fault ports.Fault) checks.Finding {
	where := fmt.Sprintf("port %d/%s", r.Port, r.Proto)
	f := h.Find(t.From, checks.NeedSockets, "no listener on "+where)
	if from := w.Host(t.Host); from != nil {
		f.Host = t.Host
	}
	f.File, f.Line, f.Path, f.Key = t.File, t.Line, t.Path, where+" "+h.Name
	f.Title = fmt.Sprintf("%s (%s of %s)", fault.Text, where, h.Name)
	f.Evidence[0].Host = h.Name
	if fault.Kind == "wrong-address" {
		f.Evidence[0].Text = where + " is bound elsewhere"
	}
	f.Evidence = append(f.Evidence, checks.Evidence{Source: t.From, Text: fmt.Sprintf("sends to %s, %s", orDash(t.Addr), where), Host: t.Host, At: w.Now})
	return f
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
