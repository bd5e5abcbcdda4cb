package nginxrules

import (
	"strings"

	"midwatch/checks"
)

func hostNotFound() checks.Check {
	return checks.Check{
		ID:       "nginx-host-not-found-at-start",
		Title:    "nginx does not start or reload: a name cannot be resolved",
		Area:     checks.AreaNginx,
		Severity: checks.Error,
		Why: "A literal name in proxy_pass or in an upstream must resolve when nginx reads its configuration; one that does not stops it: " +
			"[emerg] host not found in upstream. The container with that name does not exist yet, or is on no network that nginx is on.",
		Fix:       "Put both on one network, correct the name, or let nginx look it up later: resolver 127.0.0.11; set $backend http://NAME:PORT; proxy_pass $backend;",
		Verify:    "nginx -t where it runs says that the test is successful",
		Sources:   []string{"https://nginx.org/en/docs/http/ngx_http_upstream_module.html#server"},
		Diagnoses: []string{"stale-upstream-dns"},
		Eval:      checks.OnHost(evalHostNotFound),
	}
}

func evalHostNotFound(h *checks.Host) []checks.Finding {
	p := h.Part(checks.NeedNginx)
	var out []checks.Finding
	if strings.Contains(p.Reason, "host not found in upstream") {
		f := refused(h, "nginx", p.Reason)
		f.Title = "nginx would not start again: " + afterEmerg(p.Reason)
		out = append(out, f)
	}
	for _, s := range h.LogSymptoms("host-not-found-in-upstream") {
		f := h.Spoken(s)
		f.Title = s.Source.Name + " did not start: " + afterEmerg(s.Line)
		out = append(out, f)
	}
	if !p.Known {
		if len(out) == 0 {
			return []checks.Finding{checks.Unsure("", p.Why())}
		}
		return out
	}
	if len(h.Nginx.Value) == 0 && len(out) == 0 {
		return checks.NotHere("no nginx here")
	}
	for i := range h.Nginx.Value {
		x := &h.Nginx.Value[i]
		if said := x.Error + x.Stale; strings.Contains(said, "host not found in upstream") {
			f := refused(h, label(x), said)
			f.Title = "nginx would not start again: " + afterEmerg(said)
			out = append(out, f)
		}
	}
	for _, n := range h.World.Nginx {
		if n.Host == h && n.HTTP != nil && n.Container != "" {
			out = append(out, unknownNames(n)...)
		}
	}
	return out
}

func afterEmerg(s string) string {
	if _, rest, ok := strings.Cut(s, "[emerg] "); ok {
		return rest
	}
	return s
}

// unknownNames finds names without a dot, which only the network of a container can know, that nothing
// on its networks has. A nginx that runs has resolved them once; it could not do it again.
func unknownNames(n *checks.Nginx) []checks.Finding {
	own := n.Host.Container(n.Container)
	if own == nil || len(own.Networks) == 0 || own.NetMode == "host" || n.Host.Engine.Value.Swarm == "active" || !n.Host.Containers.Known() {
		// Names of a swarm are known on other machines.
		return nil
	}
	var out []checks.Finding
	seen := map[string]bool{}
	for _, x := range namesOnce(n) {
		if seen[x.host] || strings.ContainsAny(x.host, ".$") {
			continue
		}
		seen[x.host] = true
		known := false
		for i := range n.Host.Containers.Value {
			c := &n.Host.Containers.Value[i]
			known = known || answersTo(c, own, x.host)
		}
		if known {
			continue
		}
		f := n.At(x.d, "upstream "+x.host)
		f.Severity = checks.Warning
		f.Title = "nothing on the networks of " + n.Container + " is called " + x.host + ": nginx will not start or reload"
		f.Evidence = append(f.Evidence, n.Host.Find("", checks.NeedContainers, "no container on "+networks(n)+" answers to "+x.host).Evidence...)
		out = append(out, f)
	}
	return out
}

func networks(n *checks.Nginx) string {
	var names []string
	for _, x := range n.Host.Container(n.Container).Networks {
		names = append(names, x.Name)
	}
	return strings.Join(names, ", ")
}
