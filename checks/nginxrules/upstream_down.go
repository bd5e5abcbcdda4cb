package nginxrules

import (
	"fmt"

	"midwatch/checks"
	"midwatch/checks/trace"
	"midwatch/hosts/nginx"
)

func upstreamAllDown() checks.Check {
	return checks.Check{
		ID:       "nginx-upstream-all-down",
		Title:    "no server of an upstream can be reached",
		Area:     checks.AreaNginx,
		Severity: checks.Critical,
		Why: "Every server of the group is gone: nginx answers 502 (\"no live upstreams while connecting to upstream\"). " +
			"Where servers have max_conns, the same 502 means that all of them are busy: the fleet is full then, not down.",
		Fix:       "Bring the servers back, or correct the addresses; with max_conns, wait or add workers.",
		Verify:    "curl -si http://HOST/PATH is not 502",
		Sources:   []string{"https://nginx.org/en/docs/http/ngx_http_upstream_module.html#server"},
		Diagnoses: []string{"max-conns", "reachability"},
		Eval:      checks.OnNginx(evalUpstreamAllDown),
	}
}

func evalUpstreamAllDown(n *checks.Nginx) []checks.Finding {
	if n.Host == nil {
		return checks.NotHere("a file does not tell what runs")
	}
	var out []checks.Finding
	for _, u := range upstreams(n) {
		if !used(n, u) {
			continue
		}
		f := n.At(u.D, "upstream "+u.Name)
		live, dead, dark := 0, 0, 0
		for _, m := range u.Members {
			if m.Down {
				continue
			}
			st, why := reach(n, m.Address)
			if st == trace.Unknown {
				dark++
			}
			if st == trace.Broken {
				dead++
				f.Covers = append(f.Covers, "upstream "+hostOf(m.Address))
				if path, ok := unixPath(m.Address); ok {
					f.Covers = append(f.Covers, "socket "+path)
				}
				f.Evidence = append(f.Evidence, n.Line(m.D))
				f.Evidence[len(f.Evidence)-1].Text += "  (" + why + ")"
				continue
			}
			live++
		}
		if live == 0 && dead > 0 {
			f.Title = fmt.Sprintf("none of the %d servers of %s can be reached", dead, u.Name)
			out = append(out, f)
		}
		if dark > 0 && dark == live {
			out = append(out, checks.Unsure("upstream "+u.Name, "who takes connections to the servers of "+u.Name+" is not known"))
		}
	}
	return append(append(out, full(n)...), noLive(n)...)
}

// noLive judges what the log says: no server of a group could be had. Where they take a limited number
// of calls that means full, unless connections were refused as well.
func noLive(n *checks.Nginx) []checks.Finding {
	refused := len(logged(n, "upstream-refused")) > 0
	var out []checks.Finding
	for _, s := range logged(n, "no-live-upstreams") {
		u := n.HTTP.Upstreams[firstMatch(logUpstream, s.Line)]
		if u == nil {
			f := n.Host.Spoken(s)
			f.Severity = checks.Error
			f.Title = "requests were answered 502: no server of the upstream could be had"
			out = append(out, f)
			continue
		}
		f := n.At(u.D, "upstream "+u.Name)
		f.Key, f.Severity = "log", checks.Error
		f.Title = fmt.Sprintf("%d requests to %s were answered 502: all of its servers were taken out after failures", s.Count, u.Name)
		if leastLimit(u) > 0 && !refused {
			f.Severity = checks.Warning
			f.Title = fmt.Sprintf("%d requests to %s were answered 502: all of its servers were busy, the fleet was full", s.Count, u.Name)
			f.Fix = "Nothing is broken. Add workers to the units and to the upstream if it happens often."
		}
		f.Evidence = append(f.Evidence, said(n, s)...)
		out = append(out, f)
	}
	return out
}

// used reports that some place passes to the upstream by its name.
func used(n *checks.Nginx, u *nginx.Upstream) bool {
	for _, l := range levels(n) {
		for _, d := range l.scope.Inner().Body {
			if len(d.Args) == 1 && passAddress(d.Args[0]) == u.Name {
				return true
			}
		}
	}
	return false
}

// reach asks the facts who takes connections at an address that nginx passes to.
func reach(n *checks.Nginx, address string) (trace.Status, string) {
	if path, ok := unixPath(address); ok {
		at, known := onHost(n, path)
		if !known || !n.Host.Sockets.Known() {
			return trace.Unknown, "not known"
		}
		if listener(n.Host, at) == nil {
			if u := ownerOf(n.Host, at); u != nil && u.Draining() {
				return trace.OK, "" // it ends its calls, as it was told to
			}
			return trace.Broken, "nobody listens on " + at
		}
		return trace.OK, ""
	}
	if n.World.Snapshot == nil {
		return trace.Unknown, "not known"
	}
	return trace.Summary(trace.Behind(n.World.Snapshot, n.Host.Name, n.Container, address, 80))
}

// full finds a fleet that reports all of its workers busy: that is what the 502 means then.
func full(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, u := range upstreams(n) {
		if leastLimit(u) == 0 {
			continue
		}
		for _, h := range n.World.Hosts {
			for _, p := range h.Probes.Value {
				if p.Kind != "fleet" || len(p.Results) == 0 || !probes(n, h, p) {
					continue
				}
				r := p.Results[len(p.Results)-1]
				if r.Capacity <= 0 || r.Busy < r.Capacity {
					continue
				}
				f := n.At(u.D, "upstream "+u.Name)
				f.Key, f.Severity = "full", checks.Warning
				f.Title = fmt.Sprintf("the fleet is full: %d of %d workers are busy, the next call gets 502", r.Busy, r.Capacity)
				f.Fix = "Nothing is broken. Wait for calls to end, or add workers to the units and to the upstream."
				f.Evidence = append(f.Evidence, checks.Evidence{Source: p.Target, Text: fmt.Sprintf("busy %d, capacity %d", r.Busy, r.Capacity), Host: h.Name, At: r.At})
				out = append(out, f)
			}
		}
	}
	return out
}
