package envoyrules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"midwatch/checks"
	"midwatch/hosts/envoy"
)

func listenerRejected() checks.Check {
	return checks.Check{
		ID:        "envoy-listener-rejected",
		Title:     "the last update of a listener was rejected",
		Area:      checks.AreaEnvoy,
		Severity:  checks.Error,
		Why:       "Envoy keeps the version before, or has no such listener at all. What was changed since then is not in force, and a restart would start without it.",
		Fix:       "Correct what the message names in what the control plane sends; the message is Envoy's own.",
		Verify:    "curl -s ADMIN/config_dump | jq '.. | .error_state? // empty' prints nothing",
		Sources:   []string{docDynamic},
		Diagnoses: []string{"envoy-route"},
		Eval:      checks.OnEnvoy(evalListenerRejected),
	}
}

func evalListenerRejected(e *checks.Envoy) []checks.Finding {
	var out []checks.Finding
	seen := map[string]bool{}
	for _, l := range e.Config.Listeners {
		if l.Error == "" || seenBefore(seen, l.Name) {
			continue
		}
		f := e.At(l.Path, "listener "+l.Name, l.Error)
		f.Title = "the last update of listener " + l.Name + " was rejected"
		out = append(out, f)
	}
	return out
}

func configStale() checks.Check {
	return checks.Check{
		ID:       "envoy-config-stale-or-rejected",
		Title:    "Envoy does not run what it should",
		Area:     checks.AreaEnvoy,
		Severity: checks.Warning,
		Why: "An update was rejected, the control plane is not connected, or a resource has been warming for minutes because something it needs does not come. " +
			"Requests follow the older configuration, or get 404 and 503 for what is new.",
		Fix:       "Read the error_state in /config_dump and correct what the control plane sends; a cluster that warms waits for its endpoints, a listener for its routes and secrets.",
		Verify:    "curl -s 'ADMIN/stats?filter=(update_rejected|control_plane.connected_state)' shows no new rejection and 1",
		Sources:   []string{docDynamic},
		Diagnoses: []string{"envoy-route"},
		Eval:      checks.OnEnvoy(evalConfigStale),
	}
}

// warmFor is how long warming is normal.
const warmFor = 2 * time.Minute

func evalConfigStale(e *checks.Envoy) []checks.Finding {
	var out []checks.Finding
	for _, c := range e.Config.Clusters {
		switch {
		case c.Error != "":
			f := e.At(c.Path, "cluster "+c.Name, c.Error)
			f.Title, f.Severity = "the last update of cluster "+c.Name+" was rejected", checks.Error
			out = append(out, f)
		case c.State == envoy.StateWarming && served(e, c.Name) == nil:
			f := e.At(c.Path, "cluster "+c.Name, "state warming")
			f.Title = "cluster " + c.Name + " is warming and serves nothing"
			out = append(out, f)
		}
	}
	for _, l := range e.Config.Listeners {
		if l.State != envoy.StateWarming {
			continue
		}
		// Without a clock to compare with, a dump says only that it was warming then.
		if since, err := time.Parse(time.RFC3339, l.LastUpdate); err == nil && !e.ReadAt.IsZero() && e.ReadAt.Sub(since) < warmFor {
			continue
		}
		f := e.At(l.Path, "listener "+l.Name, "warming since "+l.LastUpdate)
		f.Title = "listener " + l.Name + " is warming: its update is not in force"
		out = append(out, f)
	}
	if e.Facts == nil {
		return out
	}
	for _, k := range slices.Sorted(maps.Keys(e.Facts.Stats)) {
		v := e.Facts.Stats[k]
		var title string
		switch {
		case strings.HasSuffix(k, "update_rejected") && v > 0:
			title = fmt.Sprintf("%.0f updates were rejected (%s)", v, strings.TrimSuffix(k, ".update_rejected"))
		case strings.HasSuffix(k, "control_plane.connected_state") && v == 0:
			title = "the control plane is not connected"
		default:
			continue
		}
		f := e.At("/stats", "stat "+k, fmt.Sprintf("%s: %.0f", k, v))
		f.Title = title
		out = append(out, f)
	}
	return out
}

// served is the version of a cluster that serves, beside one that warms.
func served(e *checks.Envoy, name string) *envoy.Cluster {
	if c := e.Config.Cluster(name); c != nil && c.State.Serves() {
		return c
	}
	return nil
}

func noFilterChain() checks.Check {
	return checks.Check{
		ID:       "envoy-no-filter-chain",
		Title:    "connections match no filter chain",
		Area:     checks.AreaEnvoy,
		Severity: checks.Info,
		Why: "A TLS connection whose server name no chain has, or one without a server name, is closed in the handshake when there is no default_filter_chain. " +
			"The client sees a reset and no status. Scanners that come by IP address count here too.",
		Fix:       "Add the name to server_names of the chain that is meant, or give the listener a default_filter_chain.",
		Verify:    "openssl s_client -connect HOST:PORT -servername NAME shows a certificate; the counter no_filter_chain_match stands still",
		Sources:   []string{docChain},
		Diagnoses: []string{"envoy-route"},
		Eval:      checks.OnEnvoy(evalNoFilterChain),
	}
}

func evalNoFilterChain(e *checks.Envoy) []checks.Finding {
	if e.Facts == nil {
		return checks.NotHere("a dump does not count connections")
	}
	var out []checks.Finding
	for _, k := range slices.Sorted(maps.Keys(e.Facts.Stats)) {
		if v := e.Facts.Stats[k]; strings.HasSuffix(k, "no_filter_chain_match") && v > 0 {
			f := e.At("/stats", "listener "+strings.TrimSuffix(strings.TrimPrefix(k, "listener."), ".no_filter_chain_match"), fmt.Sprintf("%s: %.0f", k, v))
			f.Title = fmt.Sprintf("%.0f connections matched no filter chain", v)
			out = append(out, f)
		}
	}
	return out
}
