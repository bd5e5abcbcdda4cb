package endpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"midwatch/hosts"
)

// AgentHub reads the version that a hub hands out to its agents (cortex: GET /api/v1/agent/version,
// authenticated with the hub's key).
func AgentHub(host string, dial Dial, url, header string, key func(context.Context) (hosts.Secret, error), now func() time.Time) Reader {
	r := Reader{ID: CollectAgentHub, Source: "GET " + url, Every: time.Minute}
	r.Read = func(ctx context.Context, _ *hosts.HostFacts) hosts.Evidence {
		at := now()
		secret, err := key(ctx)
		if err != nil {
			ev := evidence(host, r.ID, r.Source, at, 0, nil, fmt.Errorf("agent hub %s: %w", url, err))
			ev.Needs = "the hub's key"
			return ev
		}
		c := client(dial, nil)
		defer c.CloseIdleConnections()
		body, err := get(ctx, c, url, keyHeader(header, secret))
		if err != nil {
			return evidence(host, r.ID, r.Source, at, since(now, at), nil, fmt.Errorf("agent hub %s: %w", url, err))
		}
		return evidence(host, r.ID, r.Source, at, since(now, at), hosts.AgentHub{URL: url, Version: hubVersion(body)}, nil)
	}
	return r
}

// keyHeader carries the key in the header that is named, or as a bearer token.
func keyHeader(name string, key hosts.Secret) map[string]string {
	switch {
	case key.Empty():
		return nil
	case name == "" || strings.EqualFold(name, "Authorization"):
		return map[string]string{"Authorization": "Bearer " + key.Reveal()}
	}
	return map[string]string{name: key.Reveal()}
}

// hubVersion takes {"version":"1.2.3"} or the bare text.
func hubVersion(body []byte) string {
	var v struct {
		Version string `json:"version"`
	}
	if json.Unmarshal(body, &v) == nil && v.Version != "" {
		return hosts.CleanLine(v.Version)
	}
	text := hosts.CleanLine(strings.Trim(strings.TrimSpace(string(body)), `"`))
	if len(text) > 64 {
		text = text[:64]
	}
	return text
}

func parseAgentHub(data []byte) (hosts.AgentHub, error) {
	return parseJSON[hosts.AgentHub](data, "evidence of the agent hub")
}
