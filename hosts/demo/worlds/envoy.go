package worlds

import (
	"fmt"
	"net/http"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
)

// envoyRoute sends one path of a name to a cluster.
type envoyRoute struct {
	prefix, cluster, timeout string
	websocket                bool
}

// envoyChain is a filter chain: a server name, its certificate and its routes.
type envoyChain struct {
	name    string
	domains []string
	routes  []envoyRoute
}

// envoyCluster is where requests go.
type envoyCluster struct {
	name    string
	addr    string
	port    int
	check   bool // has an active health check, and so can be known to be down
	version string
	rq      map[int]int // requests by status
	fails   int         // connections that failed
	total   int
}

// envoy is an Envoy proxy with its admin interface. Its fields are guarded by the site's lock.
type envoy struct {
	s        *sim.Site
	h        *sim.Host
	c        *sim.Container
	certs    *certs
	chains   []*envoyChain
	clusters []*envoyCluster
	listener string
	port     int
	noMatch  int
	rejected int
	rnd      *rnd // of requests that come over the wire
	version  string
}

func (e *envoy) cluster(name string) *envoyCluster {
	for _, c := range e.clusters {
		if c.name == name {
			return c
		}
	}
	return nil
}

// chain finds the filter chain by server name, exactly as the listener is configured: no wildcards.
func (e *envoy) chain(sni string) *envoyChain {
	for _, c := range e.chains {
		if c.name == sni {
			return c
		}
	}
	return nil
}

// verdict is what comes of a request before it reaches an upstream: a cluster, or a status with flags.
type verdict struct {
	cluster *envoyCluster
	to      sim.Listener
	status  int
	flags   string
	body    string
}

// route decides; the site is locked.
func (e *envoy) route(sni, host, path string) verdict {
	ch := e.chain(sni)
	if ch == nil {
		return verdict{status: 404, flags: "NR"}
	}
	host, _, _ = strings.Cut(host, ":")
	ok := false
	for _, d := range ch.domains {
		ok = ok || d == "*" || d == host
	}
	if !ok {
		return verdict{status: 404, flags: "NR"}
	}
	for _, rt := range ch.routes {
		if !strings.HasPrefix(path, rt.prefix) {
			continue
		}
		cl := e.cluster(rt.cluster)
		if cl == nil {
			return verdict{status: 503, flags: "NC"}
		}
		l, err := reachLocked(e.s, e.h, cl.addr, cl.port)
		switch {
		case err != nil && cl.check:
			return verdict{cluster: cl, status: 503, flags: "UH", body: "no healthy upstream"}
		case err != nil:
			cl.fails++
			return verdict{cluster: cl, status: 503, flags: "UF", body: "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: delayed connect error: 111"}
		}
		return verdict{cluster: cl, to: l, status: 200}
	}
	return verdict{status: 404, flags: "NR"}
}

// note counts a request and writes its line; the site is locked.
func (e *envoy) note(q request, v verdict) {
	q.flags = v.flags
	if v.cluster != nil {
		q.up = v.cluster.addr + ":" + strconv.Itoa(v.cluster.port)
		v.cluster.rq[q.status]++
		v.cluster.total++
	} else {
		e.noMatch++
	}
	if e.c.Running() {
		e.c.Out(q.at, q.envoy())
	}
}

// ServeHTTP proxies a request that came through the listener.
func (e *envoy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sni := ""
	if r.TLS != nil {
		sni = r.TLS.ServerName
	}
	e.s.Lock()
	v := e.route(sni, r.Host, r.URL.Path)
	rid := uuid(e.rnd)
	e.s.Unlock()
	client, _, _ := strings.Cut(r.RemoteAddr, ":")
	q := request{at: time.Time{}, id: rid, client: client, agent: r.UserAgent(), method: r.Method, path: r.URL.Path, host: r.Host, status: v.status}
	out := newCapture()
	if v.to.Handler != nil {
		pass(out, r, v.to.Handler, e.h.Spec.Addr, func(r *http.Request) {
			r.Header.Set("X-Forwarded-Proto", "https")
			r.Header.Set("X-Forwarded-For", client)
			r.Header.Set("X-Request-Id", rid)
			r.Header.Set("X-Envoy-Expected-Rq-Timeout-Ms", "60000")
		})
		out.header.Set("X-Envoy-Upstream-Service-Time", "3")
		q.status = out.code
	} else {
		out.code = v.status
		if v.body != "" {
			out.header.Set("Content-Type", "text/plain")
		}
		_, _ = out.Write([]byte(v.body))
	}
	out.header.Set("Server", "envoy")
	out.header.Set("X-Request-Id", rid)
	q.bytes = out.body.Len()
	e.s.Lock()
	q.at = e.s.Now()
	e.note(q, v)
	e.s.Unlock()
	out.copyTo(w)
}

// toHTTPS is the plain listener: everything is sent to TLS.
func toHTTPS(w http.ResponseWriter, r *http.Request) {
	host, _, _ := strings.Cut(r.Host, ":")
	w.Header().Set("Server", "envoy")
	w.Header().Set("Location", "https://"+host+r.URL.RequestURI())
	w.WriteHeader(http.StatusMovedPermanently)
}

// admin is the admin interface.
func (e *envoy) admin() http.Handler {
	m := http.NewServeMux()
	doc := func(path string, fn func(r *http.Request) any) {
		m.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			e.s.Lock()
			v := fn(r)
			e.s.Unlock()
			if text, ok := v.(string); ok {
				w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
				_, _ = w.Write([]byte(text))
				return
			}
			reply(w, http.StatusOK, v)
		})
	}
	doc("/config_dump", func(r *http.Request) any { return e.configDump(r.URL.Query().Has("include_eds")) })
	doc("/clusters", func(r *http.Request) any {
		if r.URL.Query().Get("format") == "json" {
			return e.clustersJSON()
		}
		return e.clustersText()
	})
	doc("/listeners", func(r *http.Request) any {
		if r.URL.Query().Get("format") == "json" {
			return m2("listener_statuses", []any{
				map[string]any{"name": e.listener, "local_address": socket("0.0.0.0", e.port)}, map[string]any{"name": "ingress_http", "local_address": socket("0.0.0.0", e.port-1)},
			})
		}
		return fmt.Sprintf("%s::0.0.0.0:%d\ningress_http::0.0.0.0:%d\n", e.listener, e.port, e.port-1)
	})
	doc("/server_info", func(*http.Request) any { return e.serverInfo() })
	doc("/ready", func(*http.Request) any { return "LIVE\n" })
	doc("/certs", func(*http.Request) any { return e.certsJSON() })
	doc("/stats", func(r *http.Request) any { return e.stats(r.URL.Query().Get("format"), r.URL.Query().Get("filter")) })
	return m
}

func m2(k string, v any) map[string]any { return map[string]any{k: v} }

func socket(addr string, port int) map[string]any {
	return m2("socket_address", map[string]any{"address": addr, "port_value": port})
}

func stampOf(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (e *envoy) configDump(eds bool) map[string]any {
	now := stampOf(e.c.Started)
	var clusters, chains, routes []any
	for _, c := range e.clusters {
		clusters = append(clusters, map[string]any{"version_info": c.version, "last_updated": now, "cluster": e.clusterConfig(c)})
	}
	for _, ch := range e.chains {
		chains = append(chains, e.chainConfig(ch))
		routes = append(routes, map[string]any{"last_updated": now, "route_config": e.routeConfig(ch)})
	}
	listener := map[string]any{
		"@type": "type.googleapis.com/envoy.config.listener.v3.Listener", "name": e.listener, "address": socket("0.0.0.0", e.port), "filter_chains": chains,
		"listener_filters": []any{map[string]any{"name": "envoy.filters.listener.tls_inspector", "typed_config": m2("@type", "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector")}},
	}
	plain := map[string]any{
		"@type": "type.googleapis.com/envoy.config.listener.v3.Listener", "name": "ingress_http", "address": socket("0.0.0.0", e.port-1),
		"filter_chains": []any{m2("filters", []any{e.manager("ingress_http", map[string]any{
			"name": "redirect", "virtual_hosts": []any{map[string]any{"name": "all", "domains": []string{"*"}, "routes": []any{
				map[string]any{"match": m2("prefix", "/"), "redirect": m2("https_redirect", true)},
			}}},
		}, false)})},
	}
	configs := []any{
		map[string]any{
			"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump", "last_updated": now, "bootstrap": map[string]any{
				"node":  map[string]any{"id": "edge-proxy", "cluster": "edge", "user_agent_name": "envoy"},
				"admin": m2("address", socket("0.0.0.0", 9901)),
				"dynamic_resources": map[string]any{
					"ads_config": map[string]any{"api_type": "GRPC", "transport_api_version": "V3", "grpc_services": []any{m2("envoy_grpc", m2("cluster_name", "xds_cluster"))}},
				},
			},
		},
		map[string]any{
			"@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump", "version_info": e.version, "dynamic_active_clusters": clusters,
			"static_clusters": []any{map[string]any{"last_updated": now, "cluster": map[string]any{
				"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "name": "xds_cluster", "type": "STRICT_DNS", "connect_timeout": "1s",
				"load_assignment": assignment("xds_cluster", "control-plane", 18000),
			}}},
		},
		map[string]any{
			"@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump", "version_info": e.version, "dynamic_listeners": []any{
				map[string]any{"name": e.listener, "active_state": map[string]any{"version_info": e.version, "last_updated": now, "listener": listener}},
				map[string]any{"name": "ingress_http", "active_state": map[string]any{"version_info": e.version, "last_updated": now, "listener": plain}},
			},
		},
		map[string]any{"@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump", "static_route_configs": routes},
	}
	if eds {
		configs = append(configs, map[string]any{"@type": "type.googleapis.com/envoy.admin.v3.EndpointsConfigDump"})
	}
	return m2("configs", configs)
}

func assignment(name, addr string, port int) map[string]any {
	return map[string]any{"cluster_name": name, "endpoints": []any{m2("lb_endpoints", []any{m2("endpoint", m2("address", socket(addr, port)))})}}
}

func (e *envoy) clusterConfig(c *envoyCluster) map[string]any {
	m := map[string]any{
		"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "name": c.name, "type": "STATIC", "connect_timeout": "5s", "lb_policy": "ROUND_ROBIN",
		"load_assignment": assignment(c.name, c.addr, c.port),
	}
	if c.check {
		m["health_checks"] = []any{map[string]any{"timeout": "2s", "interval": "10s", "unhealthy_threshold": 3, "healthy_threshold": 1, "tcp_health_check": map[string]any{}}}
		m["common_lb_config"] = m2("healthy_panic_threshold", m2("value", 0))
	}
	return m
}

func (e *envoy) routeConfig(ch *envoyChain) map[string]any {
	var routes []any
	for _, r := range ch.routes {
		action := map[string]any{"cluster": r.cluster, "timeout": r.timeout}
		if r.timeout == "" {
			delete(action, "timeout")
		}
		if r.websocket {
			action["upgrade_configs"] = []any{m2("upgrade_type", "websocket")}
		}
		routes = append(routes, map[string]any{"match": m2("prefix", r.prefix), "route": action})
	}
	return map[string]any{"name": "route_" + ch.name, "virtual_hosts": []any{map[string]any{"name": "vh_" + ch.name, "domains": ch.domains, "routes": routes}}}
}

// manager is an HTTP connection manager.
func (e *envoy) manager(prefix string, routes map[string]any, edge bool) map[string]any {
	return map[string]any{"name": "envoy.filters.network.http_connection_manager", "typed_config": map[string]any{
		"@type":       "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
		"stat_prefix": prefix, "codec_type": "AUTO", "route_config": routes, "use_remote_address": edge,
		"http_filters": []any{map[string]any{"name": "envoy.filters.http.router", "typed_config": m2("@type", "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router")}},
		"access_log":   []any{map[string]any{"name": "envoy.access_loggers.stdout", "typed_config": m2("@type", "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog")}},
	}}
}

func (e *envoy) chainConfig(ch *envoyChain) map[string]any {
	file := "/etc/envoy/certs/" + ch.name
	return map[string]any{
		"filter_chain_match": map[string]any{"server_names": []string{ch.name}}, "filters": []any{e.manager("ingress_"+ch.name, e.routeConfig(ch), true)},
		"transport_socket": map[string]any{"name": "envoy.transport_sockets.tls", "typed_config": map[string]any{
			"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
			"common_tls_context": map[string]any{
				"alpn_protocols":   []string{"h2", "http/1.1"},
				"tls_certificates": []any{map[string]any{"certificate_chain": m2("filename", file+"/fullchain.pem"), "private_key": m2("filename", file+"/privkey.pem")}},
			},
		}},
	}
}

// healthy reports whether the endpoint of a cluster answers; the site is locked.
func (e *envoy) healthy(c *envoyCluster) bool {
	_, err := reachLocked(e.s, e.h, c.addr, c.port)
	return err == nil
}

func (e *envoy) clustersJSON() map[string]any {
	var out []any
	for _, c := range e.clusters {
		status := map[string]any{"eds_health_status": "HEALTHY"}
		if c.check && !e.healthy(c) {
			status["failed_active_health_check"] = true
		}
		ok := 0
		for code, n := range c.rq {
			if code < 500 {
				ok += n
			}
		}
		counter := func(name string, n int) map[string]any {
			return map[string]any{"type": "COUNTER", "name": name, "value": strconv.Itoa(n)}
		}
		out = append(out, map[string]any{
			"name": c.name, "added_via_api": true, "observability_name": c.name, "host_statuses": []any{map[string]any{
				"address": socket(c.addr, c.port), "health_status": status, "weight": 1, "locality": map[string]any{},
				"stats": []any{
					counter("cx_total", c.total/9+1), counter("cx_connect_fail", c.fails), counter("rq_total", c.total), counter("rq_success", ok),
					counter("rq_error", c.total-ok), counter("rq_timeout", 0),
					map[string]any{"type": "GAUGE", "name": "cx_active", "value": "2"},
				},
			}},
			"circuit_breakers": m2("thresholds", []any{map[string]any{"priority": "DEFAULT", "max_connections": 1024, "max_requests": 1024}}),
		})
	}
	return m2("cluster_statuses", out)
}

func (e *envoy) clustersText() string {
	var b strings.Builder
	for _, c := range e.clusters {
		health := "healthy"
		if c.check && !e.healthy(c) {
			health = "/failed_active_hc"
		}
		at := fmt.Sprintf("%s::%s:%d::", c.name, c.addr, c.port)
		fmt.Fprintf(&b, "%s::added_via_api::true\n%scx_connect_fail::%d\n%srq_total::%d\n%shealth_flags::%s\n", c.name, at, c.fails, at, c.total, at, health)
	}
	return b.String()
}

func (e *envoy) serverInfo() map[string]any {
	up := e.s.Now().Sub(e.c.Started)
	return map[string]any{
		"version": "cc4a75482810de4b84c301d13deb551bd3147339/1.31.2/Clean/RELEASE/BoringSSL", "state": "LIVE", "hot_restart_version": "11.104",
		"uptime_current_epoch": fmt.Sprintf("%ds", int(up.Seconds())), "uptime_all_epochs": fmt.Sprintf("%ds", int(up.Seconds())),
		"command_line_options": map[string]any{"concurrency": e.h.Spec.CPUs, "config_path": "/etc/envoy/envoy.yaml", "mode": "Serve", "log_level": "info"},
		"node":                 map[string]any{"id": "edge-proxy", "cluster": "edge", "user_agent_name": "envoy"},
	}
}

func (e *envoy) certsJSON() map[string]any {
	var out []any
	start := e.s.Start()
	for _, d := range e.certs.list {
		var sans []any
		for _, n := range d.names {
			sans = append(sans, m2("dns", n))
		}
		end := d.until(start)
		out = append(out, m2("cert_chain", []any{map[string]any{
			"path": "/etc/envoy/certs/" + d.names[0] + "/fullchain.pem", "serial_number": d.serial(e.s).Text(16), "subject_alt_names": sans,
			"days_until_expiration": strconv.Itoa(int(end.Sub(e.s.Now()) / day)), "valid_from": d.from(start).UTC().Format(time.RFC3339), "expiration_time": end.UTC().Format(time.RFC3339),
		}}))
	}
	return m2("certificates", out)
}

func (e *envoy) counters() map[string]int {
	out := map[string]int{
		"listener_manager.listener_create_success": 2, "listener_manager.lds.update_rejected": e.rejected, "cluster_manager.cds.update_rejected": 0,
		"control_plane.connected_state": 1, "listener.0.0.0.0_" + strconv.Itoa(e.port) + ".no_filter_chain_match": e.noMatch,
		"server.live": 1, "server.uptime": int(e.s.Now().Sub(e.c.Started).Seconds()),
	}
	for _, c := range e.clusters {
		p, well := "cluster."+c.name+".", 1
		if c.check && !e.healthy(c) {
			well = 0
		}
		out[p+"membership_total"], out[p+"membership_healthy"], out[p+"upstream_cx_connect_fail"], out[p+"upstream_rq_total"] = 1, well, c.fails, c.total
		for code, n := range c.rq {
			out[p+"upstream_rq_"+strconv.Itoa(code)] = n
		}
	}
	return out
}

func (e *envoy) stats(format, filter string) any {
	re, err := regexp.Compile(filter)
	if err != nil {
		return "Invalid re2 regex\n"
	}
	all := e.counters()
	names := make([]string, 0, len(all))
	for n := range all {
		if re.MatchString(n) {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	if format == "json" {
		list := []any{}
		for _, n := range names {
			list = append(list, map[string]any{"name": n, "value": all[n]})
		}
		return m2("stats", list)
	}
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "%s: %d\n", n, all[n])
	}
	return b.String()
}
