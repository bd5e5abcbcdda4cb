package inventory

import (
	"fmt"
	"path"
	"slices"

	"midwatch/hosts"
	"midwatch/hosts/config"
)

// fieldsOfAll is the name below [logs] that is no log: the names of fields of all of them.
const fieldsOfAll = "fields"

const wantFields = `a table such as { time = "when", level = "sev", message = "body", request = "cid" }`

func (p *parser) log(n config.Named) {
	t := p.Table(n.Layer)
	l := Log{Name: n.Name, Grep: t.Str("grep", "ERROR"), Line: p.Line(n.At)}
	for _, s := range t.Each("sources", `tables such as { host = "web1", unit = "nginx.service" }`) {
		l.Sources = append(l.Sources, p.logSource(s))
	}
	if sub, ok := t.Sub("fields", wantFields); ok {
		l.Fields = p.logFields(sub)
	}
	t.Done()
	if len(l.Sources) == 0 && !t.Has("sources") {
		p.Missing(n.At, fmt.Sprintf("log %q has no sources", n.Name), `want sources = [{ host = "web1", unit = "nginx.service" }]`)
	}
	p.inv.Logs = append(p.inv.Logs, l)
}

func (p *parser) logSource(s *config.Table) LogSource {
	src := LogSource{Line: p.Line(s.At())}
	for _, it := range s.Strs("host", "web1") {
		p.hostRef(it, false)
		src.Hosts = append(src.Hosts, it.Text)
	}
	for _, it := range s.Strs("group", "edge") {
		if _, ok := p.groups[it.Text]; !ok {
			p.dangling(it, "group", p.groupNames())
			continue
		}
		src.Hosts = append(src.Hosts, p.members(it.Text)...)
	}
	var kinds []string
	for _, k := range []struct {
		key, example string
		kind         hosts.LogKind
	}{{"container", "ai_hub_service", hosts.LogContainer}, {"unit", "powernode-worker@*.service", hosts.LogUnit}, {"file", "/var/log/nginx/error.log", hosts.LogFile}} {
		if v := s.Str(k.key, k.example); v != "" {
			kinds = append(kinds, k.key)
			src.Kind, src.Name = k.kind, v
		}
	}
	for _, kind := range [...]hosts.LogKind{hosts.LogJournal, hosts.LogEvents, hosts.LogProbes} {
		if s.Flag(kind.String()) {
			kinds = append(kinds, kind.String())
			src.Kind, src.Name = kind, ""
		}
	}
	switch {
	case len(kinds) != 1:
		p.Missing(s.At(), fmt.Sprintf("%s names %d sources", s.At(), len(kinds)), "want exactly one of container, unit, file, journal = true, events = true, probes = true")
	case src.Kind == hosts.LogUnit:
		p.unitName(config.Item{Text: src.Name, At: s.At().At("unit")})
	case src.Kind == hosts.LogFile:
		p.path(s, "file", "/var/log/nginx/error.log")
	}
	s.Done()
	return src
}

// logFields reads what the lines of sources call what they say; each key takes a name, or several.
func (p *parser) logFields(t *config.Table) *hosts.LogFields {
	f := &hosts.LogFields{}
	for _, x := range [...]struct {
		key, example string
		to           *[]string
	}{{"time", "when", &f.Time}, {"level", "sev", &f.Level}, {"message", "body", &f.Message}, {"request", "ctx.cid", &f.Request}} {
		*x.to = config.Texts(t.Strs(x.key, x.example))
	}
	t.Done()
	return f.Over(nil)
}

// FieldsOf are the names that the lines of a source have for their time, level, message and request: those of
// the first log which has the source among its own and names fields, then those of [logs.fields]. It is nil
// when none are named.
func (inv *Inventory) FieldsOf(src hosts.LogSource) *hosts.LogFields {
	for i := range inv.Logs {
		if l := &inv.Logs[i]; l.Fields != nil && l.Has(src) {
			return l.Fields.Over(inv.LogFields)
		}
	}
	return inv.LogFields
}

// Has reports that a source is one of the log's.
func (l *Log) Has(src hosts.LogSource) bool {
	return slices.ContainsFunc(l.Sources, func(s LogSource) bool { return s.has(src) })
}

// has reports that a source is one of those that s selects.
func (s *LogSource) has(src hosts.LogSource) bool {
	if s.Kind != src.Kind || len(s.Hosts) > 0 && !slices.Contains(s.Hosts, src.Host) {
		return false
	}
	if s.Name == src.Name {
		return true
	}
	ok, err := path.Match(s.Name, src.Name)
	return err == nil && ok && s.Kind != hosts.LogFile
}
