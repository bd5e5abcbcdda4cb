package main

import (
	"time"

	"midwatch/checks"
	"midwatch/checks/catalog"
	"midwatch/checks/mend"
	"midwatch/hosts"
	"midwatch/hosts/fleet"
	"midwatch/tui"
	"midwatch/tui/compare"
	"midwatch/tui/containers"
	"midwatch/tui/findings"
	tuifleet "midwatch/tui/fleet"
	"midwatch/tui/health"
	"midwatch/tui/logs"
	"midwatch/tui/ports"
	"midwatch/tui/routes"
	"midwatch/tui/runs"
	"midwatch/tui/services"
	"midwatch/tui/timeline"
	tuitrace "midwatch/tui/trace"
	"midwatch/tui/ui"
)

// screens are the rooms of the console, in the order of their tabs.
// ask runs the checks on a snapshot, for the screens that show what they find; deploys is what the screens of
// runs are built with beside the rest.
func screens(ask func(*hosts.Snapshot) findings.Answer, deploys runs.Deps) []tui.ScreenFactory {
	traced := new(tuitrace.History)
	found := findings.NewMemory(ask)
	found.Plan = func(f *checks.Finding) ui.OpenMsg {
		return ui.OpenMsg{Screen: "deploys", Object: runs.Object("plan", mendName+f.ID())}
	}
	return []tui.ScreenFactory{
		{ID: "fleet", Title: "Fleet", New: func(d ui.Deps, o ui.OpenMsg) ui.Screen { return tuifleet.New(d, o, judge) }},
		{ID: "containers", Title: "Containers", New: func(d ui.Deps, o ui.OpenMsg) ui.Screen { return containers.New(d, o) }},
		{ID: "services", Title: "Services", New: func(d ui.Deps, o ui.OpenMsg) ui.Screen { return services.New(d, o) }},
		{ID: "ports", Title: "Ports", New: func(d ui.Deps, o ui.OpenMsg) ui.Screen { return ports.New(d, o) }},
		{ID: "routes", Title: "Routes", New: func(d ui.Deps, o ui.OpenMsg) ui.Screen { return routes.New(d, o) }},
		{ID: "logs", Title: "Logs", New: func(d ui.Deps, o ui.OpenMsg) ui.Screen { return logs.Open(d, o) }},
		{ID: "health", Title: "Health", New: func(d ui.Deps, o ui.OpenMsg) ui.Screen { return health.New(d, o) }},
		{ID: "checks", Title: "Checks", New: func(d ui.Deps, o ui.OpenMsg) ui.Screen { return findings.New(d, o, found) }},
		{ID: "timeline", Title: "Timeline", New: func(d ui.Deps, o ui.OpenMsg) ui.Screen { return timeline.New(d, o) }},
		{ID: "trace", Title: "Trace", Takes: "URL", New: func(d ui.Deps, o ui.OpenMsg) ui.Screen { return tuitrace.New(d, o, traced) }},
		{ID: "deploys", Title: "Deploys", Key: "D", New: func(d ui.Deps, o ui.OpenMsg) ui.Screen {
			with := deploys
			with.Deps = d
			return runs.New(with, o)
		}},
		{ID: "guide", Title: "Guide", Key: "W", New: func(d ui.Deps, o ui.OpenMsg) ui.Screen { return findings.NewGuide(d, o, found, diagnoses()) }},
		{ID: "compare", Title: "Compare", New: func(d ui.Deps, o ui.OpenMsg) ui.Screen { return compare.New(d, o) }},
	}
}

// reach is what the palette reaches beside screens and hosts: every trouble that the guide knows, in the words
// of who has it, and every check.
func reach() []tui.Reach {
	all := catalog.All()
	out := make([]tui.Reach, 0, len(all))
	for _, d := range catalog.Diagnoses() {
		out = append(out, tui.Reach{Kind: "guide", Title: d.Symptom, Detail: d.Title, Open: ui.OpenMsg{Screen: "guide", Object: d.ID}})
	}
	for i := range all {
		out = append(out, tui.Reach{Kind: "check", Title: all[i].ID, Detail: all[i].Title, Open: ui.OpenMsg{Screen: "checks", Object: all[i].ID}})
	}
	return out
}

// askChecks makes the func that runs all checks; mutes are findings that somebody said are known.
func askChecks(mutes []checks.Mute) func(*hosts.Snapshot) findings.Answer {
	return func(s *hosts.Snapshot) findings.Answer {
		w := checks.FromSnapshot(s)
		r := checks.Run(w, catalog.All(), checks.Options{Mutes: mutes})
		return findings.Answer{Report: r, Mends: offers(w, r)}
	}
}

// offers forms the mends of what was found.
func offers(w *checks.World, r *checks.Report) map[string]findings.Offer {
	out := map[string]findings.Offer{}
	for i := range r.Answers {
		for j := range r.Answers[i].Findings {
			f := &r.Answers[i].Findings[j]
			if f.Status != checks.Found {
				continue
			}
			m, err := mend.For(w, f)
			if err != nil {
				out[f.ID()] = findings.Offer{Why: err.Error()}
				continue
			}
			out[f.ID()] = findings.Offer{Mend: m}
		}
	}
	return out
}

// diagnoses are the questions of the guide, each with its checks.
func diagnoses() []findings.Diagnosis {
	var out []findings.Diagnosis
	all := catalog.All()
	for _, d := range catalog.Diagnoses() {
		list, _ := catalog.Select(all, d.ID)
		out = append(out, findings.Diagnosis{ID: d.ID, Title: d.Title, Symptom: d.Symptom, Checks: list})
	}
	return out
}

// level is how the screens call a severity.
func level(s fleet.Severity) hosts.Level {
	switch s {
	case fleet.SeverityCritical:
		return hosts.LevelFatal
	case fleet.SeverityError:
		return hosts.LevelError
	case fleet.SeverityWarning:
		return hosts.LevelWarn
	default:
		return hosts.LevelInfo
	}
}

// judge makes the line of a host, by the rules that "midwatch status" has.
func judge(h *hosts.HostFacts, now time.Time) tuifleet.Row {
	r := fleet.Summary(h, now)
	out := tuifleet.Row{
		Memory: r.Memory, Disk: r.Disk, HasDisk: r.HasDisk, Up: r.Up, Total: r.Total, Age: r.Age, Known: r.Known,
	}
	for _, p := range r.Failing {
		out.Failing = append(out.Failing, tuifleet.Problem{Level: level(p.Severity), Object: p.Object, Text: p.Text})
	}
	for _, g := range r.Unknown {
		out.Unknown = append(out.Unknown, tuifleet.Gap{Part: g.Part, Reason: g.Reason, Needs: g.Needs})
	}
	return out
}

// verdict is the fleet in one line, by the same rules.
func verdict(s *hosts.Snapshot, now time.Time) tui.Verdict {
	v := fleet.Judge(s, now)
	out := tui.Verdict{Level: level(v.Worst), Text: v.String()}
	unknown := map[string]bool{}
	for _, g := range v.Unknown {
		unknown[g.Host] = true
	}
	for _, p := range v.Problems {
		if p.Kind == fleet.KindStale {
			out.Stale++
		}
	}
	for host := range unknown {
		if h := s.Host(host); h != nil && h.Latest.IsZero() {
			out.Unknown++
		}
	}
	switch {
	case v.Hosts == 0 || out.Unknown == v.Hosts && v.Worst == fleet.SeverityNone:
		out.Level = hosts.LevelNone
	case v.Worst == fleet.SeverityNone && !v.OK():
		out.Level = hosts.LevelWarn
	}
	return out
}
