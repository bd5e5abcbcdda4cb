package envoy

import (
	"strconv"
)

func (p *parser) routes(cfg Node) {
	for _, r := range cfg.get("static_route_configs").list() {
		p.c.Routes = append(p.c.Routes, p.routeConfig(r.get("route_config")))
	}
	for _, r := range cfg.get("dynamic_route_configs").list() {
		rc := p.routeConfig(r.get("route_config"))
		rc.Dynamic = true
		p.c.Routes = append(p.c.Routes, rc)
	}
}

func (p *parser) routeConfig(n Node) *RouteConfig {
	rc := &RouteConfig{Name: n.get("name").str(), Path: n.Path, IgnorePort: n.get("ignore_port_in_host_matching").bool(), VHDS: n.get("vhds").ok()}
	for _, v := range n.get("virtual_hosts").list() {
		vh := &VHost{Name: v.get("name").str(), Domains: v.get("domains").strs(), RequireTLS: v.get("require_tls").str(), Path: v.Path}
		for _, r := range v.get("routes").list() {
			vh.Routes = append(vh.Routes, p.route(r))
		}
		rc.VHosts = append(rc.VHosts, vh)
	}
	return rc
}

func (p *parser) route(n Node) *Route {
	r := &Route{Name: n.get("name").str(), Path: n.Path, Match: routeMatch(n.get("match"))}
	switch a := n.get("route"); {
	case a.ok():
		r.action(a)
	case n.get("redirect").ok():
		r.Redirect = redirect(n.get("redirect"))
	case n.get("direct_response").ok():
		d := n.get("direct_response")
		r.Direct = &Direct{Status: d.get("status").num(), Body: d.get("body", "inline_string").str()}
	case n.has("filter_action"):
		r.Other = "filter_action"
	case n.has("non_forwarding_action"):
		r.Other = "non_forwarding_action"
	default:
		r.Other = "no action"
	}
	if n.get("typed_per_filter_config").ok() {
		for _, f := range sortedKeys(n.get("typed_per_filter_config")) {
			p.kept(f)
		}
	}
	return r
}

func (r *Route) action(a Node) {
	r.Cluster, r.ClusterHeader = a.get("cluster").str(), a.get("cluster_header").str()
	for _, w := range a.get("weighted_clusters", "clusters").list() {
		r.Weighted = append(r.Weighted, WeightedCluster{w.get("name").str(), w.get("weight").num()})
	}
	if r.Cluster == "" && r.ClusterHeader == "" && r.Weighted == nil {
		r.Other = "cluster chosen by a plugin"
	}
	r.PrefixRewrite = a.get("prefix_rewrite").str()
	r.RegexRewrite = regexRewrite(a.get("regex_rewrite"))
	r.Timeout, r.IdleTimeout = a.get("timeout").str(), a.get("idle_timeout").str()
	r.Upgrades = upgrades(a.get("upgrade_configs"))
	switch {
	case a.get("host_rewrite_literal").str() != "":
		r.HostRewrite = a.get("host_rewrite_literal").str()
	case a.get("host_rewrite").str() != "":
		r.HostRewrite = a.get("host_rewrite").str()
	case a.get("auto_host_rewrite").bool():
		r.HostRewrite = "auto"
	case a.get("host_rewrite_header").str() != "":
		r.HostRewrite = "header " + a.get("host_rewrite_header").str()
	}
}

func regexRewrite(n Node) [2]string {
	return [2]string{n.get("pattern", "regex").str(), n.get("substitution").str()}
}

func redirect(n Node) *Redirect {
	return &Redirect{
		HTTPS: n.get("https_redirect").bool(), Scheme: n.get("scheme_redirect").str(), Host: n.get("host_redirect").str(),
		Port: n.get("port_redirect").num(), PathRedirect: n.get("path_redirect").str(), PrefixRewrite: n.get("prefix_rewrite").str(),
		RegexRewrite: regexRewrite(n.get("regex_rewrite")), Code: n.get("response_code").str(), StripQuery: n.get("strip_query").bool(),
	}
}

// RouteMatch is a route's match.
type RouteMatch struct {
	Prefix, Exact, Regex, Separated string
	Connect                         bool
	GRPC                            bool
	Fold                            bool // case_sensitive: false
	Headers                         []HeaderMatch
	Query                           []HeaderMatch
	Fraction                        string // runtime_fraction, "5/HUNDRED"; "" for every request
	Zero                            bool   // the fraction is 0: never
	Other                           []string
}

// String gives the path part of the match, for people.
func (m RouteMatch) String() string {
	switch {
	case m.Exact != "":
		return "= " + m.Exact
	case m.Regex != "":
		return "~ " + m.Regex
	case m.Separated != "":
		return m.Separated + " and below"
	case m.Prefix != "":
		return m.Prefix + "*"
	case m.Connect:
		return "CONNECT"
	}
	return "(a matcher that is not known)"
}

// HeaderMatch is a matcher on a header or a query parameter.
type HeaderMatch struct {
	Name                                   string
	Exact, Prefix, Suffix, Contains, Regex string
	Kind                                   string // exact, prefix, suffix, contains, regex, range, present, or the unknown key
	Start, End                             int64
	Present, Invert, Fold, MissingAsEmpty  bool
}

func routeMatch(n Node) RouteMatch {
	m := RouteMatch{
		Prefix: n.get("prefix").str(), Exact: n.get("path").str(), Separated: n.get("path_separated_prefix").str(),
		Connect: n.has("connect_matcher"), GRPC: n.has("grpc"), Fold: !n.get("case_sensitive").boolOr(true),
	}
	m.Regex = n.get("safe_regex", "regex").str()
	if m.Regex == "" {
		m.Regex = n.get("regex").str()
	}
	for _, h := range n.get("headers").list() {
		m.Headers = append(m.Headers, headerMatch(h))
	}
	for _, q := range n.get("query_parameters").list() {
		m.Query = append(m.Query, queryMatch(q))
	}
	if f := n.get("runtime_fraction", "default_value"); f.ok() {
		den := f.get("denominator").str()
		if den == "" {
			den = "HUNDRED"
		}
		num := f.get("numerator").num()
		if full := map[string]int{"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}[den]; num < full {
			m.Fraction, m.Zero = strconv.Itoa(num)+"/"+den, num == 0
		}
	}
	for _, k := range []string{"path_match_policy", "dynamic_metadata", "filter_state", "tls_context", "cookies"} {
		if n.has(k) {
			m.Other = append(m.Other, k)
		}
	}
	return m
}

func headerMatch(n Node) HeaderMatch {
	h := HeaderMatch{Name: n.get("name").str(), Invert: n.get("invert_match").bool(), MissingAsEmpty: n.get("treat_missing_header_as_empty").bool()}
	switch {
	case n.has("string_match"):
		h.stringMatch(n.get("string_match"))
	case n.has("exact_match"):
		h.Kind, h.Exact = "exact", n.get("exact_match").str()
	case n.has("prefix_match"):
		h.Kind, h.Prefix = "prefix", n.get("prefix_match").str()
	case n.has("suffix_match"):
		h.Kind, h.Suffix = "suffix", n.get("suffix_match").str()
	case n.has("contains_match"):
		h.Kind, h.Contains = "contains", n.get("contains_match").str()
	case n.has("safe_regex_match"):
		h.Kind, h.Regex = "regex", n.get("safe_regex_match", "regex").str()
	case n.has("regex_match"):
		h.Kind, h.Regex = "regex", n.get("regex_match").str()
	case n.has("range_match"):
		h.Kind = "range"
		h.Start, _ = strconv.ParseInt(n.get("range_match", "start").str(), 10, 64)
		h.End, _ = strconv.ParseInt(n.get("range_match", "end").str(), 10, 64)
	case n.has("present_match"):
		h.Kind, h.Present = "present", n.get("present_match").bool()
	default:
		// A matcher with a name alone asks for presence.
		h.Kind, h.Present = "present", true
	}
	return h
}

func (h *HeaderMatch) stringMatch(n Node) {
	h.Fold = n.get("ignore_case").bool()
	switch {
	case n.has("exact"):
		h.Kind, h.Exact = "exact", n.get("exact").str()
	case n.has("prefix"):
		h.Kind, h.Prefix = "prefix", n.get("prefix").str()
	case n.has("suffix"):
		h.Kind, h.Suffix = "suffix", n.get("suffix").str()
	case n.has("contains"):
		h.Kind, h.Contains = "contains", n.get("contains").str()
	case n.has("safe_regex"):
		h.Kind, h.Regex = "regex", n.get("safe_regex", "regex").str()
	default:
		h.Kind = "custom"
	}
}

func queryMatch(n Node) HeaderMatch {
	h := HeaderMatch{Name: n.get("name").str()}
	switch {
	case n.has("string_match"):
		h.stringMatch(n.get("string_match"))
	case n.has("value"):
		h.Kind, h.Exact = "exact", n.get("value").str()
		if n.get("regex").bool() {
			h.Kind, h.Regex = "regex", h.Exact
		}
	default:
		h.Kind, h.Present = "present", true
		if n.has("present_match") {
			h.Present = n.get("present_match").bool()
		}
	}
	return h
}
