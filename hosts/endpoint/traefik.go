package endpoint

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/redact"
	"midwatch/hosts/traefik"
)

// traefikRaw is the evidence of one Traefik.
type traefikRaw struct {
	API         string             `json:"api,omitempty"`
	Error       string             `json:"error,omitempty"`
	RawData     json.RawMessage    `json:"rawdata,omitempty"`
	EntryPoints json.RawMessage    `json:"entrypoints,omitempty"`
	Version     json.RawMessage    `json:"version,omitempty"`
	Objects     []traefik.Labelled `json:"objects,omitempty"`
	Command     []string           `json:"command,omitempty"`
}

// TraefikTarget says where a Traefik's API is and what it wants to see; all of it may be empty.
type TraefikTarget struct {
	API       string // URL
	Container string // name; "" is one that runs an image of Traefik
	User      string // of basic authentication; "" for none
	Password  func(context.Context) (hosts.Secret, error)
	// InsecureTLS takes any certificate; the answer says so.
	InsecureTLS bool
}

// Traefik reads the API that is configured, or that a Traefik container serves on port 8080, and
// the labels that Traefik would read, which are all there is when the API is closed.
func Traefik(host string, dial Dial, target TraefikTarget, now func() time.Time) Reader {
	r := Reader{ID: CollectTraefik, Source: "GET /api/rawdata, /api/entrypoints of Traefik; labels traefik.* of containers", Every: 15 * time.Second, Ready: byContainers}
	r.Read = func(ctx context.Context, h *hosts.HostFacts) hosts.Evidence {
		at := now()
		raw, found := traefikObjects(h), false
		base := target.API
		for _, c := range h.Containers.Value {
			if c.State == "running" && (isTraefik(c) || target.Container != "" && c.Name == target.Container) {
				found = true
				raw.Command = c.Command
				if ip := addressOf(c); base == "" && ip != "" {
					base = "http://" + ip + ":8080"
				}
			}
		}
		if base == "" && !found && len(raw.Objects) == 0 {
			return evidence(host, r.ID, r.Source, at, since(now, at), []traefikRaw{}, nil)
		}
		if base != "" {
			raw.API = base
			raw.ask(ctx, dial, target)
		}
		return evidence(host, r.ID, r.Source, at, since(now, at), []traefikRaw{raw}, nil)
	}
	return r
}

func isTraefik(c hosts.Container) bool {
	name, _, _ := strings.Cut(path.Base(c.Image), ":")
	return name == "traefik"
}

func (raw *traefikRaw) ask(ctx context.Context, dial Dial, target TraefikTarget) {
	var conf *tls.Config
	if target.InsecureTLS {
		conf = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // the inventory asks for it by name
	}
	header, err := basic(ctx, target.User, target.Password)
	if err != nil {
		raw.Error = hosts.Clean(fmt.Sprintf("api %s: %v", raw.API, err))
		return
	}
	c := client(dial, conf)
	defer c.CloseIdleConnections()
	page := func(p string) json.RawMessage {
		body, err := get(ctx, c, strings.TrimSuffix(raw.API, "/")+p, header)
		if err == nil {
			body, err = redact.JSON(body)
		}
		if err != nil {
			if raw.Error == "" {
				raw.Error = hosts.Clean(fmt.Sprintf("api %s: %v", raw.API, err))
			}
			return nil
		}
		return body
	}
	if raw.RawData = page("/api/rawdata"); raw.RawData == nil {
		return
	}
	raw.EntryPoints, raw.Version = page("/api/entrypoints"), page("/api/version")
}

// traefikObjects keeps only Traefik's own labels.
func traefikObjects(h *hosts.HostFacts) traefikRaw {
	var raw traefikRaw
	add := func(name string, labels map[string]string, port int) {
		own := map[string]string{}
		for k, v := range labels {
			if strings.HasPrefix(k, "traefik.") {
				own[k] = redact.Label(k, v)
			}
		}
		if len(own) > 0 {
			raw.Objects = append(raw.Objects, traefik.Labelled{Name: name, Labels: own, Port: port})
		}
	}
	for _, c := range h.Containers.Value {
		if c.State == "running" {
			add(c.Name, c.Labels, onlyPort(c))
		}
	}
	for _, s := range h.Swarm.Value.Services {
		add(s.Name, s.Labels, 0)
	}
	return raw
}

func onlyPort(c hosts.Container) int {
	port := 0
	for _, p := range c.Ports {
		switch {
		case port == 0:
			port = int(p.ContainerPort)
		case port != int(p.ContainerPort):
			return 0
		}
	}
	return port
}

func applyTraefik(f *hosts.HostFacts, ev hosts.Evidence) {
	fill(&f.Traefik, ev, func(data []byte) ([]hosts.Traefik, error) {
		raws, err := parseJSON[[]traefikRaw](data, "evidence of Traefik")
		if err != nil {
			return nil, err
		}
		var out []hosts.Traefik
		for _, r := range raws {
			t, err := r.facts()
			if err != nil {
				return nil, err
			}
			out = append(out, *t)
		}
		return out, nil
	})
}

func (raw traefikRaw) facts() (*hosts.Traefik, error) {
	if raw.RawData == nil {
		t := traefik.FromLabels(raw.Objects, false)
		t.Error, t.EntryPoints = raw.Error, traefik.EntryPointsOf(raw.Command)
		return t, nil
	}
	t, err := traefik.ParseRawData(raw.RawData)
	if err != nil {
		return nil, err
	}
	t.From, t.Error = "api "+raw.API, raw.Error
	if raw.EntryPoints != nil {
		if t.EntryPoints, err = traefik.ParseEntryPoints(raw.EntryPoints); err != nil {
			return nil, err
		}
	}
	if raw.Version != nil {
		if t.Version, err = traefik.ParseVersion(raw.Version); err != nil {
			return nil, err
		}
	}
	return t, nil
}
