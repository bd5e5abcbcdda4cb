package health

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

// State is how well something is, from what is known.
type State int

// The states, in the order in which one speaks for several. The zero value claims nothing.
const (
	Unknown  State = iota
	Healthy        // it said so, lately
	Present        // something is there; nobody asks it how it is
	Starting       // it is not to be judged yet
	Degraded
	Failing
)

func (s State) String() string {
	return [...]string{"unknown", "healthy", "there", "starting", "degraded", "failing"}[s]
}

// rank orders states by how much they matter for a whole: what is unknown keeps the rest from being
// healthy, and not from failing.
func (s State) rank() int {
	return [...]int{Unknown: 3, Healthy: 0, Present: 1, Starting: 2, Degraded: 4, Failing: 5}[s]
}

// Kind is what sort of endpoint something is.
type Kind string

// The kinds. Those of probes are as the inventory names them.
const (
	Basic       Kind = "basic"
	Detailed    Kind = "detailed"
	Ready       Kind = "ready"
	Live        Kind = "live"
	Fleet       Kind = "fleet"
	TCP         Kind = "tcp"
	TLS         Kind = "tls"
	Healthcheck Kind = "healthcheck" // of a container
	Replicas    Kind = "replicas"    // of a Swarm service with a healthcheck
	Upstream    Kind = "upstream"    // behind a proxy
)

// Deep says that an endpoint looks at what the service needs, and not only that it answers.
func (k Kind) Deep() bool { return k == Detailed || k == Ready }

// shallow says that an endpoint only tells that the process answers.
func (k Kind) shallow() bool { return k == Basic || k == Live || k == TCP || k == TLS }

// Endpoint is one place that says how a service is.
type Endpoint struct {
	Host   string // whose facts hold it
	From   string // the host it is asked from; "" for this machine
	Name   string
	Kind   Kind
	Target string // URL, address, command
	Origin string // "inventory", "healthcheck of CONTAINER", "nginx.conf:12"
	State  State
	Why    string // one line, where there is something to say
	Short  string // in a few cells, where a number says it: "2/3"
	Last   hosts.ProbeResult
	Asked  bool // Last is an answer
	// Overdue is how long the next answer has been due; 0 while it is not.
	Overdue   time.Duration
	Every     time.Duration
	Tolerant  bool
	History   []hosts.ProbeResult // oldest first
	Container string              // ID of the container it is about
}

// Group is what sort of service something is.
type Group int

// The groups, in the order in which they are shown.
const (
	Probed Group = iota
	Clustered
	Contained
	Proxied
)

func (g Group) String() string {
	return [...]string{"probes", "swarm services", "container healthchecks", "behind proxies"}[g]
}

// Service is one service with all that says how it is.
type Service struct {
	ID        string
	Name      string
	Host      string // whose facts hold it
	Group     Group
	State     State
	Why       string
	Endpoints []Endpoint
	// Shallow says that it answers, and that a deeper look fails.
	Shallow bool
	// Tolerated is the fault of a certificate that is tolerated.
	Tolerated string
	// Ends is when the first of its certificates ends; zero without one.
	Ends     time.Time
	Capacity *Capacity
}

// Lead is the endpoint that speaks for the service: the worst one, and of several the deepest.
func (s *Service) Lead() *Endpoint {
	if len(s.Endpoints) == 0 {
		return nil
	}
	best := &s.Endpoints[0]
	for i := range s.Endpoints[1:] {
		e := &s.Endpoints[i+1]
		if c := cmp.Compare(e.State.rank(), best.State.rank()); c > 0 || c == 0 && e.Kind.Deep() && !best.Kind.Deep() {
			best = e
		}
	}
	return best
}

// CertSoon is how near the end of a certificate is worth a warning.
const CertSoon = 14 * 24 * time.Hour

// judge derives what is said of the whole.
func (s *Service) judge(now time.Time) {
	if len(s.Endpoints) == 0 {
		return
	}
	lead := s.Lead()
	s.State, s.Why = lead.State, lead.Why
	if s.Why != "" && s.Group == Probed && len(s.Endpoints) > 1 {
		s.Why = lead.Name + ": " + s.Why // which one it is
	}
	answers, deep := false, ""
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		switch {
		case e.Kind.shallow() && e.State == Healthy:
			answers = true
		case e.Kind.Deep() && (e.State == Failing || e.State == Degraded) && deep == "":
			deep = string(e.Kind) + " fails: " + e.Why
		}
		if e.Last.Tolerated != "" && e.Asked {
			s.Tolerated = e.Last.Tolerated
		}
		if c := e.Last.Cert; c != nil && e.Asked && (s.Ends.IsZero() || c.Until.Before(s.Ends)) {
			s.Ends = c.Until
		}
	}
	if answers && deep != "" {
		s.Shallow, s.Why = true, "it answers, but "+deep
	}
	if s.Capacity != nil && s.Capacity.Wrong() {
		if s.State.rank() < Degraded.rank() {
			s.State, s.Why = Degraded, s.Capacity.Text()
		}
	}
	if left := s.Ends.Sub(now); s.State == Healthy && !s.Ends.IsZero() && left < CertSoon {
		s.Why = "a certificate ends in " + days(left)
	}
}

func days(d time.Duration) string { return strconv.Itoa(int(d.Hours()/24)) + " days" }

// Moment is when the facts of a snapshot are to be judged: now, and for a capture the moment it was
// made.
func Moment(s *hosts.Snapshot, now time.Time) time.Time {
	for _, h := range s.Hosts {
		if h.Link.Captured() && !s.At.IsZero() {
			return s.At
		}
	}
	return now
}

// Asked are the services of a fleet that somebody asks, as they are at a moment: probed ones, Swarm
// services and containers with a healthcheck.
func Asked(s *hosts.Snapshot, now time.Time) []Service {
	now = Moment(s, now)
	out := probed(s, now)
	out = append(out, swarmed(s)...)
	for _, h := range s.Hosts {
		out = append(out, contained(h)...)
	}
	for i := range out {
		out[i].judge(now)
	}
	return out
}

// Behind are the upstreams of nginx and the clusters of Envoy, with what stands behind each place
// they send traffic to. They change with the snapshot only.
func Behind(s *hosts.Snapshot) []Service {
	out := proxied(s)
	for i := range out {
		v := &out[i]
		v.judge(s.At)
		bad := 0
		for _, e := range v.Endpoints {
			if e.State == Failing {
				bad++
			}
		}
		if bad > 0 && bad < len(v.Endpoints) {
			v.State, v.Why = Degraded, strconv.Itoa(bad)+" of "+strconv.Itoa(len(v.Endpoints))+" places: "+v.Why
		}
	}
	return out
}

// overdue is how long an answer has been due at now: three turns of asking, and some grace.
func overdue(last time.Time, every time.Duration, now time.Time) time.Duration {
	const grace = 10 * time.Second
	if every <= 0 {
		every = 30 * time.Second
	}
	return max(0, now.Sub(last.Add(3*every+grace)))
}

// old says why what a host said before may not be true any more, "" when it may be taken for true.
func old(h *hosts.HostFacts, standing hosts.Standing, reason string) string {
	switch {
	case h.Link.State != hosts.StateConnected:
		return strings.TrimSuffix("host "+h.Link.State.String()+": "+h.Link.Reason, ": ")
	case standing != hosts.Fresh:
		return cmp.Or(reason, "not read lately")
	}
	return ""
}

// byKind keeps the endpoints of a service in the order people read them.
func byKind(es []Endpoint) {
	order := []Kind{Basic, Detailed, Ready, Live, Fleet, TCP, TLS}
	slices.SortStableFunc(es, func(a, b Endpoint) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)), strings.Compare(a.Name, b.Name))
	})
}
