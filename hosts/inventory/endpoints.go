package inventory

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

func (p *parser) docker(t *table, d *Docker) {
	raw, at, ok := t.get("docker")
	if !ok {
		return
	}
	if on, isFlag := raw.(bool); isFlag {
		d.Off = !on
		return
	}
	sub, ok := t.sub("docker", `a table such as { socket = "/var/run/docker.sock" }, or false`)
	if !ok {
		return
	}
	d.Socket = p.path(sub, "socket", "/var/run/docker.sock")
	d.Address = sub.str("address", "tcp://10.0.0.5:2376")
	d.CA, d.Cert, d.Key = sub.str("ca", "~/.docker/ca.pem"), sub.str("cert", "~/.docker/cert.pem"), sub.str("key", "~/.docker/key.pem")
	d.Context = sub.str("context", "production")
	d.Sudo = sub.flag("sudo")
	sub.done()
	ways := 0
	for _, s := range []string{d.Socket, d.Address, d.Context} {
		if s != "" {
			ways++
		}
	}
	if ways > 1 {
		p.fault(at, at.String()+" names more than one of socket, address and context", "keep one")
	}
	if d.Address != "" {
		p.dockerAddress(at, d)
	}
	if (d.Cert == "") != (d.Key == "") {
		p.fault(at, at.String()+" has only one of cert and key", "want both, or neither")
	}
}

func (p *parser) dockerAddress(at path, d *Docker) {
	hostPort, ok := strings.CutPrefix(d.Address, "tcp://")
	if !ok {
		p.fault(at.at("address"), fmt.Sprintf("%s is %q", at.at("address"), d.Address), `want "tcp://HOST:PORT"; a unix socket is socket = "/path"`)
		return
	}
	p.hostPort(item{hostPort, at.at("address")})
	if d.CA == "" && d.Cert == "" && !loopback(hostPort) {
		p.fault(at, fmt.Sprintf("%s is reached without TLS", at), "an engine without TLS gives root to everyone who reaches it: want ca, cert and key, or the socket over ssh")
	}
}

func loopback(hostPort string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

func (p *parser) nginx(t *table, h *Host) {
	for _, u := range t.each("nginx", `a table such as { container = "ai_unified_frontend" }`) {
		n := Nginx{
			Binary:    u.str("binary", "/usr/sbin/nginx"),
			Container: u.str("container", "ai_unified_frontend"),
			Config:    p.path(u, "config", "/etc/nginx/nginx.conf"),
			Access:    p.paths(u, "access_log", "/var/log/nginx/access.log"),
			Error:     p.paths(u, "error_log", "/var/log/nginx/error.log"),
			Line:      p.line(u.at()),
		}
		u.done()
		if n.Binary == "" {
			n.Binary = "nginx"
		}
		h.Nginx = append(h.Nginx, n)
	}
}

func (p *parser) envoy(t *table, h *Host) {
	for _, u := range t.each("envoy", `a table such as { admin = "127.0.0.1:9901" }`) {
		e := Envoy{
			Admin:        p.endpoint(u, "admin", "127.0.0.1:9901"),
			ControlPlane: p.url(u, "control_plane", "http://127.0.0.1:8090"),
			Container:    u.str("container", "envoy"),
			Line:         p.line(u.at()),
		}
		if !u.has("admin") && !u.has("control_plane") {
			p.missing(u.at(), u.at().String()+" names neither admin nor control_plane", `want admin = "127.0.0.1:9901"`)
		}
		u.done()
		h.Envoy = append(h.Envoy, e)
	}
}

func (p *parser) traefik(t *table, h *Host) {
	for _, u := range t.each("traefik", `a table such as { api = "http://127.0.0.1:8080" }`) {
		tr := Traefik{
			API:         p.url(u, "api", "http://127.0.0.1:8080"),
			InsecureTLS: u.flag("insecure_tls"),
			Container:   u.str("container", "dokploy-traefik"),
			User:        u.str("user", "admin"),
			Password:    p.secret(u, "password"),
			Line:        p.line(u.at()),
		}
		if !u.has("api") && !u.has("container") {
			p.missing(u.at(), u.at().String()+" names neither api nor container", `want api = "http://127.0.0.1:8080"`)
		}
		u.done()
		h.Traefik = append(h.Traefik, tr)
	}
}

func (p *parser) dokploy(t *table, h *Host) {
	for _, u := range t.each("dokploy", `a table such as { url = "http://127.0.0.1:3000", token = { env = "DOKPLOY_API_TOKEN" } }`) {
		d := Dokploy{
			URL:      p.url(u, "url", "http://127.0.0.1:3000"),
			From:     u.word("from", Here),
			Token:    p.secret(u, "token"),
			Projects: texts(u.strs("projects", "ai-stack-deployer-portal")),
			Line:     p.line(u.at()),
		}
		if !u.has("url") {
			p.missing(u.at(), u.at().String()+" has no url", `want url = "http://127.0.0.1:3000"`)
		}
		if !u.has("token") {
			p.missing(u.at(), u.at().String()+" has no token", `want token = { env = "DOKPLOY_API_TOKEN" }`)
		}
		u.done()
		h.Dokploy = append(h.Dokploy, d)
	}
}

// url reads an http or https URL. One with a password in it is refused like any secret in plain text.
func (p *parser) url(t *table, key, example string) string {
	s := t.str(key, example)
	if s == "" {
		return ""
	}
	at := t.at().at(key)
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		// The text is not repeated: it may hold a password.
		p.fault(at, at.String()+" is no URL", fmt.Sprintf("want http:// or https:// and a host such as %q", example))
		return ""
	case u.User != nil:
		p.fault(at, at.String()+" holds a login", "leave it out of the URL and name its source: "+secretAdvice)
		return ""
	}
	if port := u.Port(); port != "" && !validPort(port) || strings.HasSuffix(u.Host, ":") {
		p.fault(at, fmt.Sprintf("%s has the port %q", at, port), "want 1 to 65535")
		return ""
	}
	return s
}

// endpoint reads HOST:PORT.
func (p *parser) endpoint(t *table, key, example string) string {
	s := t.str(key, example)
	if s == "" {
		return ""
	}
	p.hostPort(item{s, t.at().at(key)})
	return s
}

func (p *parser) hostPort(it item) {
	host, port, err := net.SplitHostPort(it.text)
	switch {
	case err != nil || host == "":
		p.fault(it.at, fmt.Sprintf("%s is %q", it.at, it.text), `want HOST:PORT such as "127.0.0.1:9901"; IPv6 addresses go in brackets`)
	case !validPort(port):
		p.fault(it.at, fmt.Sprintf("%s has the port %q", it.at, port), "want 1 to 65535")
	}
}

func validPort(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 1 && n <= 65535 && s[0] != '+'
}

func (p *parser) ports(t *table, key string) []int {
	raw, at, ok := t.get(key)
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
			p.fault(at.item(i), fmt.Sprintf("%s holds %v", at, quoteText(v)), "want port numbers such as [3000, 4567]")
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
func (p *parser) path(t *table, key, example string) string {
	s := t.str(key, example)
	if s != "" && !strings.HasPrefix(s, "/") {
		p.fault(t.at().at(key), fmt.Sprintf("%s is %q", t.at().at(key), s), fmt.Sprintf("want an absolute path such as %q", example))
	}
	return s
}

func (p *parser) paths(t *table, key, example string) []string {
	items := t.strs(key, example)
	for _, it := range items {
		if !filepath.IsAbs(it.text) {
			p.fault(it.at, fmt.Sprintf("%s is %q", it.at, it.text), fmt.Sprintf("want an absolute path such as %q", example))
		}
	}
	return texts(items)
}

// unitTypes are the types of systemd units a rule can be about.
var unitTypes = []string{".service", ".target", ".socket", ".timer", ".path", ".mount", ".slice", ".scope"}

// unitName checks a unit name or pattern: systemd takes a name without a type for a service, but a
// pattern without one matches nothing.
func (p *parser) unitName(it item) {
	if !slices.ContainsFunc(unitTypes, func(s string) bool { return strings.HasSuffix(it.text, s) }) {
		p.fault(it.at, fmt.Sprintf("%s is %q, which names no type of unit", it.at, it.text), fmt.Sprintf("want %q", it.text+".service"))
	}
	if strings.ContainsAny(it.text, "/ ") || strings.HasPrefix(it.text, "-") {
		p.fault(it.at, fmt.Sprintf("%s is %q, which is no unit name", it.at, it.text), `want a name or pattern such as "powernode-worker@*.service"`)
	}
}

// sshAddress refuses what ssh would take for an option, and a host with a user or a port in it.
func (p *parser) sshAddress(at path, s string) {
	if what, meant := addressFault(s); what != "" {
		p.fault(at, at.String()+" "+what, meant)
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
