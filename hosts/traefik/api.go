package traefik

import (
	"encoding/json"
	"fmt"

	"midwatch/hosts"
)

// rawData is /api/rawdata.
type rawData struct {
	Routers map[string]struct {
		EntryPoints []string `json:"entryPoints"`
		Middlewares []string `json:"middlewares"`
		Service     string   `json:"service"`
		Rule        string   `json:"rule"`
		Priority    int      `json:"priority"`
		TLS         *struct {
			CertResolver string `json:"certResolver"`
		} `json:"tls"`
		Status string   `json:"status"`
		Using  []string `json:"using"`
		Error  []string `json:"error"`
	} `json:"routers"`
	Services map[string]struct {
		LoadBalancer *struct {
			Servers []struct {
				URL string `json:"url"`
			} `json:"servers"`
		} `json:"loadBalancer"`
		Status       string            `json:"status"`
		ServerStatus map[string]string `json:"serverStatus"`
	} `json:"services"`
	Middlewares map[string]map[string]json.RawMessage `json:"middlewares"`
}

// ParseRawData reads /api/rawdata.
func ParseRawData(data []byte) (*hosts.Traefik, error) {
	var raw rawData
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("traefik rawdata: %w", err)
	}
	t := &hosts.Traefik{}
	for _, name := range sorted(raw.Routers) {
		r := raw.Routers[name]
		x := hosts.Router{
			Name: name, Rule: r.Rule, Service: r.Service, Status: r.Status, EntryPoints: r.EntryPoints,
			Middlewares: r.Middlewares, Priority: r.Priority, TLS: r.TLS != nil, Errors: r.Error, Provider: provider(name),
		}
		if len(r.Using) > 0 {
			x.EntryPoints = r.Using
		}
		if r.TLS != nil {
			x.CertResolver = r.TLS.CertResolver
		}
		t.Routers = append(t.Routers, x)
	}
	for _, name := range sorted(raw.Services) {
		s := raw.Services[name]
		x := hosts.ProxyService{Name: name, Status: s.Status, Provider: provider(name)}
		if s.LoadBalancer != nil {
			for _, v := range s.LoadBalancer.Servers {
				x.Servers = append(x.Servers, hosts.ProxyServer{URL: v.URL, Status: s.ServerStatus[v.URL]})
			}
		}
		t.Services = append(t.Services, x)
	}
	for _, name := range sorted(raw.Middlewares) {
		m := hosts.Middleware{Name: name, Settings: map[string]string{}}
		for _, k := range sorted(raw.Middlewares[name]) {
			if k != "status" && k != "usedBy" && k != "error" && m.Type == "" {
				m.Type = k
			}
		}
		t.Middlewares = append(t.Middlewares, m)
	}
	return t, nil
}

func provider(name string) string {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '@' {
			return name[i+1:]
		}
	}
	return ""
}

// ParseEntryPoints reads /api/entrypoints.
func ParseEntryPoints(data []byte) ([]hosts.EntryPoint, error) {
	var raw []struct {
		Name    string `json:"name"`
		Address string `json:"address"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("traefik entrypoints: %w", err)
	}
	var out []hosts.EntryPoint
	for _, e := range raw {
		out = append(out, hosts.EntryPoint{Name: e.Name, Address: e.Address})
	}
	return out, nil
}

// ParseVersion reads /api/version.
func ParseVersion(data []byte) (string, error) {
	var v struct {
		Version string `json:"Version"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return "", fmt.Errorf("traefik version: %w", err)
	}
	return v.Version, nil
}
