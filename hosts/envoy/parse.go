package envoy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ParseConfigDump reads /config_dump, with or without ?include_eds.
func ParseConfigDump(data []byte) (*Config, error) {
	root, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("envoy config dump: %w", err)
	}
	if !root.get("configs").ok() {
		return nil, fmt.Errorf("envoy config dump: no configs in the answer")
	}
	p := &parser{c: &Config{Kept: map[string]int{}}}
	for _, cfg := range root.get("configs").list() {
		switch t := cfg.typeName(); t {
		case "ListenersConfigDump":
			p.listeners(cfg)
		case "RoutesConfigDump":
			p.routes(cfg)
		case "ClustersConfigDump":
			p.clusters(cfg)
		case "EndpointsConfigDump":
			p.endpointsDump(cfg)
		case "BootstrapConfigDump":
			if n := cfg.get("bootstrap", "admin", "address"); n.ok() {
				a := &Admin{Path: n.Path}
				a.Address, a.Port, a.Pipe, _ = address(n)
				p.c.Admin = a
			}
		case "SecretsConfigDump":
		default:
			p.kept(t)
		}
	}
	p.assign()
	return p.c, nil
}

type parser struct{ c *Config }

func (p *parser) kept(t string) {
	if t != "" {
		p.c.Kept[t]++
	}
}

func (p *parser) listeners(cfg Node) {
	for _, l := range cfg.get("static_listeners").list() {
		p.addListener(l.get("listener"), StateStatic, l, "")
	}
	for _, l := range cfg.get("dynamic_listeners").list() {
		failed := l.get("error_state", "details").str()
		n := 0
		for key, st := range map[string]State{"active_state": StateActive, "warming_state": StateWarming, "draining_state": StateDraining} {
			if s := l.get(key); s.get("listener").ok() {
				p.addListener(s.get("listener"), st, s, failed)
				n++
			}
		}
		if n == 0 && failed != "" {
			p.c.Listeners = append(p.c.Listeners, &Listener{Name: l.get("name").str(), Error: failed, Path: l.Path})
		}
	}
	for key, st := range map[string]State{"dynamic_active_listeners": StateActive, "dynamic_warming_listeners": StateWarming, "dynamic_draining_listeners": StateDraining} {
		for _, l := range cfg.get(key).list() {
			p.addListener(l.get("listener"), st, l, "")
		}
	}
	slices.SortStableFunc(p.c.Listeners, func(a, b *Listener) int { return int(a.State) - int(b.State) })
}

func (p *parser) addListener(n Node, st State, outer Node, failed string) {
	l := &Listener{
		Name: n.get("name").str(), State: st, Error: failed, Path: n.Path,
		LastUpdate: outer.get("last_updated").str(), Version: outer.get("version_info").str(),
	}
	l.Address, l.Port, l.Pipe, l.Proto = address(n.get("address"))
	if l.Name == "" {
		l.Name = l.Address + ":" + fmt.Sprint(l.Port)
	}
	for _, f := range n.get("listener_filters").list() {
		if strings.Contains(f.get("name").str(), "tls_inspector") || f.get("typed_config").typeName() == "TlsInspector" {
			l.Inspector = true
		}
	}
	l.Matcher = n.get("filter_chain_matcher").ok()
	for _, c := range n.get("filter_chains").list() {
		l.Chains = append(l.Chains, p.chain(c))
	}
	if d := n.get("default_filter_chain"); d.ok() {
		l.Default = p.chain(d)
	}
	p.c.Listeners = append(p.c.Listeners, l)
}

func address(n Node) (addr string, port int, pipe, proto string) {
	s := n.get("socket_address")
	proto = s.get("protocol").str()
	if proto == "" {
		proto = "TCP"
	}
	return s.get("address").str(), s.get("port_value").num(), n.get("pipe", "path").str(), proto
}

func (p *parser) chain(n Node) *Chain {
	c := &Chain{Name: n.get("name").str(), Path: n.Path, Match: match(n.get("filter_chain_match"))}
	ts := n.get("transport_socket")
	tls := ts.typed()
	if !ts.ok() {
		tls = n.get("tls_context")
	}
	t := tls.typeName()
	c.TLS = n.get("tls_context").ok() || t == "DownstreamTlsContext" || t == "QuicDownstreamTransport" || strings.HasSuffix(ts.get("name").str(), ".tls") || ts.get("name").str() == "tls"
	c.Secrets, c.Offers = secrets(tls), tls.get("common_tls_context", "alpn_protocols").strs()
	for _, f := range n.get("filters").list() {
		c.Filters = append(c.Filters, f.get("name").str())
		p.filter(c, f)
	}
	return c
}

func secrets(tls Node) []string {
	var out []string
	common := tls.get("common_tls_context")
	for _, s := range common.get("tls_certificate_sds_secret_configs").list() {
		out = append(out, s.get("name").str())
	}
	for _, s := range common.get("tls_certificates").list() {
		if f := s.get("certificate_chain", "filename").str(); f != "" {
			out = append(out, f)
		}
	}
	return out
}

func (p *parser) filter(c *Chain, f Node) {
	body := f.typed()
	name := f.get("name").str()
	switch t := f.get("typed_config").typeName(); {
	case t == "HttpConnectionManager" || strings.Contains(name, "http_connection_manager"):
		c.HCM = p.hcm(body)
	case t == "TcpProxy" || strings.Contains(name, "tcp_proxy"):
		c.TCPCluster = body.get("cluster").str()
		if c.TCPCluster == "" {
			for _, w := range body.get("weighted_clusters", "clusters").list() {
				c.TCPCluster = w.get("name").str()
				break
			}
		}
	default:
		if t == "" {
			t = name
		}
		p.kept(t)
	}
}

func match(n Node) Match {
	m := Match{
		DestinationPort: n.get("destination_port").num(), PrefixRanges: ranges(n.get("prefix_ranges")),
		TransportProtocol: n.get("transport_protocol").str(), ALPN: n.get("application_protocols").strs(),
		DirectSource: ranges(n.get("direct_source_prefix_ranges")), SourceType: n.get("source_type").str(),
		SourceRanges: ranges(n.get("source_prefix_ranges")), ServerNames: n.get("server_names").strs(),
	}
	if m.ServerNames == nil {
		m.ServerNames = n.get("sni_domains").strs()
	}
	for _, x := range n.get("source_ports").list() {
		m.SourcePorts = append(m.SourcePorts, x.num())
	}
	return m
}

func ranges(n Node) []string {
	var out []string
	for _, r := range n.list() {
		out = append(out, fmt.Sprintf("%s/%d", r.get("address_prefix").str(), r.get("prefix_len").num()))
	}
	return out
}

func (p *parser) hcm(n Node) *HCM {
	h := &HCM{
		Path: n.Path, RouteName: n.get("rds", "route_config_name").str(), StripMatching: n.get("strip_matching_host_port").bool(),
		StripAny: n.get("strip_any_host_port").bool(), UseRemoteAddress: n.get("use_remote_address").bool(),
		XFFHops: n.get("xff_num_trusted_hops").num(), StreamIdle: n.get("stream_idle_timeout").str(),
		SchemeOverwrite: n.get("scheme_header_transformation", "scheme_to_overwrite").str(), Upgrades: upgrades(n.get("upgrade_configs")),
	}
	if rc := n.get("route_config"); rc.ok() {
		h.Route = p.routeConfig(rc)
	}
	for _, f := range n.get("http_filters").list() {
		h.HTTPFilters = append(h.HTTPFilters, f.get("name").str())
		p.kept(f.get("typed_config").typeName())
	}
	return h
}

func upgrades(n Node) map[string]bool {
	var out map[string]bool
	for _, u := range n.list() {
		if out == nil {
			out = map[string]bool{}
		}
		out[strings.ToLower(u.get("upgrade_type").str())] = u.get("enabled").boolOr(true)
	}
	return out
}

func (p *parser) clusters(cfg Node) {
	for key, st := range map[string]State{"static_clusters": StateStatic, "dynamic_active_clusters": StateActive, "dynamic_warming_clusters": StateWarming} {
		for _, c := range cfg.get(key).list() {
			p.c.Clusters = append(p.c.Clusters, cluster(c.get("cluster"), st, c.get("error_state", "details").str()))
		}
	}
	slices.SortStableFunc(p.c.Clusters, func(a, b *Cluster) int { return int(a.State) - int(b.State) })
}

func cluster(n Node, st State, failed string) *Cluster {
	c := &Cluster{
		Name: n.get("name").str(), State: st, Error: failed, Path: n.Path, Type: n.get("type").str(),
		EDSName: n.get("eds_cluster_config", "service_name").str(), Timeout: n.get("connect_timeout").str(),
	}
	if t := n.get("cluster_type", "name").str(); t != "" {
		c.Type = t
	}
	if c.Type == "" {
		c.Type = "STATIC"
	}
	ts := n.get("transport_socket")
	tls := ts.typed()
	if !ts.ok() {
		tls = n.get("tls_context")
	}
	c.TLS = n.get("tls_context").ok() || ts.get("typed_config").typeName() == "UpstreamTlsContext"
	c.SNI = tls.get("sni").str()
	proto := n.get("typed_extension_protocol_options", "envoy.extensions.upstreams.http.v3.HttpProtocolOptions")
	c.HTTP2 = n.has("http2_protocol_options") || proto.get("explicit_http_config").has("http2_protocol_options")
	c.Panic = 50
	if v := n.get("common_lb_config", "healthy_panic_threshold", "value"); v.ok() {
		c.Panic = float64(v.num())
	}
	for _, name := range n.names() {
		if !slices.Contains([]string{"@type", "name", "type", "connect_timeout", "load_assignment", "hosts"}, name) && n.get(name).str() != "ROUND_ROBIN" {
			c.More = append(c.More, name)
		}
	}
	c.Endpoints = assignment(n.get("load_assignment")).Endpoints
	for _, h := range n.get("hosts").list() {
		e := Endpoint{Path: h.Path}
		e.Address, e.Port, e.Pipe, _ = address(h)
		c.Endpoints = append(c.Endpoints, e)
	}
	return c
}

func assignment(n Node) *Assignment {
	a := &Assignment{Cluster: n.get("cluster_name").str()}
	for _, loc := range n.get("endpoints").list() {
		for _, lb := range loc.get("lb_endpoints").list() {
			e := lb.get("endpoint")
			x := Endpoint{
				Path: lb.Path, Health: lb.get("health_status").str(), Weight: lb.get("load_balancing_weight").num(),
				Priority: loc.get("priority").num(), Hostname: e.get("hostname").str(),
			}
			x.Address, x.Port, x.Pipe, _ = address(e.get("address"))
			a.Endpoints = append(a.Endpoints, x)
		}
	}
	return a
}

func (p *parser) endpointsDump(cfg Node) {
	for _, key := range []string{"static_endpoint_configs", "dynamic_endpoint_configs"} {
		for _, e := range cfg.get(key).list() {
			p.c.Assigned = append(p.c.Assigned, assignment(e.get("endpoint_config")))
		}
	}
}

// assign gives EDS clusters the endpoints of the EndpointsConfigDump.
func (p *parser) assign() {
	byName := map[string]*Assignment{}
	for _, a := range p.c.Assigned {
		byName[a.Cluster] = a
	}
	for _, c := range p.c.Clusters {
		if c.Type != "EDS" || len(c.Endpoints) > 0 {
			continue
		}
		name := c.EDSName
		if name == "" {
			name = c.Name
		}
		if a := byName[name]; a != nil {
			c.Endpoints = a.Endpoints
		}
	}
}

// Unknown lists the kept types in order, for a note to the operator.
func (c *Config) Unknown() []string { return slices.Sorted(maps.Keys(c.Kept)) }
