package hostrules

import (
	"fmt"
	"slices"
	"strings"

	"midwatch/checks"
	"midwatch/hosts"
)

func shallowVsDeep() checks.Check {
	return checks.Check{
		ID:       "health-shallow-vs-deep",
		Title:    "the process answers and does not work",
		Area:     checks.AreaHealth,
		Severity: checks.Error,
		Why: "The simple endpoint says that the process is there; the deep one says that something it needs is not. A balancer that asks the simple one keeps " +
			"sending requests. A page of HTML with status 200 is often the web application's own front page, not an answer of the service.",
		Fix:       "Mend the dependency that the deep answer names; let balancers and healthchecks ask the deep or the ready endpoint.",
		Verify:    "the deep endpoint answers 200 with a good status",
		Sources:   []string{"https://datatracker.ietf.org/doc/html/draft-inadarei-api-health-check"},
		Diagnoses: []string{"reachability"},
		Needs:     []checks.Need{checks.NeedProbes},
		Eval:      checks.OnHost(evalShallow),
	}
}

func evalShallow(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	services := map[string][]hosts.Probe{}
	var order []string
	for _, p := range h.Probes.Value {
		if len(p.Results) == 0 {
			continue
		}
		if services[p.Service] == nil {
			order = append(order, p.Service)
		}
		services[p.Service] = append(services[p.Service], p)
	}
	for _, name := range order {
		ps := services[name]
		simple := slices.ContainsFunc(ps, func(p hosts.Probe) bool { return shallow(p) && last(p).OK })
		for _, p := range ps {
			r := last(p)
			switch {
			case html(p, r):
				f := h.Find("probe "+p.Name, checks.NeedProbes, fmt.Sprintf("%s: %d %s", p.Target, r.Status, firstLine(r.Body)))
				f.Title = p.Target + " answers 200 with a page of HTML, not with its health"
				f.Severity = checks.Warning
				out = append(out, f)
			case deep(p) && simple && !r.OK && (r.Status == 401 || r.Status == 403 || r.Status == 404):
				out = append(out, checks.Unsure("probe "+p.Name, fmt.Sprintf("%s answers %d: what is behind the service is not known", p.Target, r.Status)))
			case deep(p) && simple && (!r.OK || badState(r.State)):
				f := h.Find("probe "+p.Name, checks.NeedProbes, fmt.Sprintf("%s: %d %s %s", p.Target, r.Status, r.State, r.Reason))
				f.Title = name + " is up and something it needs is not: " + orElse(r.Reason, "status "+r.State)
				out = append(out, f)
			case r.OK && badState(r.State):
				f := h.Find("probe "+p.Name, checks.NeedProbes, fmt.Sprintf("%s: %d status %s", p.Target, r.Status, r.State))
				f.Title = fmt.Sprintf("%s answers %d and says %s", p.Target, r.Status, r.State)
				out = append(out, f)
			}
		}
	}
	return out
}

func last(p hosts.Probe) hosts.ProbeResult { return p.Results[len(p.Results)-1] }

func shallow(p hosts.Probe) bool { return p.Kind == "basic" || p.Kind == "live" }

func deep(p hosts.Probe) bool { return p.Kind == "detailed" || p.Kind == "ready" || p.Kind == "fleet" }

func badState(s string) bool {
	switch strings.ToLower(s) {
	case "", "ok", "healthy", "up", "pass", "passing", "ready", "alive", "success", "available":
		return false
	}
	return true
}

// html reports a page where an answer of a service is expected.
func html(p hosts.Probe, r hosts.ProbeResult) bool {
	body := strings.ToLower(strings.TrimSpace(r.Body))
	return r.OK && !p.Page && p.Kind != "" && p.Kind != "tcp" && p.Kind != "tls" && (strings.HasPrefix(body, "<!doctype html") || strings.HasPrefix(body, "<html"))
}

func probeFails() checks.Check {
	return checks.Check{
		ID:        "reachability-host-port",
		Title:     "a service does not answer its probe",
		Area:      checks.AreaHealth,
		Severity:  checks.Error,
		Why:       "Refused means that nothing listens there; a timeout that a packet filter or a dead host is in the way; a name that is not found is DNS.",
		Fix:       "Follow the request with midwatch trace URL: it names the hop that does not hold.",
		Verify:    "the probe answers again",
		Sources:   []string{"https://man7.org/linux/man-pages/man2/connect.2.html"},
		Diagnoses: []string{"reachability"},
		Needs:     []checks.Need{checks.NeedProbes},
		After:     []string{"docker-host-disconnected", "health-shallow-vs-deep"},
		Eval: checks.OnHost(func(h *checks.Host) []checks.Finding {
			var out []checks.Finding
			for _, p := range h.Probes.Value {
				if len(p.Results) == 0 || last(p).OK {
					continue
				}
				r := last(p)
				f := h.Find("probe "+p.Name, checks.NeedProbes, fmt.Sprintf("%s from %s: %s", p.Target, orElse(p.From, "this machine"), r.Reason))
				f.Title = fmt.Sprintf("%s: %s", p.Target, r.Reason)
				out = append(out, f)
			}
			return out
		}),
	}
}

func agentSkew() checks.Check {
	return checks.Check{
		ID:        "version-skew-agent",
		Title:     "an agent runs an older version than its hub has",
		Area:      checks.AreaHealth,
		Severity:  checks.Info,
		Why:       "Agents update themselves; one that lags has not reached the hub, or its update failed. It does old things in a new protocol.",
		Fix:       "Look at the agent's log on that node; restart its service.",
		Verify:    "its VERSION file says what the hub's version endpoint says",
		Sources:   []string{"https://semver.org/"},
		Diagnoses: []string{"reachability"},
		Needs:     []checks.Need{checks.NeedAgents},
		Eval:      checks.OnHost(evalAgents),
	}
}

func evalAgents(h *checks.Host) []checks.Finding {
	if len(h.Agents.Value) == 0 {
		return checks.NotHere("no agent here")
	}
	want := ""
	for _, x := range h.World.Hosts {
		if x.AgentHub.Known() && x.AgentHub.Value.Version != "" {
			want = x.AgentHub.Value.Version
		}
	}
	if want == "" {
		return []checks.Finding{checks.Unsure("agents", "the hub's version is not known")}
	}
	var out []checks.Finding
	for _, a := range h.Agents.Value {
		if a.Version == want {
			continue
		}
		f := h.Find("agent "+a.Name, checks.NeedAgents, fmt.Sprintf("%s: %s, the hub has %s", a.Path, orElse(a.Version, "no version"), want))
		f.Title = fmt.Sprintf("%s has version %s, the hub has %s", a.Name, orElse(a.Version, "unknown"), want)
		if !a.Running {
			f.Severity = checks.Warning
			f.Title += ", and it does not run"
		}
		out = append(out, f)
	}
	return out
}

func composeDrift() checks.Check {
	return checks.Check{
		ID:        "compose-drift",
		Title:     "what runs is not what the files say",
		Area:      checks.AreaCompose,
		Severity:  checks.Warning,
		Why:       "Somebody changed a file and did not deploy, or deployed and changed the file back. The next docker compose up changes more than anybody expects.",
		Fix:       "Decide which of the two is right: docker compose up -d makes it so, or put the file back.",
		Verify:    "docker compose config --hash '*' equals the label com.docker.compose.config-hash of each container",
		Sources:   []string{"https://docs.docker.com/reference/cli/docker/compose/up/"},
		Diagnoses: []string{"unpinned-image"},
		Needs:     []checks.Need{checks.NeedCompose},
		Eval: checks.OnHost(func(h *checks.Host) []checks.Finding {
			var out []checks.Finding
			for _, p := range h.Compose.Value {
				for _, d := range p.Drift {
					object := "project " + p.Name
					if d.Service != "" {
						object = "service " + d.Service
					}
					f := h.Find(object, checks.NeedCompose, d.Kind+": "+d.Detail)
					f.Title = fmt.Sprintf("%s of %s: %s", orElse(d.Service, "files"), p.Name, d.Detail)
					f.File, f.Line, f.Key = d.File, d.Line, p.Name+" "+d.Kind
					out = append(out, f)
				}
			}
			return out
		}),
	}
}
