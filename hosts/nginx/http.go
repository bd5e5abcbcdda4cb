package nginx

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// HTTP is the meaning of the http part of a configuration.
type HTTP struct {
	Scope     Scope // the http level
	Servers   []*Server
	Upstreams map[string]*Upstream
	Maps      map[string]*Map // by variable name with the dollar sign
	Version   string          // "1.22.1"; "" when unknown. Defaults changed in 1.29.7.
	// Fragment is true when the files hold no http block: a site file or a snippet looked at alone.
	Fragment bool
}

// Scope is a chain of configuration levels, outermost first: http, server, location, nested
// location, if. Inheritance is read off it.
type Scope []*Level

// Level is one configuration level: the directive that opens it and its body.
type Level struct {
	Kind string // http, server, location, if
	Open *Directive
	Body []*Directive
}

// Inner returns the innermost level.
func (s Scope) Inner() *Level { return s[len(s)-1] }

func (s Scope) add(kind string, d *Directive) Scope {
	out := make(Scope, len(s), len(s)+1)
	copy(out, s)
	return append(out, &Level{Kind: kind, Open: d, Body: d.Block})
}

// Value returns the innermost setting of a directive that is inherited singly (proxy_read_timeout,
// root, resolver …), or nil when no level sets it and the default of nginx counts.
func (s Scope) Value(name string) *Directive {
	for i := len(s) - 1; i >= 0; i-- {
		if d := Last(s[i].Body, name); d != nil {
			return d
		}
	}
	return nil
}

// Array returns the settings of a directive that is inherited as a set (proxy_set_header,
// add_header, error_page …): those of the innermost level that has any, because one line at a
// level drops the whole outer set. dropped holds the sets of outer levels that are lost by it.
func (s Scope) Array(name string) (set, dropped []*Directive) {
	for i := len(s) - 1; i >= 0; i-- {
		ds := Find(s[i].Body, name)
		if len(ds) == 0 {
			continue
		}
		if set == nil {
			set = ds
			continue
		}
		dropped = append(dropped, ds...)
	}
	return set, dropped
}

// Server is a server block.
type Server struct {
	Scope   Scope
	D       *Directive
	Listens []Listen
	Names   []ServerName
	Locs    []*Location
	order   int
}

// Name is the first server name, or what stands for it.
func (s *Server) Name() string {
	for _, n := range s.Names {
		if n.Text != "" {
			return n.Text
		}
	}
	return "(no name)"
}

// Location is a location block. Named locations have Kind "@".
type Location struct {
	Scope Scope
	D     *Directive
	Kind  string // "" prefix, "=", "^~", "~", "~*", "@"
	Path  string
	Locs  []*Location
	re    *pattern
}

// Label is how the location stands in the file: "location ^~ /static/".
func (l *Location) Label() string { return "location " + strings.Join(l.D.Args, " ") }

// Listen is one listen directive.
type Listen struct {
	D         *Directive
	Addr      netip.Addr // the zero Addr is every address of the family
	V6        bool       // [::] or an IPv6 address
	Port      uint16
	Unix      string // path, for a unix socket
	Default   bool
	SSL       bool
	HTTP2     bool
	QUIC      bool
	Proxy     bool // proxy_protocol
	ReusePort bool
	V6Only    bool // ipv6only, on by default
	Text      string
}

// Wildcard reports that the socket takes every address of its family.
func (l Listen) Wildcard() bool { return l.Unix == "" && !l.Addr.IsValid() }

// ServerName is one name of a server.
type ServerName struct {
	Text string
	D    *Directive
	re   *pattern
}

// Upstream is an upstream group.
type Upstream struct {
	Name    string
	D       *Directive
	Members []Member
	Zone    bool
	Method  string // round-robin, least_conn, ip_hash, hash, random
}

// Member is one server line of an upstream.
type Member struct {
	D        *Directive
	Address  string // host:port, host, or unix:/path, as written
	MaxConns int
	MaxFails int
	Weight   int
	Down     bool
	Backup   bool
	Resolve  bool
}

// Map is a map block.
type Map struct {
	Source    string
	Var       string
	D         *Directive
	Hostnames bool
	Entries   []MapEntry
	Default   string
}

// MapEntry is one line of a map.
type MapEntry struct {
	Key, Value string
	D          *Directive
	re         *pattern
}

// NewHTTP reads the http levels of a configuration. A file without an http block is taken as what
// an http block includes, or as what a server block includes when it holds locations.
func NewHTTP(c *Config) *HTTP {
	h := &HTTP{Upstreams: map[string]*Upstream{}, Maps: map[string]*Map{}}
	blocks := Find(c.Root, "http")
	if len(blocks) == 0 {
		h.Fragment = true
		blocks = []*Directive{fragmentHTTP(c)}
	}
	for _, b := range blocks {
		scope := Scope{{Kind: "http", Open: b, Body: b.Block}}
		if h.Scope == nil {
			h.Scope = scope
		}
		h.readHTTP(scope, b)
	}
	return h
}

func fragmentHTTP(c *Config) *Directive {
	file := ""
	if len(c.Files) > 0 {
		file = c.Files[0].Name
	}
	b := &Directive{Name: "http", File: file, Block: c.Root}
	if len(Find(c.Root, "server")) == 0 && holdsServerParts(c.Root) {
		b.Block = []*Directive{{Name: "server", File: file, Line: 1, Block: c.Root}}
	}
	return b
}

func holdsServerParts(ds []*Directive) bool {
	for _, d := range ds {
		switch d.Name {
		case "location", "proxy_pass", "proxy_set_header", "listen", "server_name":
			return true
		}
	}
	return false
}

func (h *HTTP) readHTTP(scope Scope, b *Directive) {
	for _, d := range b.Block {
		switch {
		case d.Name == "server" && d.Block != nil:
			h.Servers = append(h.Servers, newServer(scope, d, len(h.Servers)))
		case d.Name == "upstream" && d.Block != nil && len(d.Args) == 1:
			if _, dup := h.Upstreams[d.Args[0]]; !dup {
				h.Upstreams[d.Args[0]] = newUpstream(d)
			}
		case d.Name == "map" && d.Block != nil && len(d.Args) == 2:
			h.Maps[d.Args[1]] = newMap(d)
		}
	}
}

func newServer(parent Scope, d *Directive, order int) *Server {
	s := &Server{D: d, Scope: parent.add("server", d), order: order}
	for _, x := range d.Block {
		switch x.Name {
		case "listen":
			s.Listens = append(s.Listens, ParseListen(x))
		case "server_name":
			for _, a := range x.Args {
				n := ServerName{Text: a, D: x}
				if strings.HasPrefix(a, "~") {
					n.re = compile(strings.TrimPrefix(a, "~"), false)
				}
				s.Names = append(s.Names, n)
			}
		}
	}
	if len(s.Listens) == 0 {
		// nginx listens on *:80 when a server says nothing (as root).
		s.Listens = []Listen{{D: d, Port: 80, Text: "*:80 (default)"}}
	}
	s.Locs = readLocations(s.Scope, d.Block, 0)
	return s
}

func readLocations(parent Scope, ds []*Directive, depth int) []*Location {
	if depth > maxNesting {
		return nil
	}
	var out []*Location
	for _, d := range ds {
		if d.Name != "location" || d.Block == nil || len(d.Args) == 0 {
			continue
		}
		l := &Location{D: d, Scope: parent.add("location", d)}
		l.Kind, l.Path = locationKind(d.Args)
		switch l.Kind {
		case "~":
			l.re = compile(l.Path, false)
		case "~*":
			l.re = compile(l.Path, true)
		case "@":
			// A named location inherits from the server, wherever it is jumped to from.
			l.Scope = parent.add("location", d)
		}
		l.Locs = readLocations(l.Scope, d.Block, depth+1)
		out = append(out, l)
	}
	return out
}

func locationKind(args []string) (kind, path string) {
	if len(args) >= 2 {
		return args[0], args[1]
	}
	a := args[0]
	for _, k := range []string{"^~", "~*", "=", "~"} {
		if strings.HasPrefix(a, k) {
			return k, strings.TrimPrefix(a, k)
		}
	}
	if strings.HasPrefix(a, "@") {
		return "@", a
	}
	return "", a
}

// ParseListen reads the arguments of a listen directive.
func ParseListen(d *Directive) Listen {
	l := Listen{D: d, Text: strings.Join(d.Args, " "), V6Only: true, Port: 80}
	if len(d.Args) == 0 {
		return l
	}
	l.address(d.Args[0])
	for _, a := range d.Args[1:] {
		switch a {
		case "default_server", "default":
			l.Default = true
		case "ssl":
			l.SSL = true
		case "http2":
			l.HTTP2 = true
		case "quic", "http3":
			l.QUIC = true
		case "proxy_protocol":
			l.Proxy = true
		case "reuseport":
			l.ReusePort = true
		case "ipv6only=off":
			l.V6Only = false
		}
	}
	return l
}

func (l *Listen) address(a string) {
	if p, ok := strings.CutPrefix(a, "unix:"); ok {
		l.Unix, l.Port = p, 0
		return
	}
	host, port := a, ""
	switch {
	case strings.HasPrefix(a, "["):
		l.V6 = true
		end := strings.IndexByte(a, ']')
		if end < 0 {
			return
		}
		host, port = a[1:end], strings.TrimPrefix(a[end+1:], ":")
	case strings.Contains(a, ":"):
		host, port, _ = strings.Cut(a, ":")
	default:
		if _, err := strconv.ParseUint(a, 10, 16); err == nil {
			host, port = "*", a
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		l.Port = uint16(n)
	}
	if ip, err := netip.ParseAddr(host); err == nil && !ip.IsUnspecified() {
		l.Addr = ip
	}
}

func newUpstream(d *Directive) *Upstream {
	u := &Upstream{Name: d.Args[0], D: d, Method: "round-robin"}
	for _, x := range d.Block {
		switch x.Name {
		case "server":
			if len(x.Args) > 0 {
				u.Members = append(u.Members, newMember(x))
			}
		case "zone":
			u.Zone = true
		case "least_conn", "ip_hash", "hash", "random", "least_time":
			u.Method = x.Name
		}
	}
	return u
}

func newMember(d *Directive) Member {
	m := Member{D: d, Address: d.Args[0], Weight: 1, MaxFails: 1}
	for _, a := range d.Args[1:] {
		k, v, _ := strings.Cut(a, "=")
		n, _ := strconv.Atoi(v)
		switch k {
		case "max_conns":
			m.MaxConns = n
		case "max_fails":
			m.MaxFails = n
		case "weight":
			m.Weight = n
		case "down":
			m.Down = true
		case "backup":
			m.Backup = true
		case "resolve":
			m.Resolve = true
		}
	}
	return m
}

func newMap(d *Directive) *Map {
	m := &Map{Source: d.Args[0], Var: d.Args[1], D: d}
	for _, x := range d.Block {
		v := x.Arg(0)
		switch {
		case x.Name == "default":
			m.Default = v
		case x.Name == "hostnames" && len(x.Args) == 0:
			m.Hostnames = true
		case x.Name == "volatile" && len(x.Args) == 0, x.Name == "include":
		default:
			e := MapEntry{Key: strings.TrimPrefix(x.Name, `\`), Value: v, D: x}
			if r, ok := strings.CutPrefix(x.Name, "~*"); ok {
				e.re = compile(r, true)
			} else if r, ok := strings.CutPrefix(x.Name, "~"); ok {
				e.re = compile(r, false)
			}
			m.Entries = append(m.Entries, e)
		}
	}
	return m
}

// Lookup gives the value of the map for a source value: exact keys first, then host name wildcards,
// then patterns in order, then the default. why names the line.
func (m *Map) Lookup(v string) (value string, caps map[string]string, why string) {
	lower := strings.ToLower(v)
	for _, e := range m.Entries {
		if e.re == nil && strings.ToLower(e.Key) == lower {
			return e.Value, nil, e.D.At()
		}
	}
	if m.Hostnames {
		if e := m.hostname(strings.TrimSuffix(lower, ".")); e != nil {
			return e.Value, nil, e.D.At()
		}
	}
	for _, e := range m.Entries {
		if e.re == nil {
			continue
		}
		if caps, ok := e.re.match(v); ok {
			return e.Value, caps, e.D.At()
		}
	}
	return m.Default, nil, m.D.At() + " default"
}

func (m *Map) hostname(v string) *MapEntry {
	var best *MapEntry
	bestLen, bestLead := -1, false
	for i := range m.Entries {
		e := &m.Entries[i]
		if e.re != nil {
			continue
		}
		ok, lead, n := wildcardMatch(strings.ToLower(e.Key), v)
		if !ok {
			continue
		}
		if (lead && !bestLead) || (lead == bestLead && n > bestLen) {
			best, bestLen, bestLead = e, n, lead
		}
	}
	return best
}

// wildcardMatch matches "*.x.com", ".x.com" and "x.*"; lead tells a wildcard at the front, n how
// long the fixed part is.
func wildcardMatch(pat, host string) (ok, lead bool, n int) {
	switch {
	case strings.HasPrefix(pat, "*."):
		return strings.HasSuffix(host, pat[1:]) && len(host) > len(pat)-1, true, len(pat)
	case strings.HasPrefix(pat, "."):
		return host == pat[1:] || strings.HasSuffix(host, pat), true, len(pat)
	case strings.HasSuffix(pat, ".*"):
		return strings.HasPrefix(host, pat[:len(pat)-1]) && len(host) > len(pat)-1, false, len(pat)
	}
	return false, false, 0
}

// Port names a socket for people.
func (l Listen) String() string {
	switch {
	case l.Unix != "":
		return "unix:" + l.Unix
	case l.V6 && !l.Addr.IsValid():
		return fmt.Sprintf("[::]:%d", l.Port)
	case l.V6:
		return fmt.Sprintf("[%s]:%d", l.Addr, l.Port)
	case !l.Addr.IsValid():
		return fmt.Sprintf("*:%d", l.Port)
	default:
		return fmt.Sprintf("%s:%d", l.Addr, l.Port)
	}
}
