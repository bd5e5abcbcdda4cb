package envoy

import (
	"net/netip"
	"testing"
)

func chainNamed(n string, m Match) *Chain { return &Chain{Name: n, Match: m} }

// The table follows the order documented at FilterChainMatch: each criterion keeps the most
// specific chains and there is no way back.
func TestChooseChain(t *testing.T) {
	t.Parallel()
	dst, src := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("192.0.2.7")
	tls := func(sni string, alpn ...string) Connection {
		return Connection{Dest: dst, DestPort: 443, TLS: true, SNI: sni, ALPN: alpn, Source: src, Port: 5000}
	}
	names := func(n ...string) Match { return Match{ServerNames: n} }
	for _, k := range []struct {
		name   string
		chains []*Chain
		conn   Connection
		def    bool
		want   string
	}{
		{"exact name before wildcards", []*Chain{chainNamed("any", Match{}), chainNamed("com", names("*.com")), chainNamed("ex", names("*.example.com")), chainNamed("www", names("www.example.com"))}, tls("www.example.com"), false, "www"},
		{"longest wildcard", []*Chain{chainNamed("com", names("*.com")), chainNamed("ex", names("*.example.com"))}, tls("a.b.example.com"), false, "ex"},
		{"shorter wildcard", []*Chain{chainNamed("com", names("*.com")), chainNamed("ex", names("*.example.com"))}, tls("other.com"), false, "com"},
		{"wildcard does not match its own parent", []*Chain{chainNamed("ex", names("*.example.com"))}, tls("example.com"), false, ""},
		{"no name offered", []*Chain{chainNamed("ex", names("example.com")), chainNamed("any", Match{})}, tls(""), false, "any"},
		{"names are matched without case", []*Chain{chainNamed("ex", names("Example.com"))}, tls("EXAMPLE.COM"), false, "ex"},
		{"default chain", []*Chain{chainNamed("ex", names("example.com"))}, tls("other.test"), true, "default"},
		{"destination port first, no way back", []*Chain{chainNamed("port", Match{DestinationPort: 443, ServerNames: []string{"a.test"}}), chainNamed("name", names("b.test"))}, tls("b.test"), false, ""},
		{"destination port falls to any", []*Chain{chainNamed("port", Match{DestinationPort: 8443}), chainNamed("name", names("b.test"))}, tls("b.test"), false, "name"},
		{"longest destination range", []*Chain{chainNamed("8", Match{PrefixRanges: []string{"10.0.0.0/8"}}), chainNamed("24", Match{PrefixRanges: []string{"10.1.2.0/24"}}), chainNamed("any", Match{})}, tls("x"), false, "24"},
		{"range before name", []*Chain{chainNamed("range", Match{PrefixRanges: []string{"10.0.0.0/8"}}), chainNamed("name", names("x.test"))}, tls("x.test"), false, "range"},
		{"transport protocol", []*Chain{chainNamed("raw", Match{TransportProtocol: "raw_buffer"}), chainNamed("tls", Match{TransportProtocol: "tls"})}, tls("x"), false, "tls"},
		{"plain", []*Chain{chainNamed("raw", Match{TransportProtocol: "raw_buffer"}), chainNamed("tls", Match{TransportProtocol: "tls"})}, Connection{Dest: dst, DestPort: 80}, false, "raw"},
		{"application protocol", []*Chain{chainNamed("h1", Match{ALPN: []string{"http/1.1"}}), chainNamed("h2", Match{ALPN: []string{"h2"}}), chainNamed("any", Match{})}, tls("x", "h2", "http/1.1"), false, "h2"},
		{"application protocol not named", []*Chain{chainNamed("h2", Match{ALPN: []string{"h2"}}), chainNamed("any", Match{})}, tls("x", "istio"), false, "any"},
		{"source type external", []*Chain{chainNamed("local", Match{SourceType: "SAME_IP_OR_LOOPBACK"}), chainNamed("ext", Match{SourceType: "EXTERNAL"}), chainNamed("any", Match{})}, tls("x"), false, "ext"},
		{"source range", []*Chain{chainNamed("near", Match{SourceRanges: []string{"192.0.2.0/24"}}), chainNamed("any", Match{})}, tls("x"), false, "near"},
		{"source port", []*Chain{chainNamed("p", Match{SourcePorts: []int{5000, 5001}}), chainNamed("any", Match{})}, tls("x"), false, "p"},
		{"source port of another", []*Chain{chainNamed("p", Match{SourcePorts: []int{1}}), chainNamed("any", Match{})}, tls("x"), false, "any"},
		{"direct source before source type", []*Chain{chainNamed("direct", Match{DirectSource: []string{"192.0.2.7/32"}}), chainNamed("ext", Match{SourceType: "EXTERNAL"})}, tls("x"), false, "direct"},
		{"nothing matches", []*Chain{chainNamed("p", names("a.test"))}, tls("b.test"), false, ""},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			l := &Listener{Chains: k.chains}
			if k.def {
				l.Default = chainNamed("default", Match{})
			}
			got := l.ChooseChain(k.conn)
			name := ""
			if got.Chain != nil {
				name = got.Chain.Name
			}
			if name != k.want || got.Unknown != "" || got.Why == "" {
				t.Errorf("got %q (%s, unknown %q), want %q", name, got.Why, got.Unknown, k.want)
			}
		})
	}
}

func TestChooseChainUnknown(t *testing.T) {
	t.Parallel()
	l := &Listener{Chains: []*Chain{chainNamed("near", Match{SourceRanges: []string{"192.0.2.0/24"}}), chainNamed("any", Match{})}}
	if got := l.ChooseChain(Connection{DestPort: 443}); got.Unknown != "source address" || got.Chain != nil {
		t.Errorf("%+v", got)
	}
	l = &Listener{Matcher: true}
	if got := l.ChooseChain(Connection{}); got.Unknown == "" {
		t.Error("a filter_chain_matcher must be unknown")
	}
}

func TestListenerFor(t *testing.T) {
	t.Parallel()
	wild := &Listener{Name: "wild", Address: "0.0.0.0", Port: 80, State: StateActive}
	exact := &Listener{Name: "exact", Address: "10.0.0.1", Port: 80, State: StateStatic}
	warm := &Listener{Name: "warm", Address: "0.0.0.0", Port: 81, State: StateWarming}
	c := &Config{Listeners: []*Listener{wild, exact, warm}}
	for _, k := range []struct {
		addr string
		port int
		want string
		idle int
	}{{"10.0.0.1", 80, "exact", 0}, {"10.0.0.2", 80, "wild", 0}, {"10.0.0.2", 81, "", 1}, {"10.0.0.2", 82, "", 0}} {
		l, idle := c.ListenerFor(Connection{Dest: netip.MustParseAddr(k.addr), DestPort: k.port})
		name := ""
		if l != nil {
			name = l.Name
		}
		if name != k.want || len(idle) != k.idle {
			t.Errorf("%s:%d: got %q, %d idle", k.addr, k.port, name, len(idle))
		}
	}
}

// The precedence documented at VirtualHost.domains.
func TestChooseVHost(t *testing.T) {
	t.Parallel()
	rc := &RouteConfig{VHosts: []*VHost{
		{Name: "star", Domains: []string{"*"}},
		{Name: "exact", Domains: []string{"www.foo.com"}},
		{Name: "suffix", Domains: []string{"*.foo.com"}},
		{Name: "longer", Domains: []string{"*.bar.foo.com"}},
		{Name: "dash", Domains: []string{"*-x.foo.com"}},
		{Name: "prefix", Domains: []string{"foo.*"}},
		{Name: "port", Domains: []string{"foo.net:8080"}},
	}}
	for _, k := range []struct {
		host  string
		strip bool
		want  string
	}{
		{"www.foo.com", false, "exact"},
		{"WWW.Foo.Com", false, "exact"},
		{"a.foo.com", false, "suffix"},
		{"a.bar.foo.com", false, "longer"},
		{"foo.org", false, "prefix"},
		{"foo.", false, "star"},
		{"other.org", false, "star"},
		{"a-x.foo.com", false, "dash"},
		{"-x.foo.com", false, "suffix"},
		{"www.foo.com:443", false, "star"},
		{"www.foo.com:443", true, "exact"},
		{"foo.net:8080", false, "port"},
		{"[::1]", false, "star"},
	} {
		rc.IgnorePort = k.strip
		if got := rc.ChooseVHost(k.host, nil, 443); got.VHost == nil || got.VHost.Name != k.want {
			t.Errorf("%s (strip %v): got %+v, want %s", k.host, k.strip, got.VHost, k.want)
		}
	}
	only := &RouteConfig{Name: "r", VHosts: []*VHost{{Name: "a", Domains: []string{"a.test"}}}}
	if got := only.ChooseVHost("b.test", nil, 0); got.VHost != nil || got.Why == "" {
		t.Errorf("%+v", got)
	}
	hcm := &HCM{StripMatching: true}
	if got := only.ChooseVHost("a.test:443", hcm, 443); got.VHost == nil {
		t.Error("strip_matching_host_port strips the listener's port")
	}
	if got := only.ChooseVHost("a.test:444", hcm, 443); got.VHost != nil {
		t.Error("strip_matching_host_port keeps another port")
	}
}

// Routes are tried in order; the table has one of each documented matcher.
func TestChooseRoute(t *testing.T) {
	t.Parallel()
	rt := func(n string, m RouteMatch) *Route { return &Route{Name: n, Match: m, Cluster: n} }
	v := &VHost{Name: "v", Routes: []*Route{
		rt("exact", RouteMatch{Exact: "/exact"}),
		rt("regex", RouteMatch{Regex: `/id/\d+`}),
		rt("sep", RouteMatch{Separated: "/api/dev"}),
		rt("post", RouteMatch{Prefix: "/m", Headers: []HeaderMatch{{Name: ":method", Kind: "exact", Exact: "POST"}}}),
		rt("not", RouteMatch{Prefix: "/n", Headers: []HeaderMatch{{Name: "x-a", Kind: "prefix", Prefix: "b", Invert: true}}}),
		rt("absent", RouteMatch{Prefix: "/p", Headers: []HeaderMatch{{Name: "x-a", Kind: "present", Present: false}}}),
		rt("range", RouteMatch{Prefix: "/r", Headers: []HeaderMatch{{Name: "x-n", Kind: "range", Start: -10, End: 0}}}),
		rt("query", RouteMatch{Prefix: "/q", Query: []HeaderMatch{{Name: "a", Kind: "exact", Exact: "1"}}}),
		rt("grpc", RouteMatch{Prefix: "/", GRPC: true}),
		rt("fold", RouteMatch{Prefix: "/FOLD", Fold: true}),
		rt("zero", RouteMatch{Prefix: "/z", Zero: true, Fraction: "0/HUNDRED"}),
		rt("first", RouteMatch{Prefix: "/a"}), rt("second", RouteMatch{Prefix: "/a/b"}),
		rt("canary", RouteMatch{Prefix: "/c", Fraction: "5/HUNDRED"}),
	}}
	for _, k := range []struct {
		method, path, key, val, want, unknown string
	}{
		{"GET", "/exact", "", "", "exact", ""},
		{"GET", "/exact?x=1", "", "", "exact", ""},
		{"GET", "/exact/", "", "", "", ""},
		{"GET", "/id/42", "", "", "regex", ""},
		{"GET", "/id/42/x", "", "", "", ""},
		{"GET", "/api/dev", "", "", "sep", ""},
		{"GET", "/api/dev/v1", "", "", "sep", ""},
		{"GET", "/api/dev?p=1", "", "", "sep", ""},
		{"POST", "/m", "", "", "post", ""},
		{"GET", "/m", "", "", "", ""},
		{"GET", "/n", "x-a", "c", "not", ""},
		{"GET", "/n", "x-a", "bb", "", ""},
		{"GET", "/n", "", "", "", ""},
		{"GET", "/p", "", "", "absent", ""},
		{"GET", "/p", "x-a", "1", "", ""},
		{"GET", "/r", "x-n", "-1", "range", ""},
		{"GET", "/r", "x-n", "0", "", ""},
		{"GET", "/r", "x-n", "x", "", ""},
		{"GET", "/q?a=1&b=2", "", "", "query", ""},
		{"GET", "/q?a=2", "", "", "", ""},
		{"POST", "/svc/M", "Content-Type", "application/grpc+proto", "grpc", ""},
		{"GET", "/fold/x", "", "", "fold", ""},
		{"GET", "/z", "", "", "", ""},
		{"GET", "/a/b", "", "", "first", ""},
		{"GET", "/c", "", "", "canary", "only 5/HUNDRED of the requests take this route"},
		{"GET", "/developer", "", "", "", ""},
	} {
		r := Req{Method: k.method, Path: k.path, Authority: "h"}
		if k.key != "" {
			r.Headers = map[string]string{k.key: k.val}
		}
		got := v.ChooseRoute(r)
		name := ""
		if got.Route != nil {
			name = got.Route.Name
		}
		if name != k.want || got.Unknown != k.unknown || got.Why == "" {
			t.Errorf("%s %s %s: got %q (%s; %s), want %q", k.method, k.path, k.key, name, got.Why, got.Unknown, k.want)
		}
	}
}

func TestHealthy(t *testing.T) {
	t.Parallel()
	data := []byte(`{"cluster_statuses":[{"name":"c","host_statuses":[
	 {"address":{"socket_address":{"address":"10.0.0.1","port_value":80}},"health_status":{"eds_health_status":"HEALTHY"},"stats":[{"name":"rq_error","value":"7"}]},
	 {"address":{"socket_address":{"address":"10.0.0.2","port_value":80}},"health_status":{"eds_health_status":"HEALTHY","failed_active_health_check":true}},
	 {"address":{"pipe":{"path":"/run/a.sock"}},"health_status":{"eds_health_status":"UNHEALTHY"}}]}]}`)
	cs, err := ParseClusters(data)
	if err != nil || len(cs) != 1 || len(cs[0].Hosts) != 3 {
		t.Fatalf("%v %v", cs, err)
	}
	h := cs[0].Hosts
	if !h[0].Healthy() || h[1].Healthy() || h[2].Healthy() || h[0].Stats["rq_error"] != 7 || h[2].Label() != "unix:/run/a.sock" {
		t.Errorf("%+v", h)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"configs":[{"@type":"x.ListenersConfigDump","dynamic_listeners":[{"name":"l","active_state":{"listener":{"address":{"socket_address":{"address":"::","portValue":80}},"filterChains":[{"filterChainMatch":{"serverNames":["a"]},"filters":[{"typed_config":{"@type":"t.HttpConnectionManager","route_config":{"virtual_hosts":[{"domains":["*"],"routes":[{"match":{"prefix":"/"},"route":{"cluster":"c"}}]}]}}}]}]}}}]}]}`), "a", "/x?y")
	f.Add([]byte(`{"configs":[null,1,{"@type":"ClustersConfigDump","static_clusters":[{"cluster":{"hosts":{}}}]}]}`), "", "")
	f.Fuzz(func(_ *testing.T, data []byte, host, path string) {
		_, _ = ParseClusters(data)
		_, _ = ParseListeners(data)
		_, _ = ParseServerInfo(data)
		_, _ = ParseCerts(data)
		c, err := ParseConfigDump(data)
		if err != nil {
			return
		}
		for _, l := range c.Listeners {
			ch := l.ChooseChain(Connection{DestPort: l.Port, TLS: true, SNI: host}).Chain
			if ch == nil || ch.HCM == nil || ch.HCM.Route == nil {
				continue
			}
			if v := ch.HCM.Route.ChooseVHost(host, ch.HCM, l.Port).VHost; v != nil {
				v.ChooseRoute(Req{Path: path, Authority: host})
			}
		}
	})
}
