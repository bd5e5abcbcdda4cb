package main

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/inventory"
)

// pattern is a SOURCE of "midwatch logs" as it was typed.
type pattern struct {
	text string
	host string // "" for every host
	kind hosts.LogKind
	name string // may hold * and ? for containers and units
	// group says that name is not that of the source but of what it belongs to: "compose", "service" or
	// "target"; "" for a name of its own.
	group string
}

// glob reports whether names have to be looked up before the pattern means sources.
func (p pattern) glob() bool {
	return p.host == "" || p.group != "" || !p.own() && p.wild()
}

// own reports what the console itself tells of hosts.
func (p pattern) own() bool { return p.kind == hosts.LogEvents || p.kind == hosts.LogProbes }

func (p pattern) wild() bool {
	return strings.ContainsAny(p.name, "*?[") && p.kind != hosts.LogFile
}

// parsePattern reads [HOST/]KIND[:NAME], and HOST alone for its whole journal. Hosts decide: a name
// may hold neither "/" nor ":".
func parsePattern(text string, known func(host string) bool) (pattern, error) {
	p := pattern{text: text}
	rest := text
	if host, after, ok := strings.Cut(text, "/"); ok && !strings.Contains(host, ":") {
		if !known(host) && !(host == inventory.Here && strings.HasPrefix(after, "events")) {
			return p, fmt.Errorf("%s: no host %q", text, host)
		}
		p.host, rest = host, after
	} else if known(text) {
		p.host, p.kind = text, hosts.LogJournal
		return p, nil
	}
	kind, name, named := strings.Cut(rest, ":")
	kinds := map[string]hosts.LogKind{
		"container": hosts.LogContainer, "unit": hosts.LogUnit, "journal": hosts.LogJournal, "file": hosts.LogFile,
		"events": hosts.LogEvents, "probes": hosts.LogProbes,
		"compose": hosts.LogContainer, "service": hosts.LogContainer, "target": hosts.LogUnit,
	}
	p.kind, p.name = kinds[kind], name
	switch kind {
	case "compose", "service", "target":
		p.group = kind
	}
	switch {
	case p.kind == hosts.LogUnknown:
		return p, fmt.Errorf("%s: want [HOST/]container:NAME, [HOST/]unit:NAME, HOST/file:PATH, HOST/journal, [HOST/]events, [HOST/]probes, [HOST/]compose:PROJECT, [HOST/]service:NAME, [HOST/]target:NAME, or the name of a log or a host of the inventory", text)
	case p.kind == hosts.LogJournal && named, p.kind != hosts.LogJournal && !p.own() && name == "":
		return p, fmt.Errorf("%s: a journal has no name, containers, units and files have one", text)
	case p.kind == hosts.LogFile && (p.host == "" || !strings.HasPrefix(name, "/")):
		return p, fmt.Errorf("%s: want HOST/file:/absolute/path", text)
	}
	if _, err := path.Match(name, ""); err != nil {
		return p, fmt.Errorf("%s: %w", text, err)
	}
	if p.group == "target" && !strings.HasSuffix(name, ".target") {
		p.name += ".target"
	}
	if p.kind == hosts.LogUnit && p.group == "" && !strings.ContainsAny(name, "*?[") && !strings.Contains(name, ".") {
		p.name += ".service" // as systemctl takes it
	}
	return p, nil
}

// fromLog makes patterns of a named log of the inventory.
func fromLog(l inventory.Log) []pattern {
	var out []pattern
	for _, s := range l.Sources {
		at := s.Hosts
		if len(at) == 0 {
			at = []string{""}
		}
		for _, h := range at {
			out = append(out, pattern{text: l.Name, host: h, kind: s.Kind, name: s.Name})
		}
	}
	return out
}

// expand turns patterns into sources, looking names up in a snapshot; each source once, in order.
// unmatched are the patterns that stand for nothing there.
func expand(patterns []pattern, snap *hosts.Snapshot) (found []hosts.LogSource, unmatched []pattern) {
	seen := map[hosts.LogSource]bool{}
	for _, p := range patterns {
		n := 0
		for _, s := range p.sources(snap) {
			n++
			if !seen[s] {
				seen[s] = true
				found = append(found, s)
			}
		}
		if n == 0 {
			unmatched = append(unmatched, p)
		}
	}
	return found, unmatched
}

func (p pattern) sources(snap *hosts.Snapshot) []hosts.LogSource {
	if !p.glob() {
		return []hosts.LogSource{{Host: p.host, Kind: p.kind, Name: p.name}}
	}
	var out []hosts.LogSource
	if p.kind == hosts.LogEvents { // what was done to no host in particular
		out = append(out, hosts.LogSource{Host: inventory.Here, Kind: p.kind, Name: p.name})
	}
	for _, h := range snap.Hosts {
		if p.host != "" && h.Host.Name != p.host {
			continue
		}
		for _, name := range p.names(h) {
			out = append(out, hosts.LogSource{Host: h.Host.Name, Kind: p.kind, Name: name})
		}
	}
	return out
}

// names are what p matches on one host.
func (p pattern) names(h *hosts.HostFacts) []string {
	var out []string
	switch p.kind {
	case hosts.LogJournal:
		if h.Host.Kind != hosts.KindDocker {
			out = append(out, "")
		}
	case hosts.LogContainer:
		for i := range h.Containers.Value {
			if p.contains(&h.Containers.Value[i]) {
				out = append(out, h.Containers.Value[i].Name)
			}
		}
	case hosts.LogUnit:
		if p.group == "target" {
			return p.members(h.Units.Value)
		}
		for i := range h.Units.Value {
			if u := h.Units.Value[i].Name; matches(p.name, u) || matches(p.name, strings.TrimSuffix(u, ".service")) {
				out = append(out, u)
			}
		}
	case hosts.LogEvents, hosts.LogProbes:
		out = append(out, p.name)
	default:
	}
	return out
}

// contains decides about a container.
func (p pattern) contains(c *hosts.Container) bool {
	switch p.group {
	case "compose":
		project, service, one := strings.Cut(p.name, "/")
		return matches(project, c.Project) && (!one || matches(service, c.Service))
	case "service":
		return c.Service != "" && (matches(p.name, c.Service) || matches(p.name, c.Project+"_"+c.Service))
	}
	return matches(p.name, c.Name)
}

// members are the units of the targets that p names, and of the targets below those, which are in the list.
func (p pattern) members(units []hosts.Unit) []string {
	in := map[string]bool{}
	for again := true; again; {
		again = false
		add := func(u string) {
			again = again || !in[u]
			in[u] = true
		}
		for i := range units {
			u := &units[i]
			target := strings.HasSuffix(u.Name, ".target")
			if target && matches(p.name, u.Name) {
				add(u.Name)
			}
			if slices.ContainsFunc(u.PartOf, func(of string) bool { return in[of] && strings.HasSuffix(of, ".target") }) {
				add(u.Name)
			}
			if target && in[u.Name] {
				for _, w := range slices.Concat(u.Wants, u.ConsistsOf) {
					add(w)
				}
			}
		}
	}
	var out []string
	for i := range units {
		if u := units[i].Name; in[u] && !strings.HasSuffix(u, ".target") {
			out = append(out, u)
		}
	}
	return out
}

// elsewhere counts the running tasks of Swarm services that p names whose containers are on no host we
// read.
func (p pattern) elsewhere(snap *hosts.Snapshot) int {
	if p.group != "service" || p.host != "" {
		return 0
	}
	here := map[string]bool{}
	for _, h := range snap.Hosts {
		for i := range h.Containers.Value {
			here[h.Containers.Value[i].ID] = true
		}
	}
	away := map[string]bool{} // managers all tell of the same tasks
	for _, h := range snap.Hosts {
		for _, t := range h.Swarm.Value.Tasks {
			if t.State == "running" && t.ContainerID != "" && matches(p.name, t.Service) && !here[t.ContainerID] {
				away[t.ContainerID] = true
			}
		}
	}
	return len(away)
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// allSources lists what a snapshot knows to have a log: containers, then services.
func allSources(snap *hosts.Snapshot, wanted func(host string) bool) []hosts.LogSource {
	var out []hosts.LogSource
	for _, h := range snap.Hosts {
		if !wanted(h.Host.Name) {
			continue
		}
		for i := range h.Containers.Value {
			out = append(out, hosts.LogSource{Host: h.Host.Name, Kind: hosts.LogContainer, Name: h.Containers.Value[i].Name})
		}
		for i := range h.Units.Value {
			if u := h.Units.Value[i].Name; strings.HasSuffix(u, ".service") {
				out = append(out, hosts.LogSource{Host: h.Host.Name, Kind: hosts.LogUnit, Name: u})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b hosts.LogSource) int {
		return strings.Compare(a.Host, b.Host)
	})
	return out
}

// parseWhen reads a moment: a duration ago ("15m", "2d"), a time of the last 24 hours ("14:05",
// "14:05:30"), a day, a day with a time, or RFC 3339.
func parseWhen(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if d, err := time.ParseDuration(days + "h"); err == nil && d >= 0 {
			return now.Add(-24 * d), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			at := time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location())
			if at.After(now) {
				at = at.AddDate(0, 0, -1)
			}
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no moment: want 15m, 2d, 14:05, 2026-11-29, 2026-11-29 14:05 or RFC 3339", text)
}
