package hostrules

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"midwatch/checks"
	"midwatch/checks/compose"
	"midwatch/hosts"
)

func uvicornForwarded() checks.Check {
	return checks.Check{
		ID:       "uvicorn-forwarded-allow-ips",
		Title:    "uvicorn does not believe the proxy in front of it",
		Area:     checks.AreaForwarded,
		Severity: checks.Warning,
		Why: "uvicorn takes X-Forwarded-Proto and X-Forwarded-For only from the addresses of --forwarded-allow-ips or FORWARDED_ALLOW_IPS, 127.0.0.1 by default. " +
			"In a container the proxy comes from another address: whatever it sends, redirects and links go to http and every client has the address of the proxy.",
		Fix:    "--forwarded-allow-ips with the subnet of the proxy (a CIDR needs uvicorn 0.31), or \"*\" where the port is not published.",
		Verify: "curl -sI -H 'X-Forwarded-Proto: https' http://CONTAINER:PORT/PATH from the proxy: Location begins with https",
		Sources: []string{
			"https://www.uvicorn.org/deployment/#proxies-and-forwarded-headers", "https://www.uvicorn.org/release-notes/",
			"https://github.com/openclimatefix/quartz-api/issues/393", "https://github.com/encode/starlette/issues/538",
		},
		Diagnoses: []string{"redirect-scheme"},
		Eval:      checks.Join(checks.OnCompose(evalUvicornFile), checks.OnHost(evalUvicornHost)),
	}
}

// trust is what a command says about the proxies it believes.
type trust struct {
	server string // uvicorn, gunicorn, fastapi
	off    bool   // --no-proxy-headers
	set    bool
	ips    string
	socket bool
}

// readTrust finds a uvicorn in a command; ok is false when there is none.
func readTrust(words []string) (t trust, ok bool) {
	words = flat(words)
	for i, w := range words {
		name := path.Base(w)
		if name == "uvicorn" || name == "fastapi" && i+1 < len(words) && (words[i+1] == "run" || words[i+1] == "dev") || strings.HasPrefix(w, "uvicorn.workers.") || strings.HasPrefix(w, "uvicorn_worker.") {
			t.server, ok = name, true
		}
	}
	if !ok {
		return t, false
	}
	for i, w := range words {
		flag, value, has := strings.Cut(w, "=")
		if !has && i+1 < len(words) {
			value = words[i+1]
		}
		switch flag {
		case "--forwarded-allow-ips":
			t.set, t.ips = true, value
		case "--no-proxy-headers":
			t.off = true
		case "--uds":
			t.socket = true
		case "-b", "--bind":
			t.socket = strings.HasPrefix(value, "unix:")
		}
	}
	return t, true
}

// flat takes apart what stands in one word for a shell: sh -c "alembic upgrade head && uvicorn …".
func flat(words []string) []string {
	var out []string
	for _, w := range words {
		if strings.ContainsAny(w, " \n") {
			for _, x := range strings.Fields(w) {
				out = append(out, strings.Trim(x, `"';`))
			}
			continue
		}
		out = append(out, w)
	}
	return out
}

// fault says what is wrong with a trust, "" when nothing is.
func (t trust) fault() string {
	switch ips := strings.Split(t.ips, ","); {
	case t.off:
		return t.server + " runs with --no-proxy-headers: it ignores X-Forwarded-Proto"
	case strings.TrimSpace(t.ips) == "*":
		return ""
	case t.socket:
		return t.server + " listens on a unix socket, whose peer has no address: only \"*\" trusts it"
	case !t.set, !slices.ContainsFunc(ips, outside):
		return t.server + " believes 127.0.0.1 only, and the proxy comes from another address"
	}
	return ""
}

// outside reports an address that is not this machine's loopback.
func outside(s string) bool {
	a, err := netip.ParseAddr(strings.TrimSpace(s))
	return err != nil || !a.IsLoopback()
}

// frontends are images that stand in front of applications.
var frontends = []string{"nginx", "traefik", "envoy", "caddy", "haproxy", "apache", "httpd", "kong"}

func isFrontend(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(frontends, func(f string) bool { return strings.Contains(name, f) })
}

func evalUvicornFile(c *checks.Compose) []checks.Finding {
	var out []checks.Finding
	proxied := slices.ContainsFunc(c.Project.Services, func(s *compose.Service) bool { return isFrontend(s.Image.Str()) })
	for _, s := range c.Project.Services {
		if s.NetworkMode == "host" || strings.HasPrefix(s.NetworkMode, "service:") || strings.HasPrefix(s.NetworkMode, "container:") {
			continue // the proxy may be in the same network namespace
		}
		if c.Host != nil && inspected(c.Host, c.Deployed.Name, s.Name) {
			continue // what runs says more than the file
		}
		t, ok := readTrust(append(s.Words("entrypoint"), s.Words("command")...))
		if !ok {
			continue
		}
		if e, has := s.EnvVar("FORWARDED_ALLOW_IPS"); has && !t.set {
			t.set, t.ips = true, e.Value
			if e.Bare || e.Value == "" || masked(e.Value) {
				continue // set to something that is not told
			}
		}
		why := t.fault()
		if why == "" {
			continue
		}
		at := s.Root.Get("command")
		if at == nil {
			at = s.Root.Get("entrypoint")
		}
		f := c.At(at.Pos, "service "+s.Name)
		f.Title = why
		if !proxied {
			f.Severity = checks.Info // nobody is known to be in front
		}
		out = append(out, f)
	}
	return out
}

// masked reports a value that was taken out before it was stored.
func masked(s string) bool { return strings.Contains(s, "•") || strings.Contains(s, "REDACTED") }

func inspected(h *checks.Host, project, service string) bool {
	return slices.ContainsFunc(h.Containers.Value, func(k hosts.Container) bool {
		return k.Project == project && k.Service == service && k.Inspected && k.State == "running"
	})
}

func evalUvicornHost(h *checks.Host) []checks.Finding {
	if p := h.Part(checks.NeedContainers); !p.Known {
		return []checks.Finding{checks.Unsure("", p.Why())}
	}
	var out []checks.Finding
	proxied := len(h.Nginx.Value)+len(h.Envoy.Value)+len(h.Traefik.Value) > 0 ||
		slices.ContainsFunc(h.Containers.Value, func(k hosts.Container) bool { return isFrontend(k.Image) && k.State == "running" })
	for i := range h.Containers.Value {
		k := &h.Containers.Value[i]
		if k.State != "running" || k.NetMode == "host" || strings.HasPrefix(k.NetMode, "container:") {
			continue
		}
		t, ok := readTrust(k.Command)
		if !ok {
			continue
		}
		if !t.set && slices.Contains(k.EnvNames, "FORWARDED_ALLOW_IPS") {
			continue // set, to what is not a fact
		}
		why := t.fault()
		if why == "" {
			why = t.strangers(h, k)
		}
		if why == "" {
			continue
		}
		f := h.Find("container "+k.Name, checks.NeedContainers, fmt.Sprintf("%s: %s", k.Name, strings.Join(k.Command, " ")))
		f.Title = why
		if !proxied {
			f.Severity = checks.Info
		}
		out = append(out, f)
	}
	return out
}

// strangers compares the trusted addresses with the proxies that share a network with the container.
func (t trust) strangers(h *checks.Host, app *hosts.Container) string {
	for i := range h.Containers.Value {
		p := &h.Containers.Value[i]
		if p.State != "running" || p.ID == app.ID || !isFrontend(p.Image) {
			continue
		}
		for _, n := range p.Networks {
			if n.IP == "" || !slices.ContainsFunc(app.Networks, func(x hosts.ContainerNetwork) bool { return x.Name == n.Name }) {
				continue
			}
			if !t.trusts(n.IP) {
				return fmt.Sprintf("%s believes %s, and the proxy %s comes from %s", t.server, t.ips, p.Name, n.IP)
			}
		}
	}
	return ""
}

func (t trust) trusts(ip string) bool {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return true
	}
	for s := range strings.SplitSeq(t.ips, ",") {
		s = strings.TrimSpace(s)
		if s == ip || s == "*" {
			return true
		}
		if p, err := netip.ParsePrefix(s); err == nil && p.Contains(a) {
			return true
		}
		if _, err := netip.ParseAddr(s); err != nil && !strings.Contains(s, "/") {
			return true // a name or a path: nothing to compare
		}
	}
	return false
}
