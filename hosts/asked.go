package hosts

import "time"

// Asked is what one station of a request answered when it was asked for real: a live probe of a diagnosis.
type Asked struct {
	Diagnosis string // "redirect-scheme"
	Variant   string // which of its requests: "ordinary", "handshake"; "" where there is one
	URL       string // the request as a client has it
	Station   int    // its place on the way, from outside in
	// Host is whom the station belongs to and Object what it is: "server shop.test", "container api".
	Host, Container, Kind, Object string
	// Places are the lines that the request passes in it: of a server, a location, a route.
	Places []Place
	From   string // the host it was asked from; "" for this machine
	// Command asks the same by hand, on From.
	Command string
	At      time.Time
	Took    time.Duration // until the end of the answer, or of what was read of it
	First   time.Duration // until the first byte of its body; 0 when none came
	Status  int
	// Location, Server, ContentType and Flags are headers; Flags are Envoy's response flags.
	Location, Server, ContentType, Flags string
	Upstream                             bool   // Envoy says that the answer is of what is behind it
	Body                                 string // its first bytes, cleaned
	Err                                  string // why there was no answer
}

// Place is a line of a configuration, or a place in what an API said.
type Place struct {
	File string
	Line int
	Path string
}

// Passes reports that the station's request goes through a line.
func (a *Asked) Passes(file string, line int) bool {
	for _, p := range a.Places {
		if p.File == file && p.Line == line {
			return true
		}
	}
	return false
}

// WithAsked is the snapshot together with what live probes were answered.
func (s *Snapshot) WithAsked(asked []Asked) *Snapshot {
	if len(asked) == 0 {
		return s
	}
	next := *s
	next.Asked = asked
	return &next
}
