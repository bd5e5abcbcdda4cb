package nginxrules

import (
	"net/netip"
	"regexp"
	"strings"

	"midwatch/checks"
	"midwatch/hosts"
	"midwatch/hosts/nginx"
)

func staleDNS() checks.Check {
	return checks.Check{
		ID:       "nginx-stale-upstream-dns",
		Title:    "a name is looked up once, when nginx starts",
		Area:     checks.AreaNginx,
		Severity: checks.Info,
		Why: "nginx resolves names in proxy_pass and in upstream blocks when it reads its configuration, and never again. " +
			"A container that is made again gets another address: requests fail with 502, or reach whoever has the old address now, until nginx is reloaded. " +
			"A resolver line alone changes nothing. It matters little where everything restarts together or the name stands for a fixed address.",
		Fix: "resolver 127.0.0.11 valid=10s; set $backend http://NAME:PORT; proxy_pass $backend; " +
			"(with a variable nginx does not replace the path of the location: add a rewrite), " +
			"or since 1.27.3: upstream { zone NAME 64k; server NAME:PORT resolve; } with a resolver. At once: nginx -s reload",
		Verify: "recreate the container behind it: requests are answered without a reload of nginx",
		Sources: []string{
			"https://nginx.org/en/docs/http/ngx_http_upstream_module.html#resolve",
			"https://github.com/langgenius/dify/issues/40808",
			"https://github.com/NginxProxyManager/nginx-proxy-manager/issues/5602",
		},
		Diagnoses: []string{"stale-upstream-dns"},
		Eval:      checks.OnNginx(evalStaleDNS),
	}
}

// namedOnce is a host name that nginx resolves when it starts.
type namedOnce struct {
	host string
	d    *nginx.Directive
}

func evalStaleDNS(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	at := map[string]int{}
	for _, x := range namesOnce(n) {
		if i, ok := at[x.host]; ok {
			if len(out[i].Evidence) < 4 {
				out[i].Evidence = append(out[i].Evidence, n.Line(x.d))
			}
			continue
		}
		at[x.host] = len(out)
		f := n.At(x.d, "upstream "+x.host)
		f.Title = x.host + " is looked up once, when nginx starts"
		proveStale(n, x.host, &f)
		out = append(out, f)
	}
	return out
}

// namesOnce lists the names of a configuration that nginx resolves when it starts, in the order of the
// files.
func namesOnce(n *checks.Nginx) []namedOnce {
	var out []namedOnce
	add := func(address string, d *nginx.Directive) {
		if h := hostName(n, address); h != "" {
			out = append(out, namedOnce{h, d})
		}
	}
	for _, u := range upstreams(n) {
		for _, m := range u.Members {
			if !m.Resolve {
				add(m.Address, m.D)
			}
		}
	}
	seen := map[*nginx.Directive]bool{}
	for _, l := range levels(n) {
		for _, d := range l.scope.Inner().Body {
			if strings.HasSuffix(d.Name, "_pass") && len(d.Args) == 1 && !seen[d] {
				seen[d] = true
				add(passAddress(d.Args[0]), d)
			}
		}
	}
	return out
}

// passAddress is what a pass directive names: "host:port" without scheme and path.
func passAddress(arg string) string {
	if _, rest, ok := strings.Cut(arg, "://"); ok {
		arg = rest
	}
	if strings.HasPrefix(arg, "unix:") {
		return arg
	}
	addr, _, _ := strings.Cut(arg, "/")
	return addr
}

// template is a variable of the template a configuration is made from, not of nginx: it stands for
// fixed text once nginx reads it.
var template = regexp.MustCompile(`^\$(\{[A-Z][A-Z0-9_]*\}|[A-Z][A-Z0-9_]*)`)

// hostName is the name in an address that has to be resolved at start, or "".
func hostName(n *checks.Nginx, address string) string {
	if strings.HasPrefix(address, "unix:") || n.HTTP.Upstreams[address] != nil {
		return ""
	}
	if strings.Contains(address, "$") {
		name := template.FindString(address)
		if name == "" || n.HTTP.Maps[name] != nil || isSet(n, name) {
			return ""
		}
		return name
	}
	host := address
	if i := strings.LastIndexByte(host, ':'); i > 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	host = strings.Trim(host, "[]")
	if _, err := netip.ParseAddr(host); err == nil || host == "" || host == "localhost" {
		return ""
	}
	return host
}

// isSet reports that some set defines the variable.
func isSet(n *checks.Nginx, name string) bool {
	for _, l := range levels(n) {
		for _, d := range nginx.Find(l.scope.Inner().Body, "set") {
			if d.Arg(0) == name {
				return true
			}
		}
	}
	return false
}

// proveStale raises a finding where the facts of the host say more: the container with that name, and
// whether it is younger than the nginx that looked it up.
func proveStale(n *checks.Nginx, host string, f *checks.Finding) {
	if n.Host == nil || n.Container == "" {
		return
	}
	own := n.Host.Container(n.Container)
	if own == nil {
		return
	}
	for i := range n.Host.Containers.Value {
		c := &n.Host.Containers.Value[i]
		if c.Name == own.Name || !answersTo(c, own, host) {
			continue
		}
		if c.Labels["com.docker.swarm.service.name"] != "" {
			// The name of a service of Swarm stands for a virtual address that stays.
			continue
		}
		f.Severity = checks.Warning
		if !c.Started.IsZero() && !own.Started.IsZero() && c.Created.After(own.Started) {
			// nginx may have been reloaded since; that leaves no mark in the facts.
			f.Title = host + " was made again after nginx looked it up"
			seen := n.Host.Find("", checks.NeedContainers, "container "+c.Name+" created "+c.Created.UTC().Format("2006-01-02 15:04:05Z")+
				", nginx "+own.Name+" started "+own.Started.UTC().Format("2006-01-02 15:04:05Z"))
			f.Evidence = append(f.Evidence, seen.Evidence...)
		}
	}
}

// answersTo reports that a container is what a name means in a network that both are in.
func answersTo(c, from *hosts.Container, name string) bool {
	for _, a := range c.Networks {
		for _, b := range from.Networks {
			if a.Name != b.Name {
				continue
			}
			if c.Name == name || c.Service == name {
				return true
			}
			for _, x := range a.Aliases {
				if x == name {
					return true
				}
			}
		}
	}
	return false
}
