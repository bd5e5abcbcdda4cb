package findings

import (
	"strings"
	"time"

	"midwatch/checks"
	"midwatch/checks/report"
	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// item is one row: a finding, or what could not be told for one reason.
type item struct {
	f       *checks.Finding
	check   *checks.Check
	id      string
	since   time.Time
	fresh   bool              // came after the console was opened
	under   []*checks.Finding // what this one causes
	waiting []string          // checks that a row of the unknown stands for
}

func (it *item) unknown() bool { return it.f.Status == checks.Unknown }

// rank orders rows: unknown stands between warnings and mere remarks.
func (it *item) rank() int {
	switch {
	case it.unknown():
		return 3
	case it.f.Mute != nil:
		return 0
	case it.f.Severity <= checks.Info:
		return 2
	}
	return int(it.f.Severity) * 2
}

func (it *item) look(g *themes.Glyphs) (glyph, word string, role themes.Role) {
	switch {
	case it.unknown():
		return g.Unknown, "unknown", themes.Unknown
	case it.f.Mute != nil:
		return g.Paused, "muted", themes.Faint
	}
	switch it.f.Severity {
	case checks.Critical:
		return g.Bad, "critical", themes.Bad
	case checks.Error:
		return g.Bad, "error", themes.Bad
	case checks.Warning:
		return g.Warn, "warning", themes.Warn
	}
	return g.Info, "info", themes.Info
}

func (it *item) host() string {
	if it.f.Host == "" {
		return "-"
	}
	return ui.Clean(it.f.Host)
}

// where is the place on the host: a file and line, a path, else the object.
func (it *item) where() string {
	f := checks.Finding{File: it.f.File, Line: it.f.Line, Path: it.f.Path}
	if f.File == "" && f.Path == "" {
		f.Object = it.f.Object
	}
	return ui.Clean(report.Place(&f))
}

// is reports that the row is what OpenMsg names: a finding, a check, or an object.
func (it *item) is(object string) bool {
	return it.id == object || it.f.Check == object || it.f.Object == object || strings.HasSuffix(it.f.Object, " "+object)
}

// items makes the rows of a report.
func (s *Screen) items() []*item {
	m := s.memory
	if m.report == nil {
		return nil
	}
	under := map[string][]*checks.Finding{}
	var found, muted, unknown []*item
	add := func(a *checks.Answer, f *checks.Finding) {
		it := &item{f: f, check: a.Check, id: f.ID(), fresh: m.fresh(f.ID()), since: m.delta.Since[f.ID()]}
		if f.Mute != nil {
			muted = append(muted, it)
		} else {
			found = append(found, it)
		}
	}
	held := map[string]bool{}
	for i := range m.delta.Held {
		held[m.delta.Held[i].ID()] = true
	}
	byReason := map[[2]string]*item{}
	wait := func(a *checks.Answer, f *checks.Finding) {
		k := [2]string{f.Host, f.Title}
		if it := byReason[k]; it != nil {
			it.waiting = append(it.waiting, f.Check)
			return
		}
		it := &item{f: f, check: a.Check, id: "unknown " + f.Host + " " + f.Title, waiting: []string{f.Check}}
		byReason[k] = it
		unknown = append(unknown, it)
	}
	for i := range m.report.Answers {
		a := &m.report.Answers[i]
		if s.Open.Narrows(a.Host) && a.Host != "" {
			continue
		}
		if a.Status == checks.Unknown && len(a.Findings) == 0 {
			title := a.Reason
			if a.Needs != "" {
				title += "; needs " + a.Needs
			}
			wait(a, &checks.Finding{Check: a.Check.ID, Status: checks.Unknown, Host: a.Host, Object: a.Subject, Title: title})
		}
		for j := range a.Findings {
			f := &a.Findings[j]
			switch {
			case s.Open.Narrows(f.Host) && f.Host != "":
			case f.Status == checks.Unknown:
				wait(a, f)
			case f.Under != "":
				under[f.Under] = append(under[f.Under], f)
			case held[f.ID()]:
			default:
				add(a, f)
			}
		}
	}
	for _, it := range found {
		it.under = under[it.id]
	}
	out := found
	if s.unknowns {
		out = append(out, unknown...)
	}
	if s.muted {
		out = append(out, muted...)
	}
	s.counted = counted(found, len(unknown), len(muted), len(m.newSeen))
	return out
}

// target says where the object of a finding is shown.
func target(f *checks.Finding) (ui.OpenMsg, bool) {
	kind, name, _ := strings.Cut(f.Object, " ")
	switch {
	case kind == "container":
		return ui.OpenMsg{Screen: "containers", Host: f.Host, Object: name}, true
	case kind == "unit":
		return ui.OpenMsg{Screen: "services", Host: f.Host, Object: name}, true
	case kind == "probe":
		return ui.OpenMsg{Screen: "health", Host: f.Host, Object: name}, true
	case strings.HasPrefix(f.Subject, "nginx") && f.File != "":
		return ui.OpenMsg{Screen: "routes", Host: f.Host, Object: f.File + ":" + itoa(f.Line)}, true
	case strings.HasPrefix(f.Subject, "envoy") && f.Path != "":
		return ui.OpenMsg{Screen: "routes", Host: f.Host, Object: f.Path}, true
	case kind == "service" || kind == "node" || kind == "managers":
		return ui.OpenMsg{Screen: "services", Host: f.Host, Object: name}, true
	case f.Host != "":
		return ui.OpenMsg{Screen: "fleet", Host: f.Host}, true
	}
	return ui.OpenMsg{}, false
}

// logsOf are the logs that say more about a finding.
func logsOf(f *checks.Finding, snap *hosts.Snapshot) (hosts.LogSource, bool) {
	kind, name, _ := strings.Cut(f.Object, " ")
	switch kind {
	case "container":
		return hosts.LogSource{Host: f.Host, Kind: hosts.LogContainer, Name: name}, true
	case "unit":
		return hosts.LogSource{Host: f.Host, Kind: hosts.LogUnit, Name: name}, true
	}
	// nginx and Envoy in a container: "nginx[gateway]".
	if _, rest, ok := strings.Cut(f.Subject, "["); ok {
		return hosts.LogSource{Host: f.Host, Kind: hosts.LogContainer, Name: strings.TrimSuffix(rest, "]")}, true
	}
	if h := snap.Host(f.Host); h != nil && strings.HasPrefix(f.Subject, "nginx") {
		return hosts.LogSource{Host: f.Host, Kind: hosts.LogUnit, Name: "nginx.service"}, true
	}
	return hosts.LogSource{}, false
}
