package picture

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Pair is one request of the table.
type Pair struct {
	Method  string
	URL     string
	Headers []Header
}

// Header is one header of a request.
type Header struct{ Name, Value string }

// Answer is what became of a request.
type Answer struct {
	Status   int
	Way      []string // "HOST/CONTAINER SERVER LOCATION" of each nginx, outermost first
	By       string   // "HOST/CONTAINER" or "HOST/UNIT" at the end; "" when an nginx answered itself
	Saw      string   // what arrived there
	Location string   // of a redirect
}

// String puts an answer on one line.
func (a Answer) String() string {
	s := fmt.Sprint(a.Status)
	for _, w := range a.Way {
		s += " [" + w + "]"
	}
	if a.By != "" {
		s += " by " + a.By + " saw " + a.Saw
	}
	if a.Location != "" {
		s += " to " + a.Location
	}
	return s
}

// String is the pair as it stands in the table.
func (p Pair) String() string {
	s := p.Method + " " + p.URL
	for i, h := range p.Headers {
		sep := "; "
		if i == 0 {
			sep = " "
		}
		s += sep + h.Name + ": " + h.Value
	}
	return s
}

// Args are the arguments of "midwatch trace" for a pair.
func (p Pair) Args() []string {
	out := []string{"trace", p.URL, "--json", "-X", p.Method}
	for _, h := range p.Headers {
		out = append(out, "-H", h.Name+": "+h.Value)
	}
	return out
}

// Host is the Host header of the request.
func (p Pair) Host() string {
	for _, h := range p.Headers {
		if strings.EqualFold(h.Name, "Host") {
			return h.Value
		}
	}
	u, err := url.Parse(p.URL)
	if err != nil {
		return ""
	}
	return u.Host
}

// Parse reads a table: "METHOD URL [NAME: VALUE; NAME: VALUE...]" a line.
func Parse(text string) ([]Pair, error) {
	var out []Pair
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.SplitN(line, " ", 3)
		if len(f) < 2 || !strings.Contains(f[1], "://") {
			return nil, fmt.Errorf("line %d: want METHOD URL, got %q", n+1, line)
		}
		p := Pair{Method: f[0], URL: f[1]}
		for _, h := range slices.DeleteFunc(strings.Split(strings.Join(f[2:], ""), "; "), func(s string) bool { return s == "" }) {
			name, value, ok := strings.Cut(h, ": ")
			if !ok {
				return nil, fmt.Errorf("line %d: header %q is not NAME: VALUE", n+1, h)
			}
			p.Headers = append(p.Headers, Header{name, value})
		}
		out = append(out, p)
	}
	return out, nil
}
