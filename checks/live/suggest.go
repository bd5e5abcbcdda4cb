package live

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"midwatch/checks"
	"midwatch/checks/trace"
	"midwatch/hosts"
)

// suggested bounds how many URLs are suggested: each is asked at every station of its way.
const suggested = 3

// Suggest names URLs that would show the trouble of a diagnosis: those that its findings are about, as a
// client asks for them, and those that the inventory probes.
func Suggest(s *hosts.Snapshot, edges []trace.Edge, diagnosis string, causes []*checks.Finding) []string {
	var out []string
	add := func(u string) {
		if _, err := Probes(diagnosis, u); err == nil && !slices.Contains(out, u) && len(out) < suggested {
			out = append(out, u)
		}
	}
	for _, f := range causes {
		rest, ok := strings.CutPrefix(f.Object, "server ")
		name, location, _ := strings.Cut(rest, " location ")
		if !ok || !strings.Contains(name, ".") || strings.ContainsAny(name, "*~ ") {
			continue
		}
		for _, p := range paths(diagnosis, location) {
			add(public(edges, name) + p)
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, h := range s.Hosts {
		for _, p := range h.Probes.Value {
			if u, err := url.Parse(p.Target); err == nil && u.Scheme == "https" && strings.Contains(u.Hostname(), ".") {
				u.RawQuery, u.User = "", nil
				add(u.String())
			}
		}
	}
	for _, e := range edges {
		if !strings.Contains(e.Public, "*") {
			add(public(edges, e.Public) + "/")
		}
	}
	return out
}

// public is how a client begins the URL of a name.
func public(edges []trace.Edge, name string) string {
	for _, e := range edges {
		if strings.EqualFold(e.Public, name) && e.Port == 80 {
			return "http://" + name
		}
		if strings.EqualFold(e.Public, name) && e.Port != 443 {
			return fmt.Sprintf("https://%s:%d", name, e.Port)
		}
	}
	return "https://" + name
}

// paths are what to ask for in a location. A redirect is likely where a slash is missing, or to log in.
func paths(diagnosis, location string) []string {
	words := strings.Fields(location)
	path := "/"
	if len(words) > 0 && strings.HasPrefix(words[len(words)-1], "/") {
		path = words[len(words)-1]
	}
	if diagnosis != RedirectScheme {
		return []string{path}
	}
	out := []string{"/login"}
	if bare := strings.TrimSuffix(path, "/"); bare != "" {
		out = []string{bare, path}
	}
	return out
}

// Telling leaves out the answers of requests that told nothing, where others of the same diagnosis did.
func Telling(asked []hosts.Asked) []hosts.Asked {
	var out []hosts.Asked
	for _, p := range Judge(asked) {
		if p.Verdict != Unclear {
			for _, a := range p.Asked {
				out = append(out, *a)
			}
		}
	}
	if len(out) == 0 {
		return asked
	}
	return out
}
