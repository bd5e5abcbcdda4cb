package trace

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/envoy"
)

// envoyListener follows the connection into an Envoy.
func (w *walker) envoyListener(place where, e *hosts.Envoy, l *envoy.Listener, idle []*envoy.Listener, addr netip.Addr, port uint16) {
	host := place.h.Host.Name
	ask := w.ask(host, "tcp", dialAddr(addr, port))
	if place.c != nil && containerIP(place.c).IsValid() {
		ask.Address = fmt.Sprintf("%s:%d", containerIP(place.c), port)
	}
	if l == nil {
		x := idle[0]
		w.add(Hop{
			Kind: "listener", Host: host, Object: x.Name, Path: x.Path, Status: Broken, Ask: ask,
			Detail: fmt.Sprintf("the listener is %s%s: the connection is refused", x.State, rejected(x.Error)),
		})
		return
	}
	hop := Hop{
		Kind: "listener", Host: host, Object: l.Name, Path: l.Path, Target: fmt.Sprintf("%s:%d", l.Address, l.Port), Match: "listens on " + l.Address + fmt.Sprintf(":%d", l.Port), Ask: ask,
		Detail: strings.TrimPrefix(rejected(l.Error), ", "),
	}
	w.add(hop)
	choice := l.ChooseChain(w.connection(addr, port))
	if choice.Chain == nil {
		st, detail := Broken, choice.Why
		if choice.Unknown != "" {
			st, detail = Unknown, "cannot be decided: "+choice.Why
		}
		w.add(Hop{Kind: "filter chain", Host: host, Object: orText(w.r.sni, "no server name"), Path: l.Path + ".filter_chains", Status: st, Detail: detail, Match: choice.Why, Ask: ask})
		return
	}
	c := choice.Chain
	chain := Hop{Kind: "filter chain", Host: host, Object: c.Label(), Path: c.Path, Match: choice.Why}
	switch {
	case w.r.tls && !c.TLS && c.HCM != nil:
		chain.Status, chain.Detail = Broken, "TLS is sent to a chain that does not end it: Envoy answers 400 or closes"
	case !w.r.tls && c.TLS:
		chain.Status, chain.Detail = Broken, "plain HTTP is sent to a chain that expects TLS: the handshake fails"
	case len(c.Match.ServerNames) > 0 && !l.Inspector && w.r.tls:
		chain.Detail = "server_names without the TLS inspector: Envoy adds it with a warning"
	}
	if d := w.certificate(e, c); d != "" {
		chain.Detail = strings.TrimPrefix(chain.Detail+"; "+d, "; ")
	}
	w.add(chain)
	if chain.Status == Broken {
		return
	}
	if c.HCM == nil {
		w.tcpProxy(place, e, c)
		return
	}
	w.envoyHTTP(place, e, l, c)
}

func rejected(err string) string {
	if err == "" {
		return ""
	}
	return ", its last update was rejected: " + err
}

// certificate says how long the certificate that names the host has left, when /certs told.
func (w *walker) certificate(e *hosts.Envoy, c *envoy.Chain) string {
	if !c.TLS || w.r.sni == "" {
		return ""
	}
	for _, x := range e.Certs {
		for _, n := range x.Names {
			if n == w.r.sni || strings.HasPrefix(n, "*.") && strings.HasSuffix(w.r.sni, n[1:]) && strings.Count(w.r.sni, ".") == strings.Count(n, ".") {
				return fmt.Sprintf("certificate for %s, %d days left", n, x.DaysLeft)
			}
		}
	}
	return ""
}

func (w *walker) tcpProxy(place where, e *hosts.Envoy, c *envoy.Chain) {
	if c.TCPCluster == "" {
		w.add(Hop{Kind: "route", Host: place.h.Host.Name, Object: strings.Join(c.Filters, ", "), Path: c.Path, Status: Unknown, Detail: "the chain has neither an HTTP connection manager nor a TCP proxy that is understood"})
		return
	}
	if c.TLS {
		w.r.tls = false
	}
	w.cluster(place, e, c.TCPCluster)
}

func (w *walker) envoyHTTP(place where, e *hosts.Envoy, l *envoy.Listener, c *envoy.Chain) {
	host, hcm := place.h.Host.Name, c.HCM
	rc := hcm.Route
	if rc == nil {
		rc = e.Config.RouteConfig(hcm.RouteName)
	}
	if rc == nil {
		w.add(Hop{
			Kind: "virtual host", Host: host, Object: hcm.RouteName, Path: hcm.Path, Status: Broken,
			Detail: fmt.Sprintf("route configuration %q is not there: Envoy answers 404 (NR)", hcm.RouteName),
		})
		return
	}
	v := rc.ChooseVHost(w.r.host, hcm, l.Port)
	if v.VHost == nil {
		st, note := Broken, ": Envoy answers 404 (NR)"
		if rc.VHDS {
			st, note = Unknown, ", but virtual hosts come on demand here"
		}
		w.add(Hop{Kind: "virtual host", Host: host, Object: w.r.host, Path: rc.Path + ".virtual_hosts", Match: v.Why, Status: st, Detail: v.Why + note})
		return
	}
	w.add(Hop{Kind: "virtual host", Host: host, Object: v.VHost.Name, Path: v.VHost.Path, Match: v.Why, Target: strings.Join(v.VHost.Domains, ", ")})
	q := envoy.Req{Method: w.r.method, Authority: w.r.host, Path: w.r.uri, Scheme: w.r.scheme, Headers: w.r.header}
	r := v.VHost.ChooseRoute(q)
	if r.Route == nil {
		w.add(Hop{Kind: "route", Host: host, Object: w.r.uri, Path: v.VHost.Path + ".routes", Status: Broken, Match: r.Why, Detail: r.Why})
		return
	}
	w.envoyRoute(place, e, hcm, r)
}

func (w *walker) envoyRoute(place where, e *hosts.Envoy, hcm *envoy.HCM, choice envoy.RouteChoice) {
	r, host := choice.Route, place.h.Host.Name
	hop := Hop{Kind: "route", Host: host, Object: orText(r.Name, r.Match.String()), Path: r.Path, Match: choice.Why}
	if choice.Unknown != "" {
		hop.Status, hop.Detail = Unknown, choice.Unknown
	}
	switch {
	case r.Direct != nil:
		hop.Detail = fmt.Sprintf("Envoy itself answers %d%s", r.Direct.Status, body(r.Direct.Body))
		if r.Direct.Status >= 400 {
			hop.Status = Broken
		}
		w.add(hop)
		return
	case r.Redirect != nil:
		to := redirectTarget(r.Redirect, w.r, choice.Route.Match)
		hop.Kind, hop.Target, hop.Detail = "redirect", to, "the client is sent to "+to
		w.judgeRedirect(&hop, to)
		w.add(hop)
		return
	case r.Other != "":
		hop.Status, hop.Detail = Unknown, r.Other
		w.add(hop)
		return
	}
	name := r.Cluster
	if r.ClusterHeader != "" {
		name = w.r.get(r.ClusterHeader)
		hop.Detail = "the cluster is named by header " + r.ClusterHeader
		if name == "" {
			hop.Status = Unknown
			w.add(hop)
			return
		}
	}
	if len(r.Weighted) > 0 {
		name = heaviest(r.Weighted)
		hop.Detail = "split " + weights(r.Weighted)
	}
	hop.Target = "cluster " + name
	w.rewriteEnvoy(r)
	hop.Passes = w.envoyPasses(hcm, r)
	if w.r.websocket() {
		on, said := r.Upgrades["websocket"]
		switch {
		case said && !on:
			hop.Status, hop.Detail = Broken, "the route turns the websocket upgrade off: Envoy answers 403"
		case !said && !hcm.Upgrades["websocket"]:
			hop.Status, hop.Detail = Broken, "neither the connection manager nor the route allows websocket in upgrade_configs: Envoy answers 403"
		}
	}
	w.add(hop)
	w.cluster(place, e, name)
}

func heaviest(ws []envoy.WeightedCluster) string {
	best := ws[0]
	for _, x := range ws {
		if x.Weight > best.Weight {
			best = x
		}
	}
	return best.Cluster
}

func weights(ws []envoy.WeightedCluster) string {
	var out []string
	for _, x := range ws {
		out = append(out, fmt.Sprintf("%s %d", x.Cluster, x.Weight))
	}
	return strings.Join(out, ", ")
}

// rewriteEnvoy changes path, host and forwarded headers the way the route does.
func (w *walker) rewriteEnvoy(r *envoy.Route) {
	path, query, q := strings.Cut(w.r.uri, "?")
	switch {
	case r.PrefixRewrite != "" && r.Match.Prefix != "":
		path = r.PrefixRewrite + strings.TrimPrefix(path, r.Match.Prefix)
	case r.PrefixRewrite != "" && r.Match.Separated != "":
		path = r.PrefixRewrite + strings.TrimPrefix(path, r.Match.Separated)
	case r.PrefixRewrite != "" && r.Match.Exact != "":
		path = r.PrefixRewrite
	case r.RegexRewrite[0] != "":
		if re, err := regexp.Compile(r.RegexRewrite[0]); err == nil {
			path = re.ReplaceAllString(path, backslashRefs.ReplaceAllString(r.RegexRewrite[1], "$${$1}"))
		}
	}
	if q {
		path += "?" + query
	}
	w.r.uri = path
	if r.HostRewrite != "" && r.HostRewrite != "auto" && !strings.HasPrefix(r.HostRewrite, "header ") {
		w.r.host = r.HostRewrite
	}
}

// backslashRefs are the \1 of Envoy's substitutions.
var backslashRefs = regexp.MustCompile(`\\(\d)`)

func (w *walker) envoyPasses(hcm *envoy.HCM, r *envoy.Route) []Pair {
	if w.r.get("X-Forwarded-Proto") == "" || hcm.UseRemoteAddress {
		w.r.set("X-Forwarded-Proto", w.r.scheme)
	}
	if hcm.SchemeOverwrite != "" {
		w.r.scheme = hcm.SchemeOverwrite
	}
	timeout := orText(r.Timeout, envoy.DefaultRouteTimeout.String()+" (default)")
	out := []Pair{{"path", w.r.uri}, {"Host", w.r.host}, {"X-Forwarded-Proto", w.r.get("X-Forwarded-Proto")}, {"timeout", timeout}}
	if hcm.StreamIdle != "" {
		out = append(out, Pair{"stream idle timeout", hcm.StreamIdle})
	}
	return out
}

func redirectTarget(rd *envoy.Redirect, r request, m envoy.RouteMatch) string {
	scheme, host := r.scheme, r.host
	switch {
	case rd.HTTPS:
		scheme = "https"
	case rd.Scheme != "":
		scheme = rd.Scheme
	}
	if rd.Host != "" {
		host = rd.Host
	}
	if scheme != r.scheme || rd.Port != 0 {
		if i := strings.LastIndexByte(host, ':'); i > 0 && !strings.HasSuffix(host, "]") {
			host = host[:i]
		}
	}
	if rd.Port != 0 {
		host += fmt.Sprintf(":%d", rd.Port)
	}
	path, query, q := strings.Cut(r.uri, "?")
	switch {
	case rd.PathRedirect != "":
		path = rd.PathRedirect
	case rd.PrefixRewrite != "":
		path = rd.PrefixRewrite + strings.TrimPrefix(path, orText(m.Prefix, m.Separated))
	}
	if q && !rd.StripQuery && !strings.Contains(path, "?") {
		path += "?" + query
	}
	return scheme + "://" + host + path
}

// cluster follows a cluster to an endpoint.
func (w *walker) cluster(place where, e *hosts.Envoy, name string) {
	host := place.h.Host.Name
	c := e.Config.Cluster(name)
	if c == nil {
		w.add(Hop{Kind: "cluster", Host: host, Object: name, Status: Broken, Detail: "there is no such cluster: Envoy answers 503 (NC)"})
		return
	}
	hop := Hop{Kind: "cluster", Host: host, Object: name, Path: c.Path, Match: c.Type, Detail: strings.TrimPrefix(rejected(c.Error), ", ")}
	if !c.State.Serves() {
		hop.Status, hop.Detail = Broken, "the cluster is still "+c.State.String()+": Envoy answers 503"
	}
	w.r.tls = c.TLS
	w.r.sni = c.SNI
	w.via = "cluster " + name
	if len(c.Endpoints) == 0 {
		hop.Status, hop.Detail = Broken, "the cluster has no endpoint: Envoy answers 503 (UH)"
		switch {
		case c.Type == "ORIGINAL_DST" || strings.Contains(c.Type, "aggregate") || strings.Contains(c.Type, "dynamic_forward"):
			hop.Status, hop.Detail = Unknown, "endpoints of a "+c.Type+" cluster are not listed anywhere"
		case c.Type == "EDS" && c.Live == nil:
			hop.Status, hop.Detail = Unknown, "endpoints come by EDS and /clusters was not read"
		}
	}
	w.add(hop)
	if hop.Status == Broken || len(c.Endpoints) == 0 {
		return
	}
	w.endpoint(place, c)
}

// endpoint picks the endpoint the trace goes on with: a healthy one before others.
func (w *walker) endpoint(place where, c *envoy.Cluster) {
	best, healthy := 0, 0
	var notes []string
	for i, ep := range c.Endpoints {
		ok, why := endpointHealth(c, ep)
		if ok {
			if healthy == 0 {
				best = i
			}
			healthy++
		}
		notes = append(notes, ep.Label()+" "+why)
	}
	ep := c.Endpoints[best]
	hop := Hop{Kind: "endpoint", Host: place.h.Host.Name, Object: ep.Label(), Path: ep.Path, Match: fmt.Sprintf("%d of %d endpoints healthy", healthy, len(c.Endpoints))}
	if len(c.Endpoints) > 1 {
		if len(notes) > 8 {
			notes = append(notes[:8], "…")
		}
		hop.Detail = strings.Join(notes, ", ")
	} else {
		_, hop.Detail = endpointHealth(c, ep)
	}
	if healthy == 0 {
		hop.Status = Broken
		if c.Panic > 0 {
			hop.Detail += "; panic mode: Envoy sends to it all the same"
		} else {
			hop.Detail += "; Envoy answers 503 (UH)"
		}
	}
	hop.Ask = w.ask(place.h.Host.Name, "tcp", ep.Label())
	w.add(hop)
	if ep.Pipe != "" {
		w.socket(place, ep.Pipe)
		return
	}
	w.goTo(place, ep.Label(), uint16(ep.Port)) //nolint:gosec // a port
}

func endpointHealth(c *envoy.Cluster, ep envoy.Endpoint) (bool, string) {
	if c.Live != nil {
		for _, h := range c.Live.Hosts {
			if h.Label() == ep.Label() || ep.Hostname != "" && h.Hostname == ep.Hostname {
				if h.Healthy() {
					return true, "healthy"
				}
				return false, strings.Join(append(h.Flags, h.EDS), " ")
			}
		}
	}
	switch ep.Health {
	case "", "UNKNOWN":
		return true, "health not checked"
	case "HEALTHY", "DEGRADED":
		return true, strings.ToLower(ep.Health)
	}
	return false, strings.ToLower(ep.Health)
}
