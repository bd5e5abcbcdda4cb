package live

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
)

// Verdict is what the answers of one probe mean.
type Verdict int

// The verdicts.
const (
	Unclear Verdict = iota // the answers do not tell
	NotSeen                // the trouble is not there, as a client sees it
	Proved                 // it is, and At is where it comes in
)

func (v Verdict) String() string {
	return [...]string{"unclear", "not seen", "proved"}[max(0, min(int(v), 2))]
}

// Proof is what one probe showed.
type Proof struct {
	Diagnosis, Variant, URL string
	Verdict                 Verdict
	Says                    string       // one sentence
	At                      *hosts.Asked // the station where the trouble comes in; nil unless Proved
	Asked                   []*hosts.Asked
}

// good and bad are what a station's answer says of the trouble: neither when it does not tell.
type view int

const (
	mute view = iota
	good
	bad
)

// Judge reads the proofs out of answers, those of each probe together, in the order they were asked.
func Judge(asked []hosts.Asked) []Proof {
	var out []Proof
	at := map[[3]string]int{}
	for i := range asked {
		a := &asked[i]
		k := [3]string{a.Diagnosis, a.Variant, a.URL}
		n, ok := at[k]
		if !ok {
			n = len(out)
			at[k] = n
			out = append(out, Proof{Diagnosis: a.Diagnosis, Variant: a.Variant, URL: a.URL})
		}
		out[n].Asked = append(out[n].Asked, a)
	}
	for i := range out {
		out[i].judge()
	}
	return out
}

// judge looks from outside in for the last station where the trouble shows while what is behind it is free
// of it: that one brings it in.
func (p *Proof) judge() {
	slices.SortStableFunc(p.Asked, func(a, b *hosts.Asked) int { return a.Station - b.Station })
	views := make([]view, len(p.Asked))
	outer, inner := -1, -1 // the first and the last that tell
	for i, a := range p.Asked {
		if views[i] = p.look(a); views[i] != mute {
			if outer < 0 {
				outer = i
			}
			inner = i
		}
	}
	switch {
	case outer < 0:
		p.Says = "no station gives an answer that tells: " + p.answers()
		return
	case views[outer] == good:
		p.Verdict, p.Says = NotSeen, fmt.Sprintf("%s answers %s: %s", name(p.Asked[outer]), Answer(p.Asked[outer]), p.fine())
		return
	case views[inner] == bad && p.Diagnosis == UpgradeHeader:
		p.Says = fmt.Sprintf("%s itself answers %s: %s", name(p.Asked[inner]), Answer(p.Asked[inner]), "nothing that a proxy does")
		return
	case views[inner] == bad && p.Diagnosis == SSEBuffering && inner > 0:
		p.Says = fmt.Sprintf("%s itself sends nothing at first (%s): no proxy holds it back", name(p.Asked[inner]), Answer(p.Asked[inner]))
		return
	}
	where := outer
	for i := outer; i <= inner && views[i] != good; i++ {
		if views[i] == bad {
			where = i
		}
	}
	p.Verdict, p.At = Proved, p.Asked[where]
	p.Says = fmt.Sprintf("%s answers %s", name(p.At), Answer(p.At))
	for _, next := range p.Asked[where+1:] {
		if p.look(next) == good {
			p.Says += fmt.Sprintf(", and %s behind it %s", name(next), Answer(next))
			break
		}
	}
}

// fine is what it means that the outermost station shows no trouble.
func (p *Proof) fine() string {
	switch p.Diagnosis {
	case RedirectScheme:
		return "https stays https"
	case UpgradeHeader:
		if p.Variant == Handshake {
			return "a WebSocket comes through"
		}
		return "ordinary requests come through"
	case SSEBuffering:
		return "the stream comes as it is sent"
	}
	return "not an answer of Envoy's own"
}

func (p *Proof) answers() string {
	var out []string
	for _, a := range p.Asked {
		out = append(out, name(a)+" answers "+Answer(a))
	}
	if len(out) == 0 {
		return "none could be asked"
	}
	return strings.Join(out, ", ")
}

func (p *Proof) look(a *hosts.Asked) view {
	if a.Err != "" && p.Diagnosis != SSEBuffering {
		return mute
	}
	switch p.Diagnosis {
	case RedirectScheme:
		return lookLocation(a)
	case UpgradeHeader:
		return lookUpgrade(p.Variant, a)
	case EnvoyRoute:
		return lookEnvoy(a)
	case SSEBuffering:
		return lookStream(a)
	}
	return mute
}

// lookLocation tells whether a redirect keeps https.
func lookLocation(a *hosts.Asked) view {
	to, err := url.Parse(a.Location)
	asked, err2 := url.Parse(a.URL)
	if a.Location == "" || err != nil || err2 != nil || a.Status < 300 || a.Status > 399 {
		return mute
	}
	switch {
	case to.Host == "":
		return good // relative: the browser stays where it is
	case to.Scheme == "http" && strings.EqualFold(to.Hostname(), asked.Hostname()):
		return bad
	case to.Scheme == "https" && strings.Contains(to.RawQuery, "redirect_uri=http%3A"):
		return bad // sent to a login that is told to come back by http
	case to.Scheme == "https":
		return good
	}
	return mute
}

func lookUpgrade(variant string, a *hosts.Asked) view {
	switch {
	case variant == Handshake && a.Status == 101:
		return good
	case a.Status == 401 || a.Status == 403:
		return mute // who is not logged in is not told
	case variant == Handshake:
		return bad
	case a.Status == 400:
		return bad
	case a.Status >= 500:
		return mute
	}
	return good
}

// lookEnvoy tells an answer of Envoy itself from one of what is behind it.
func lookEnvoy(a *hosts.Asked) view {
	if a.Kind != "listener" {
		return mute
	}
	own := !a.Upstream && (strings.EqualFold(a.Server, "envoy") || a.Flags != "")
	switch a.Status {
	case 404, 500, 502, 503, 504:
		if own {
			return bad
		}
	}
	return good
}

// held is how late the first byte of a stream may be.
const held = time.Second

func lookStream(a *hosts.Asked) view {
	switch {
	case a.Status != 0 && a.Status != 200, a.Status == 200 && a.ContentType != "" && !strings.Contains(a.ContentType, "event-stream"):
		return mute
	case a.First > 0 && a.First < held:
		return good
	case a.First >= held, a.Err == "" && a.Took >= held, strings.HasPrefix(a.Err, "no answer within"):
		return bad
	}
	return mute
}

// Answer is an answer in a few words.
func Answer(a *hosts.Asked) string {
	switch {
	case a.Err != "":
		return a.Err
	case a.Location != "":
		return fmt.Sprintf("%d to %s", a.Status, short(a.Location))
	case a.Diagnosis == SSEBuffering && a.First > 0:
		return fmt.Sprintf("%d, first byte after %s of %s", a.Status, a.First.Round(time.Millisecond), a.Took.Round(time.Millisecond))
	case a.Diagnosis == EnvoyRoute:
		return fmt.Sprintf("%d%s", a.Status, envoySays(a))
	}
	return fmt.Sprint(a.Status)
}

// short is where a redirect leads, without its query but for where a login is told to come back to.
func short(location string) string {
	u, err := url.Parse(location)
	if err != nil || u.RawQuery == "" {
		return location
	}
	back := u.Query().Get("redirect_uri")
	u.RawQuery, u.Fragment = "", ""
	if back != "" {
		return fmt.Sprintf("%s, to come back to %s", u, back)
	}
	return u.String()
}

// envoySays is what the body of an answer of Envoy's own means.
func envoySays(a *hosts.Asked) string {
	if a.Upstream || !strings.EqualFold(a.Server, "envoy") {
		return ", from behind it"
	}
	flags := ""
	if a.Flags != "" {
		flags = ", response flags " + a.Flags
	}
	switch {
	case a.Status == 404 && strings.TrimSpace(a.Body) == "":
		return " of its own: no virtual host or no route matches (NR)" + flags
	case strings.Contains(a.Body, "no healthy upstream"):
		return " of its own: no healthy endpoint (UH)" + flags
	case strings.Contains(a.Body, "reset reason: connection") || strings.Contains(a.Body, "delayed connect error"):
		return " of its own: the endpoint refuses or ends the connection (UF, UC)" + flags
	case strings.Contains(a.Body, "upstream request timeout"):
		return " of its own: the endpoint does not answer in time (UT)" + flags
	}
	return flags
}

// name is what a station is called.
func name(a *hosts.Asked) string {
	s := a.Kind + " " + a.Object
	if a.Container != "" && a.Kind != "container" {
		s += " in " + a.Container
	}
	if a.Host != "" {
		s += " on " + a.Host
	}
	return s
}
