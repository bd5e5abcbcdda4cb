package hostrules

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"midwatch/checks"
	"midwatch/hosts"
)

func urlList() checks.Check {
	return checks.Check{
		ID:       "url-list-capacity",
		Title:    "a list of servers in a service's settings is not the fleet that there is",
		Area:     checks.AreaCapacity,
		Severity: checks.Warning,
		Why: "A service that finds its workers by a list of URLs counts what stands in it: an entry twice is capacity that is not there, an entry that nobody answers costs every search its timeout, " +
			"and a server that is in no list never gets a call.",
		Fix:       "One entry for each server that answers; then restart the service that reads the list.",
		Verify:    "curl -s URL/health/fleet answers for each entry, and each server of the fleet is an entry",
		Sources:   []string{"https://12factor.net/backing-services"},
		Diagnoses: []string{"worker-count"},
		Needs:     []checks.Need{checks.NeedUnits},
		Also:      []checks.Need{checks.NeedProbes, checks.NeedSockets},
		Eval:      checks.OnHost(evalURLList),
	}
}

func evalURLList(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	seen := map[string]bool{}
	for i := range h.Units.Value {
		u := &h.Units.Value[i]
		for _, f := range u.EnvFiles {
			for _, name := range slices.Sorted(maps.Keys(f.URLs)) {
				if key := f.Path + "\x00" + name; !seen[key] {
					seen[key] = true
					out = append(out, judgeList(h, u, f, name)...)
				}
			}
		}
	}
	if len(seen) == 0 {
		return checks.NotHere("no environment file of a unit has a list of URLs")
	}
	return out
}

// judgeList looks at one list: entries that stand twice, that do not answer, and servers that are missing.
func judgeList(h *checks.Host, u *hosts.Unit, file hosts.EnvFile, name string) []checks.Finding {
	list := file.URLs[name]
	find := func(key, title, text string) checks.Finding {
		f := h.Find("unit "+u.Name, checks.NeedUnits, text)
		f.Evidence[0].Source, f.File, f.Key, f.Title = file.Path, file.Path, name+" "+key, title
		return f
	}
	var out []checks.Finding
	listed := map[string]bool{}
	for _, e := range list {
		at := destination(e.Origin)
		if e.Again {
			out = append(out, find(e.Origin+" again", fmt.Sprintf("%s has %s twice: its capacity is counted twice", name, e.Origin), name+" names "+e.Origin+" more than once"))
			continue
		}
		if listed[at] {
			continue
		}
		listed[at] = true
		if why, ok := unreachable(h.World, at); ok {
			f := find(e.Origin, fmt.Sprintf("%s names %s, which does not answer", name, e.Origin), name+" names "+e.Origin)
			f.Evidence = append(f.Evidence, why)
			out = append(out, f)
		}
	}
	for _, m := range missing(h.World, listed) {
		f := find("missing "+m.Text, fmt.Sprintf("%s is a server of the fleet and not in %s: it gets no calls", m.Text, name), fmt.Sprintf("%s has %d entries", name, len(list)))
		m.Text += " answers"
		f.Evidence = append(f.Evidence, m)
		out = append(out, f)
	}
	return out
}

// destination is the host and port of a URL, "" where that is none.
func destination(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "ws": "80", "https": "443", "wss": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// unreachable tells whether nobody answers at a place: all probes that go there got no answer, or it is an
// address of a host of the fleet on which nobody listens.
func unreachable(w *checks.World, at string) (checks.Evidence, bool) {
	var why checks.Evidence
	asked := false
	for _, h := range w.Hosts {
		for _, p := range h.Probes.Value {
			if destination(p.Target) != at && p.Target != at || len(p.Results) == 0 {
				continue
			}
			r := p.Results[len(p.Results)-1]
			if r.OK || r.Status > 0 {
				return checks.Evidence{}, false
			}
			asked = true
			why = checks.Evidence{Source: p.Target, Text: orElse(r.Reason, "no answer"), Host: h.Name, At: r.At}
		}
	}
	name, port, err := net.SplitHostPort(at)
	n, perr := strconv.Atoi(port)
	if asked || err != nil || perr != nil || net.ParseIP(name) == nil {
		return why, asked
	}
	for _, h := range w.Hosts {
		if !h.Sockets.Known() || h.Host.Address != name && !has(h.Addresses.Value, name) || net.ParseIP(name).IsLoopback() {
			continue
		}
		if slices.ContainsFunc(h.Sockets.Value, func(s hosts.Socket) bool { return s.Proto == "tcp" && int(s.Port) == n }) || forwarded(h, n) {
			return checks.Evidence{}, false
		}
		return checks.Evidence{Source: h.Sockets.Source, Text: "nobody listens on " + port, Host: h.Name, At: h.Sockets.At}, true
	}
	return checks.Evidence{}, false
}

// forwarded reports a port that an engine forwards without a process that listens.
func forwarded(h *checks.Host, port int) bool {
	return slices.ContainsFunc(h.Containers.Value, func(c hosts.Container) bool {
		return slices.ContainsFunc(c.Ports, func(p hosts.Port) bool { return int(p.HostPort) == port })
	})
}

// missing are the servers that answer as ones of a fleet and are not in a list that has others of them.
func missing(w *checks.World, listed map[string]bool) []checks.Evidence {
	var out []checks.Evidence
	ours := false
	for _, h := range w.Hosts {
		for _, p := range h.Probes.Value {
			if p.Kind != "fleet" || len(p.Results) == 0 {
				continue
			}
			r := p.Results[len(p.Results)-1]
			at := destination(p.Target)
			switch {
			case listed[at]:
				ours = true
			case r.OK && at != "" && !slices.ContainsFunc(out, func(e checks.Evidence) bool { return e.Text == strings.TrimSuffix(at, ":443") }):
				out = append(out, checks.Evidence{Source: p.Target, Text: strings.TrimSuffix(at, ":443"), Host: h.Name, At: r.At})
			}
		}
	}
	if !ours {
		return nil
	}
	return out
}
