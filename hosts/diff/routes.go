package diff

import (
	"fmt"
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/envoy"
	"midwatch/hosts/nginx"
)

// nginxRoutes names each location by its server and path, with where it leads.
func nginxRoutes(ns []hosts.Nginx) map[string]fields {
	out := map[string]fields{}
	for _, n := range ns {
		if n.HTTP == nil {
			continue
		}
		for _, s := range n.HTTP.Servers {
			var ls []string
			for _, l := range s.Listens {
				ls = append(ls, l.String())
			}
			name := fmt.Sprintf("nginx%s %s %s", in(n.Container), s.Name(), strings.Join(ls, ","))
			add(out, name, fields{"listen": strings.Join(ls, " ")})
			locations(out, name, s.Locs)
		}
		for _, u := range n.HTTP.Upstreams {
			var ms []string
			for _, m := range u.Members {
				ms = append(ms, strings.Join(m.D.Args, " "))
			}
			out[fmt.Sprintf("nginx%s upstream %s", in(n.Container), u.Name)] = fields{"target": strings.Join(ms, ", ")}
		}
	}
	return out
}

func in(container string) string {
	if container == "" {
		return ""
	}
	return "[" + container + "]"
}

// add keeps several objects of one name apart by number.
func add(m map[string]fields, name string, f fields) {
	key := name
	for i := 2; ; i++ {
		if _, taken := m[key]; !taken {
			m[key] = f
			return
		}
		key = fmt.Sprintf("%s #%d", name, i)
	}
}

func locations(out map[string]fields, server string, ls []*nginx.Location) {
	for _, l := range ls {
		f := fields{}
		for _, d := range l.D.Block {
			switch {
			case strings.HasSuffix(d.Name, "_pass"), d.Name == "return", d.Name == "root", d.Name == "alias", d.Name == "try_files":
				f["target"] = strings.TrimSpace(f["target"] + " " + d.String())
			case d.Name == "proxy_set_header":
				f["header "+d.Arg(0)] = d.Arg(1)
			case d.Name != "location" && !d.IsBlock():
				f[d.Name] = strings.Join(d.Args, " ")
			}
		}
		add(out, server+" "+l.Label(), f)
		locations(out, server, l.Locs)
	}
}

func envoyRoutes(es []hosts.Envoy) map[string]fields {
	out := map[string]fields{}
	for _, e := range es {
		if e.Config == nil {
			continue
		}
		for _, l := range e.Config.Listeners {
			add(out, "envoy listener "+l.Name, fields{"address": fmt.Sprintf("%s:%d", l.Address, l.Port), "state": l.State.String(), "rejected": l.Error})
			for _, c := range l.Chains {
				add(out, "envoy "+l.Name+" "+c.Label(), fields{"tls": fmt.Sprint(c.TLS)})
				if c.HCM != nil && c.HCM.Route != nil {
					envoyVHosts(out, c.HCM.Route)
				}
			}
		}
		for _, rc := range e.Config.Routes {
			envoyVHosts(out, rc)
		}
		for _, c := range e.Config.Clusters {
			var eps []string
			for _, ep := range c.Endpoints {
				eps = append(eps, ep.Label())
			}
			add(out, "envoy cluster "+c.Name, fields{"target": strings.Join(sorted(eps), " "), "state": c.State.String(), "type": c.Type})
		}
	}
	return out
}

func envoyVHosts(out map[string]fields, rc *envoy.RouteConfig) {
	for _, v := range rc.VHosts {
		for i, r := range v.Routes {
			target := r.Cluster
			switch {
			case r.Redirect != nil:
				target = "redirect " + r.Redirect.Host + r.Redirect.PathRedirect
			case r.Direct != nil:
				target = fmt.Sprint("answers ", r.Direct.Status)
			case len(r.Weighted) > 0:
				target = fmt.Sprint(r.Weighted)
			}
			match := r.Match.Prefix + r.Match.Exact + r.Match.Regex + r.Match.Separated
			add(out, fmt.Sprintf("envoy route %s %s %d", rc.Name, v.Name, i), fields{"domains": strings.Join(v.Domains, " "), "match": match, "target": target, "timeout": r.Timeout})
		}
	}
}

func traefikRoutes(ts []hosts.Traefik) map[string]fields {
	out := map[string]fields{}
	for _, t := range ts {
		for _, r := range t.Routers {
			add(out, "traefik router "+r.Name, fields{"rule": r.Rule, "target": r.Service, "status": r.Status, "middlewares": strings.Join(r.Middlewares, " ")})
		}
		for _, s := range t.Services {
			var us []string
			for _, v := range s.Servers {
				us = append(us, v.URL)
			}
			add(out, "traefik service "+s.Name, fields{"target": strings.Join(sorted(us), " "), "port": fmt.Sprint(s.Port)})
		}
	}
	return out
}

func composeFiles(ps []hosts.ComposeProject) map[string]fields {
	out := map[string]fields{}
	for _, p := range ps {
		for _, f := range p.Files {
			out[f.Path] = fields{"error": f.Error, "content": f.Text}
		}
	}
	for _, f := range out {
		f["content"] = digest(f["content"])
	}
	return out
}

// nginxFiles compares configuration files line by line.
func (d *differ) nginxFiles(a, b hosts.Part[[]hosts.Nginx]) {
	if !a.Known() || !b.Known() {
		return
	}
	d.texts(filesOf(a.Value), filesOf(b.Value))
}

// texts compares files by their lines.
func (d *differ) texts(x, y map[string]string) {
	for _, name := range keys(x, y) {
		old, had := x[name]
		now, has := y[name]
		switch {
		case !had:
			d.out = append(d.out, Change{Host: d.host, Kind: "file", Object: name, Op: Added})
		case !has:
			d.out = append(d.out, Change{Host: d.host, Kind: "file", Object: name, Op: Removed})
		case old != now:
			d.lines(name, old, now)
		}
	}
}

func filesOf(ns []hosts.Nginx) map[string]string {
	out := map[string]string{}
	for _, n := range ns {
		if n.Config == nil {
			continue
		}
		for _, f := range n.Config.Files {
			out[in(n.Container)+f.Name] = string(f.Text)
		}
	}
	return out
}
