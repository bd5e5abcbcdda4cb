package inventory

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"midwatch/hosts/config"
)

func (p *parser) docker(t *config.Table, d *Docker) {
	raw, at, ok := t.Get("docker")
	if !ok {
		return
	}
	if on, isFlag := raw.(bool); isFlag {
		d.Off = !on
		return
	}
	sub, ok := t.Sub("docker", `a table such as { socket = "/var/run/docker.sock" }, or false`)
	if !ok {
		return
	}
	d.Socket = p.path(sub, "socket", "/var/run/docker.sock")
	d.Address = sub.Str("address", "tcp://10.0.0.5:2376")
	d.CA, d.Cert, d.Key = sub.Str("ca", "~/.docker/ca.pem"), sub.Str("cert", "~/.docker/cert.pem"), sub.Str("key", "~/.docker/key.pem")
	d.Context = sub.Str("context", "production")
	d.Sudo = sub.Flag("sudo")
	sub.Done()
	ways := 0
	for _, s := range []string{d.Socket, d.Address, d.Context} {
		if s != "" {
			ways++
		}
	}
	if ways > 1 {
		p.Fault(at, at.String()+" names more than one of socket, address and context", "keep one")
	}
	if d.Address != "" {
		p.dockerAddress(at, d)
	}
	if (d.Cert == "") != (d.Key == "") {
		p.Fault(at, at.String()+" has only one of cert and key", "want both, or neither")
	}
}

func (p *parser) dockerAddress(at config.Path, d *Docker) {
	hostPort, ok := strings.CutPrefix(d.Address, "tcp://")
	if !ok {
		p.Fault(at.At("address"), fmt.Sprintf("%s is %q", at.At("address"), d.Address), `want "tcp://HOST:PORT"; a unix socket is socket = "/path"`)
		return
	}
	p.hostPort(config.Item{Text: hostPort, At: at.At("address")})
	if d.CA == "" && d.Cert == "" && !loopback(hostPort) {
		p.Fault(at, fmt.Sprintf("%s is reached without TLS", at), "an engine without TLS gives root to everyone who reaches it: want ca, cert and key, or the socket over ssh")
	}
}

func loopback(hostPort string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

func (p *parser) nginx(t *config.Table, h *Host) {
	for _, u := range t.Each("nginx", `a table such as { container = "ai_unified_frontend" }`) {
		n := Nginx{
			Binary:    u.Str("binary", "/usr/sbin/nginx"),
			Container: u.Str("container", "ai_unified_frontend"),
			Config:    p.path(u, "config", "/etc/nginx/nginx.conf"),
			Access:    p.paths(u, "access_log", "/var/log/nginx/access.log"),
			Error:     p.paths(u, "error_log", "/var/log/nginx/error.log"),
			Line:      p.Line(u.At()),
		}
		u.Done()
		if n.Binary == "" {
			n.Binary = "nginx"
		}
		h.Nginx = append(h.Nginx, n)
	}
}

func (p *parser) envoy(t *config.Table, h *Host) {
	for _, u := range t.Each("envoy", `a table such as { admin = "127.0.0.1:9901" }`) {
		e := Envoy{
			Admin:        p.endpoint(u, "admin", "127.0.0.1:9901"),
			ControlPlane: p.url(u, "control_plane", "http://127.0.0.1:8090"),
			Container:    u.Str("container", "envoy"),
			Line:         p.Line(u.At()),
		}
		if !u.Has("admin") && !u.Has("control_plane") {
			p.Missing(u.At(), u.At().String()+" names neither admin nor control_plane", `want admin = "127.0.0.1:9901"`)
		}
		u.Done()
		h.Envoy = append(h.Envoy, e)
	}
}

func (p *parser) traefik(t *config.Table, h *Host) {
	for _, u := range t.Each("traefik", `a table such as { api = "http://127.0.0.1:8080" }`) {
		tr := Traefik{
			API:         p.url(u, "api", "http://127.0.0.1:8080"),
			InsecureTLS: u.Flag("insecure_tls"),
			Container:   u.Str("container", "dokploy-traefik"),
			User:        u.Str("user", "admin"),
			Password:    p.secret(u, "password"),
			Line:        p.Line(u.At()),
		}
		if !u.Has("api") && !u.Has("container") {
			p.Missing(u.At(), u.At().String()+" names neither api nor container", `want api = "http://127.0.0.1:8080"`)
		}
		u.Done()
		h.Traefik = append(h.Traefik, tr)
	}
}

func (p *parser) dokploy(t *config.Table, h *Host) {
	for _, u := range t.Each("dokploy", `a table such as { url = "http://127.0.0.1:3000", token = { env = "DOKPLOY_API_TOKEN" } }`) {
		d := Dokploy{
			URL:      p.url(u, "url", "http://127.0.0.1:3000"),
			From:     u.Word("from", Here),
			Token:    p.secret(u, "token"),
			Projects: config.Texts(u.Strs("projects", "ai-stack-deployer-portal")),
			Line:     p.Line(u.At()),
		}
		if !u.Has("url") {
			p.Missing(u.At(), u.At().String()+" has no url", `want url = "http://127.0.0.1:3000"`)
		}
		if !u.Has("token") {
			p.Missing(u.At(), u.At().String()+" has no token", `want token = { env = "DOKPLOY_API_TOKEN" }`)
		}
		u.Done()
		h.Dokploy = append(h.Dokploy, d)
	}
}

// url reads an http or https URL. One with a password in it is refused like any secret in plain text.
func (p *parser) url(t *config.Table, key, example string) string {
	s := t.Str(key, example)
	if s == "" {
		return ""
	}
	at := t.At().At(key)
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		// The text is not repeated: it may hold a password.
		p.Fault(at, at.String()+" is no URL", fmt.Sprintf("want http:// or https:// and a host such as %q", example))
		return ""
	case u.User != nil:
		p.Fault(at, at.String()+" holds a login", "leave it out of the URL and name its source: "+secretAdvice)
		return ""
	}
	if port := u.Port(); port != "" && !validPort(port) || strings.HasSuffix(u.Host, ":") {
		p.Fault(at, fmt.Sprintf("%s has the port %q", at, port), "want 1 to 65535")
		return ""
	}
	return s
}

// endpoint reads HOST:PORT.
func (p *parser) endpoint(t *config.Table, key, example string) string {
	s := t.Str(key, example)
	if s == "" {
		return ""
	}
	p.hostPort(config.Item{Text: s, At: t.At().At(key)})
	return s
}

func (p *parser) hostPort(it config.Item) {
	host, port, err := net.SplitHostPort(it.Text)
	switch {
	case err != nil || host == "":
		p.Fault(it.At, fmt.Sprintf("%s is %q", it.At, it.Text), `want HOST:PORT such as "127.0.0.1:9901"; IPv6 addresses go in brackets`)
	case !validPort(port):
		p.Fault(it.At, fmt.Sprintf("%s has the port %q", it.At, port), "want 1 to 65535")
	}
}

func validPort(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 1 && n <= 65535 && s[0] != '+'
}

func (p *parser) ports(t *config.Table, key string) []int {
	raw, at, ok := t.Get(key)
	if !ok {
		return nil
	}
	l, ok := raw.([]any)
	if !ok {
		l = []any{raw}
	}
	var out []int
	for i, v := range l {
		n, ok := v.(int64)
		if !ok || n < 1 || n > 65535 {
			p.Fault(at.Item(i), fmt.Sprintf("%s holds %v", at, quoteText(v)), "want port numbers such as [3000, 4567]")
			continue
		}
		out = append(out, int(n))
	}
	return out
}

func quoteText(v any) string {
	if s, ok := v.(string); ok {
		return strconv.Quote(s)
	}
	return fmt.Sprint(v)
}

// path reads an absolute path on a host.
func (p *parser) path(t *config.Table, key, example string) string {
	s := t.Str(key, example)
	if s != "" && !strings.HasPrefix(s, "/") {
		p.Fault(t.At().At(key), fmt.Sprintf("%s is %q", t.At().At(key), s), fmt.Sprintf("want an absolute path such as %q", example))
	}
	return s
}

func (p *parser) paths(t *config.Table, key, example string) []string {
	items := t.Strs(key, example)
	for _, it := range items {
		if !filepath.IsAbs(it.Text) {
			p.Fault(it.At, fmt.Sprintf("%s is %q", it.At, it.Text), fmt.Sprintf("want an absolute path such as %q", example))
		}
	}
	return config.Texts(items)
}

// unitTypes are the types of systemd units a rule can be about.
var unitTypes = []string{".service", ".target", ".socket", ".timer", ".path", ".mount", ".slice", ".scope"}

// unitName checks a unit name or pattern: systemd takes a name without a type for a service, but a
// pattern without one matches nothing.
func (p *parser) unitName(it config.Item) {
	if !slices.ContainsFunc(unitTypes, func(s string) bool { return strings.HasSuffix(it.Text, s) }) {
		p.Fault(it.At, fmt.Sprintf("%s is %q, which names no type of unit", it.At, it.Text), fmt.Sprintf("want %q", it.Text+".service"))
	}
	if strings.ContainsAny(it.Text, "/ ") || strings.HasPrefix(it.Text, "-") {
		p.Fault(it.At, fmt.Sprintf("%s is %q, which is no unit name", it.At, it.Text), `want a name or pattern such as "powernode-worker@*.service"`)
	}
}

// sshAddress refuses what ssh would take for an option, and a host with a user or a port in it.
func (p *parser) sshAddress(at config.Path, s string) {
	if what, meant := addressFault(s); what != "" {
		p.Fault(at, at.String()+" "+what, meant)
	}
}

func addressFault(s string) (what, meant string) {
	if strings.HasPrefix(s, "-") || strings.ContainsAny(s, " \t/'\"`$;&|<>(){}\\") {
		return fmt.Sprintf("is %q", s), "want an IP address, a host name or an ssh alias"
	}
	if user, rest, ok := strings.Cut(s, "@"); ok {
		return "holds a user", fmt.Sprintf("want address = %q and user = %q", rest, user)
	}
	if host, port, err := net.SplitHostPort(s); err == nil {
		return "holds a port", fmt.Sprintf("want address = %q and port = %s", host, quoteNumber(port))
	}
	return "", ""
}

// quoteNumber leaves a port as it is written and quotes anything else.
func quoteNumber(s string) string {
	if validPort(s) {
		return s
	}
	return strconv.Quote(s)
}
