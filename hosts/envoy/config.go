package envoy

import (
	"fmt"
	"strings"
	"time"
)

// State is where a resource stands.
type State int

// The states of listeners and clusters. Only active and static ones serve.
const (
	StateUnknown State = iota
	StateStatic
	StateActive
	StateWarming
	StateDraining
)

func (s State) String() string {
	return [...]string{"unknown", "static", "active", "warming", "draining"}[s]
}

// Serves reports that traffic is taken.
func (s State) Serves() bool { return s == StateStatic || s == StateActive }

// Config is what /config_dump told, by itself; /clusters and /listeners are joined by Join.
type Config struct {
	Listeners []*Listener
	Routes    []*RouteConfig // of the RoutesConfigDump; inline ones are in their HCM
	Clusters  []*Cluster
	Assigned  []*Assignment // of the EndpointsConfigDump (?include_eds)
	// Admin is the admin interface of the bootstrap; nil when the dump does not tell.
	Admin *Admin
	// Kept names the types that were met and not understood, with how often.
	Kept map[string]int
}

// Admin is where the admin interface listens.
type Admin struct {
	Address string
	Port    int
	Pipe    string
	Path    string
}

// Listener is a listener.
type Listener struct {
	Name       string
	Address    string
	Port       int
	Pipe       string
	Proto      string // TCP or UDP
	State      State
	Error      string // error_state: details of the last rejected update
	Chains     []*Chain
	Default    *Chain
	Inspector  bool // the TLS inspector is there, which server_names need
	Matcher    bool // filter_chain_matcher decides instead, which is not implemented here
	Path       string
	LastUpdate string
	Version    string
}

// Chain is a filter chain.
type Chain struct {
	Name       string
	Match      Match
	TLS        bool
	Secrets    []string // SDS names or certificate files
	Offers     []string // ALPN protocols that are offered
	HCM        *HCM
	TCPCluster string
	Filters    []string // names, in order
	Path       string
}

// Label names a chain for people.
func (c *Chain) Label() string {
	switch {
	case c.Name != "":
		return c.Name
	case len(c.Match.ServerNames) > 0:
		return "chain for " + strings.Join(c.Match.ServerNames, ", ")
	}
	return c.Path
}

// Match is filter_chain_match.
type Match struct {
	DestinationPort   int
	PrefixRanges      []string // CIDR
	ServerNames       []string
	TransportProtocol string
	ALPN              []string
	DirectSource      []string
	SourceType        string // ANY, SAME_IP_OR_LOOPBACK, EXTERNAL
	SourceRanges      []string
	SourcePorts       []int
}

// HCM is the HTTP connection manager of a chain.
type HCM struct {
	RouteName        string // RDS
	Route            *RouteConfig
	StripMatching    bool // strip_matching_host_port
	StripAny         bool // strip_any_host_port
	UseRemoteAddress bool
	XFFHops          int
	Upgrades         map[string]bool
	StreamIdle       string
	HTTPFilters      []string
	SchemeOverwrite  string
	Path             string
}

// RouteConfig is a route configuration.
type RouteConfig struct {
	Name       string
	VHosts     []*VHost
	IgnorePort bool // ignore_port_in_host_matching
	Path       string
	Dynamic    bool
	VHDS       bool // virtual hosts come on demand: a missing one proves nothing
}

// VHost is a virtual host.
type VHost struct {
	Name       string
	Domains    []string
	Routes     []*Route
	RequireTLS string
	Path       string
}

// Route is one route. Exactly one of Cluster, Weighted, ClusterHeader, Redirect, Direct is set;
// otherwise Other names what it does.
type Route struct {
	Name          string
	Match         RouteMatch
	Cluster       string
	Weighted      []WeightedCluster
	ClusterHeader string
	Redirect      *Redirect
	Direct        *Direct
	Other         string
	PrefixRewrite string
	RegexRewrite  [2]string
	HostRewrite   string // literal; "auto" for auto_host_rewrite, "header NAME" for one from a header
	Timeout       string // as written; "" is Envoy's default of 15 s
	IdleTimeout   string
	Upgrades      map[string]bool
	Path          string
}

// WeightedCluster is one share of a split.
type WeightedCluster struct {
	Cluster string
	Weight  int
}

// Redirect is a redirect action.
type Redirect struct {
	HTTPS, StripQuery                               bool
	Scheme, Host, PathRedirect, PrefixRewrite, Code string
	RegexRewrite                                    [2]string
	Port                                            int
}

// Direct is a direct response.
type Direct struct {
	Status int
	Body   string
}

// Cluster is an upstream cluster.
type Cluster struct {
	Name      string
	Type      string // STATIC, STRICT_DNS, LOGICAL_DNS, EDS, ORIGINAL_DST, or the name of a custom type
	EDSName   string
	State     State
	Error     string
	Endpoints []Endpoint
	TLS       bool
	SNI       string
	HTTP2     bool
	Timeout   string // connect_timeout
	Panic     float64
	Path      string
	More      []string // names of further settings it has, health_checks
	// Live is what /clusters said; nil when it was not asked.
	Live *ClusterStatus
}

// Endpoint is one endpoint of a cluster.
type Endpoint struct {
	Address  string
	Port     int
	Pipe     string
	Hostname string
	Health   string // health_status of EDS
	Weight   int
	Priority int
	Path     string
}

// Label is "address:port" or the pipe.
func (e Endpoint) Label() string {
	if e.Pipe != "" {
		return "unix:" + e.Pipe
	}
	if strings.Contains(e.Address, ":") {
		return fmt.Sprintf("[%s]:%d", e.Address, e.Port)
	}
	return fmt.Sprintf("%s:%d", e.Address, e.Port)
}

// Assignment is a ClusterLoadAssignment of EDS.
type Assignment struct {
	Cluster   string
	Endpoints []Endpoint
}

// Cluster returns the cluster of that name that serves, else one that does not, else nil.
func (c *Config) Cluster(name string) *Cluster {
	var other *Cluster
	for _, x := range c.Clusters {
		if x.Name != name {
			continue
		}
		if x.State.Serves() {
			return x
		}
		other = x
	}
	return other
}

// RouteConfig returns the route configuration of that name from the RoutesConfigDump, or nil.
func (c *Config) RouteConfig(name string) *RouteConfig {
	for _, r := range c.Routes {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// DefaultRouteTimeout is what a route without a timeout gets (route.RouteAction.timeout).
const DefaultRouteTimeout = 15 * time.Second
