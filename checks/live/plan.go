package live

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"midwatch/checks/trace"
	"midwatch/hosts"
)

// The diagnoses that have live probes.
const (
	RedirectScheme = "redirect-scheme"
	UpgradeHeader  = "upgrade-header"
	EnvoyRoute     = "envoy-route"
	SSEBuffering   = "sse-buffering"
)

// Diagnoses lists them.
func Diagnoses() []string { return []string{RedirectScheme, UpgradeHeader, EnvoyRoute, SSEBuffering} }

// Has reports that a diagnosis has live probes.
func Has(diagnosis string) bool { return slices.Contains(Diagnoses(), diagnosis) }

// The two requests of upgrade-header.
const (
	Ordinary  = "ordinary"
	Handshake = "handshake"
)

// Probe is one request that is followed and asked at every station.
type Probe struct {
	Diagnosis, Variant string
	Question           trace.Question
}

// Probes are the requests that show whether the trouble of a diagnosis is there at a URL. The error tells
// what is wrong with the URL.
func Probes(diagnosis, address string) ([]Probe, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return nil, fmt.Errorf("probe %q: not a URL; want https://name/path", address)
	}
	q := trace.Question{URL: address, Method: "GET"}
	switch diagnosis {
	case RedirectScheme:
		if u.Scheme != "https" {
			return nil, fmt.Errorf("probe %q: whether https is lost shows only where a client has it; want https://", address)
		}
		return []Probe{{diagnosis, "", q}}, nil
	case UpgradeHeader:
		ws := q
		ws.Protocol = trace.WebSocket
		return []Probe{{diagnosis, Ordinary, q}, {diagnosis, Handshake, ws}}, nil
	case EnvoyRoute:
		return []Probe{{diagnosis, "", q}}, nil
	case SSEBuffering:
		q.Protocol = trace.SSE
		q.Headers = map[string]string{"Accept": "text/event-stream"}
		return []Probe{{diagnosis, "", q}}, nil
	}
	return nil, fmt.Errorf("no live probe for %q; there are: %s", diagnosis, strings.Join(Diagnoses(), ", "))
}

// Station is one thing on the way that answers requests: a proxy, or the application at the end.
type Station struct {
	// Ask has the ways to ask it, what is nearest to it first.
	Ask   []trace.Ask
	Asked hosts.Asked // all but the answer
}

// passing are the hops after which the next station begins.
var passing = []string{"upstream", "cluster", "service"} //nolint:gochecknoglobals // never changed

// naming are the hops that say best what a station is, the best first.
var naming = []string{"server", "listener", "router", "unit", "container", "socket", "process", "endpoint", "port"} //nolint:gochecknoglobals // never changed

// Stations splits the way of a probe into what answers on it, from outside in.
func (p Probe) Stations(t *trace.Trace) []Station {
	var out []Station
	var hops []trace.Hop
	flush := func() {
		if s, ok := p.station(t, hops, len(out)); ok {
			out = append(out, s)
		}
		hops = nil
	}
	for _, h := range t.Hops {
		hops = append(hops, h)
		if slices.Contains(passing, h.Kind) {
			flush()
		}
	}
	flush()
	return out
}

func (p Probe) station(t *trace.Trace, hops []trace.Hop, n int) (Station, bool) {
	s := Station{Asked: hosts.Asked{Diagnosis: p.Diagnosis, Variant: p.Variant, URL: t.URL, Station: n}}
	best := len(naming)
	seen := map[string]bool{}
	for _, h := range slices.Backward(hops) {
		if h.File != "" || h.Path != "" {
			s.Asked.Places = append(s.Asked.Places, hosts.Place{File: h.File, Line: h.Line, Path: h.Path})
		}
		if i := slices.Index(naming, h.Kind); i >= 0 && i < best {
			best = i
			s.Asked.Host, s.Asked.Container, s.Asked.Kind, s.Asked.Object = h.Host, h.Container, h.Kind, h.Object
		}
		if h.Ask == nil || seen[h.Ask.Network+h.Ask.Address] {
			continue
		}
		seen[h.Ask.Network+h.Ask.Address] = true
		s.Ask = append(s.Ask, p.shape(*h.Ask))
	}
	if len(s.Ask) == 0 {
		return s, false
	}
	s.Asked.From, s.Asked.Command = s.Ask[0].From, Curl(s.Ask[0], p.Diagnosis == SSEBuffering)
	return s, true
}

// shape makes the request of a station what the diagnosis asks everywhere: so that two stations differ in
// what they do, and not in what they are sent.
func (p Probe) shape(a trace.Ask) trace.Ask {
	head := map[string]string{}
	for k, v := range maps.All(a.Headers) {
		if !strings.Contains(v, hosts.Dots) {
			head[k] = v
		}
	}
	drop := func(names ...string) {
		for k := range head {
			if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, k) }) {
				delete(head, k)
			}
		}
	}
	drop("Content-Length", "Accept-Encoding", "Connection", "Upgrade")
	switch {
	case p.Diagnosis == RedirectScheme && !a.TLS:
		drop("X-Forwarded-Proto")
		head["X-Forwarded-Proto"] = "https"
	case p.Variant == Handshake:
		head["Connection"], head["Upgrade"] = "Upgrade", "websocket"
	}
	a.Headers, a.Method = head, "GET"
	return a
}

// Curl is the command that asks the same on the host that asks.
func Curl(a trace.Ask, stream bool) string {
	words := []string{"curl", "-si", "-m", "5"}
	if stream {
		words = append(words, "-N")
	}
	scheme := "http"
	if a.TLS {
		scheme = "https"
		words = append(words, "-k")
	}
	host := a.Host
	switch {
	case a.Network == "unix":
		words = append(words, "--unix-socket", quote(a.Address))
	case a.TLS:
		words = append(words, "--connect-to", quote("::"+a.Address))
		if a.SNI != "" {
			host = a.SNI
		}
	default:
		if host != a.Address {
			words = append(words, "-H", quote("Host: "+a.Host))
		}
		host = a.Address
	}
	for _, k := range slices.Sorted(maps.Keys(a.Headers)) {
		words = append(words, "-H", quote(k+": "+a.Headers[k]))
	}
	if strings.EqualFold(a.Headers["Upgrade"], "websocket") {
		words = append(words, "-H", quote("Sec-WebSocket-Version: 13"), "-H", quote("Sec-WebSocket-Key: bWlkd2F0Y2ggdHJhY2Uh"))
	}
	uri := a.URI
	if !strings.HasPrefix(uri, "/") {
		uri = "/" + uri
	}
	return strings.Join(append(words, quote(scheme+"://"+host+uri)), " ")
}

// quote makes one word of a shell.
func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/.,_-@%+=") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Keep is how long an answer counts as what happens now.
const Keep = 10 * time.Minute
