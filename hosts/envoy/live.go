package envoy

import (
	"fmt"
	"strings"
	"time"
)

// ClusterStatus is one cluster of /clusters?format=json.
type ClusterStatus struct {
	Name     string
	AddedAPI bool
	Hosts    []HostStatus
	Path     string
}

// HostStatus is one host of a cluster as Envoy sees it now.
type HostStatus struct {
	Address  string
	Port     int
	Pipe     string
	Hostname string
	Flags    []string // failed_active_health_check, failed_outlier_check, …
	EDS      string   // eds_health_status
	Weight   int
	Priority int
	Stats    map[string]int // cx_active, cx_connect_fail, rq_error, rq_total, …
}

// Label is "address:port" or the pipe.
func (h HostStatus) Label() string {
	return Endpoint{Address: h.Address, Port: h.Port, Pipe: h.Pipe}.Label()
}

// Healthy applies Envoy's rule: no failing flag is set and EDS does not say otherwise. EDS may say
// HEALTHY while the active check fails; then the host is not healthy.
func (h HostStatus) Healthy() bool { return len(h.Flags) == 0 && edsHealthy(h.EDS) }

func edsHealthy(s string) bool { return s == "" || s == "HEALTHY" || s == "UNKNOWN" || s == "DEGRADED" }

// badFlags are the health flags that keep traffic away.
var badFlags = []string{
	"failed_active_health_check", "failed_outlier_check", "pending_active_hc",
	"excluded_via_immediate_hc_fail", "active_hc_timeout", "pending_dynamic_removal",
}

// ParseClusters reads /clusters?format=json.
func ParseClusters(data []byte) ([]*ClusterStatus, error) {
	root, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("envoy clusters: %w", err)
	}
	var out []*ClusterStatus
	for _, c := range root.get("cluster_statuses").list() {
		s := &ClusterStatus{Name: c.get("name").str(), AddedAPI: c.get("added_via_api").bool(), Path: c.Path}
		for _, h := range c.get("host_statuses").list() {
			s.Hosts = append(s.Hosts, hostStatus(h))
		}
		out = append(out, s)
	}
	return out, nil
}

func hostStatus(n Node) HostStatus {
	h := HostStatus{
		Hostname: n.get("hostname").str(), Weight: n.get("weight").num(), Priority: n.get("priority").num(),
		EDS: n.get("health_status", "eds_health_status").str(), Stats: map[string]int{},
	}
	h.Address, h.Port, h.Pipe, _ = address(n.get("address"))
	for _, f := range badFlags {
		if n.get("health_status", f).bool() {
			h.Flags = append(h.Flags, f)
		}
	}
	for _, s := range n.get("stats").list() {
		h.Stats[s.get("name").str()] = s.get("value").num()
	}
	return h
}

// ListenerStatus is one listener of /listeners?format=json: what is really bound.
type ListenerStatus struct {
	Name    string
	Address string
	Port    int
	Pipe    string
}

// ParseListeners reads /listeners?format=json.
func ParseListeners(data []byte) ([]ListenerStatus, error) {
	root, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("envoy listeners: %w", err)
	}
	var out []ListenerStatus
	for _, l := range root.get("listener_statuses").list() {
		s := ListenerStatus{Name: l.get("name").str()}
		s.Address, s.Port, s.Pipe, _ = address(l.get("local_address"))
		out = append(out, s)
	}
	return out, nil
}

// ServerInfo is /server_info.
type ServerInfo struct {
	Version string
	State   string // LIVE, DRAINING, PRE_INITIALIZING, INITIALIZING
	Uptime  time.Duration
	Node    string
	Cluster string
}

// ParseServerInfo reads /server_info.
func ParseServerInfo(data []byte) (ServerInfo, error) {
	root, err := decode(data)
	if err != nil {
		return ServerInfo{}, fmt.Errorf("envoy server info: %w", err)
	}
	up, _ := time.ParseDuration(root.get("uptime_current_epoch").str())
	v := root.get("version").str()
	if parts := strings.Split(v, "/"); len(parts) > 1 {
		v = parts[1]
	}
	return ServerInfo{
		Version: v, State: root.get("state").str(), Uptime: up,
		Node: root.get("node", "id").str(), Cluster: root.get("node", "cluster").str(),
	}, nil
}

// Cert is one certificate of /certs.
type Cert struct {
	Path     string
	Serial   string
	Names    []string // DNS subject alternative names
	From     time.Time
	Until    time.Time
	DaysLeft int
}

// ParseCerts reads /certs.
func ParseCerts(data []byte) ([]Cert, error) {
	root, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("envoy certs: %w", err)
	}
	var out []Cert
	for _, g := range root.get("certificates").list() {
		for _, c := range g.get("cert_chain").list() {
			x := Cert{Path: c.get("path").str(), Serial: c.get("serial_number").str(), DaysLeft: c.get("days_until_expiration").num()}
			for _, n := range c.get("subject_alt_names").list() {
				if d := n.get("dns").str(); d != "" {
					x.Names = append(x.Names, d)
				}
			}
			x.From, _ = time.Parse(time.RFC3339, c.get("valid_from").str())
			x.Until, _ = time.Parse(time.RFC3339, c.get("expiration_time").str())
			out = append(out, x)
		}
	}
	return out, nil
}

// Join gives each cluster what /clusters said of it, and EDS clusters without endpoints the hosts
// found there.
func (c *Config) Join(live []*ClusterStatus) {
	byName := map[string]*ClusterStatus{}
	for _, s := range live {
		byName[s.Name] = s
	}
	for _, cl := range c.Clusters {
		cl.Live = byName[cl.Name]
		if cl.Live == nil || len(cl.Endpoints) > 0 {
			continue
		}
		for _, h := range cl.Live.Hosts {
			cl.Endpoints = append(cl.Endpoints, Endpoint{
				Address: h.Address, Port: h.Port, Pipe: h.Pipe, Hostname: h.Hostname,
				Health: h.EDS, Weight: h.Weight, Priority: h.Priority, Path: cl.Live.Path,
			})
		}
	}
}
