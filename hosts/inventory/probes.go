package inventory

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

func (p *parser) probe(n named) {
	t := p.table(n.layer)
	pr := Probe{
		Name:            n.name,
		Line:            p.line(n.at),
		Service:         t.str("service", "ai_hub"),
		Kind:            t.word("kind", "basic", "detailed", "ready", "live", "fleet"),
		From:            t.str("from", Here),
		URL:             p.url(t, "url", "https://ai.example.com/health"),
		TCP:             p.endpoint(t, "tcp", "10.0.0.5:5432"),
		TLS:             p.endpoint(t, "tls", "ai.example.com:443"),
		Method:          t.word("method", http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions),
		Header:          t.strMap("headers", `Accept = "application/json"`),
		Body:            t.str("body", "{}"),
		HostHeader:      t.str("host_header", "ai.example.com"),
		ServerName:      t.str("server_name", "ai.example.com"),
		Resolve:         t.str("resolve", "10.0.0.5"),
		ExpectBody:      t.str("expect_body", "healthy"),
		Capacity:        t.str("capacity", "capacity.total"),
		Interval:        t.duration("interval", time.Second, 24*time.Hour, 30*time.Second),
		Timeout:         t.duration("timeout", 10*time.Millisecond, 10*time.Minute, 5*time.Second),
		CertDays:        t.whole("cert_days", 0, 3650, 14, 14),
		TolerateBadCert: t.flag("tolerate_bad_cert"),
		FollowRedirects: t.flag("follow_redirects"),
	}
	pr.ExpectStatus = p.status(t)
	pr.ExpectJSON = p.expectJSON(t)
	pr.SecretHeader = p.secretHeaders(t)
	t.done()
	if pr.Service == "" {
		pr.Service = n.name
	}
	if pr.Kind == "" {
		pr.Kind = "basic"
	}
	if pr.Method == "" {
		pr.Method = http.MethodGet
	}
	if pr.From == "" {
		pr.From = Here
	}
	p.hostRef(item{pr.From, n.at.at("from")}, true)
	p.probeTarget(t, &pr)
	p.inv.Probes = append(p.inv.Probes, pr)
}

// probeTarget checks that there is one target and that the other keys go with it.
func (p *parser) probeTarget(t *table, pr *Probe) {
	var targets []string
	for _, k := range []string{"url", "tcp", "tls"} {
		if t.has(k) {
			targets = append(targets, k)
		}
	}
	switch {
	case len(targets) == 0:
		p.missing(t.at(), fmt.Sprintf("probe %q asks nothing", pr.Name), "want one of url, tcp, tls")
		return
	case len(targets) > 1:
		p.fault(t.at(), fmt.Sprintf("probe %q has %s", pr.Name, list(targets)), "want one; endpoints of one service are probes with the same service")
		return
	}
	if targets[0] != "url" {
		for _, k := range []string{"method", "headers", "secret_headers", "body", "host_header", "expect_status", "expect_json", "expect_body", "follow_redirects", "capacity"} {
			if t.has(k) {
				p.fault(t.at().at(k), fmt.Sprintf("%s goes with url only", t.at().at(k)), "remove it")
			}
		}
	}
	if pr.Timeout > pr.Interval {
		p.fault(t.at(), fmt.Sprintf("probe %q has a timeout of %s and an interval of %s", pr.Name, short(pr.Timeout), short(pr.Interval)), "want a timeout no longer than the interval")
	}
}

// status reads 200, [200, 204], "2xx" or "200-399".
func (p *parser) status(t *table) []StatusRange {
	raw, at, ok := t.get("expect_status")
	if !ok {
		return []StatusRange{{200, 299}}
	}
	l, ok := raw.([]any)
	if !ok {
		l = []any{raw}
	}
	var out []StatusRange
	for i, v := range l {
		r, ok := statusRange(v)
		if !ok {
			where := at
			if len(l) > 1 {
				where = at.item(i)
			}
			p.fault(where, fmt.Sprintf("%s holds %s", at, quoteText(v)), `want a status such as 200, "2xx" or "200-399"`)
			continue
		}
		out = append(out, r)
	}
	return out
}

func statusRange(v any) (StatusRange, bool) {
	valid := func(r StatusRange) (StatusRange, bool) {
		return r, r.Low >= 100 && r.High <= 599 && r.Low <= r.High
	}
	switch v := v.(type) {
	case int64:
		if v < 100 || v > 599 {
			return StatusRange{}, false
		}
		return StatusRange{int(v), int(v)}, true
	case string:
		if d, ok := strings.CutSuffix(v, "xx"); ok && len(d) == 1 && d[0] >= '1' && d[0] <= '5' {
			low := int(d[0]-'0') * 100
			return StatusRange{low, low + 99}, true
		}
		low, high, isRange := strings.Cut(v, "-")
		if !isRange {
			high = low
		}
		a, errA := strconv.Atoi(low)
		b, errB := strconv.Atoi(high)
		if errA != nil || errB != nil {
			return StatusRange{}, false
		}
		return valid(StatusRange{a, b})
	default:
		return StatusRange{}, false
	}
}

// expectJSON reads a table of plain values; dotted keys reach into nested objects.
func (p *parser) expectJSON(t *table) map[string]any {
	raw, at, ok := t.get("expect_json")
	if !ok {
		return nil
	}
	m, ok := raw.(map[string]any)
	if !ok {
		p.wrongType(at, raw, `a table such as { status = "healthy" }`)
		return nil
	}
	out := map[string]any{}
	p.flatten(at, "", m, out)
	return out
}

func (p *parser) flatten(at path, prefix string, m, out map[string]any) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		switch v := m[k].(type) {
		case map[string]any:
			p.flatten(at.at(k), prefix+k+".", v, out)
		case string, int64, float64, bool:
			out[prefix+k] = v
		default:
			p.wrongType(at.at(k), v, "text, a number, true or false")
		}
	}
}

func (p *parser) secretHeaders(t *table) map[string]Secret {
	raw, at, ok := t.get("secret_headers")
	if !ok {
		return nil
	}
	m, ok := raw.(map[string]any)
	if !ok {
		p.wrongType(at, raw, `a table such as { Authorization = { env = "TOKEN" } }`)
		return nil
	}
	out := map[string]Secret{}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out[k] = p.secretValue(at.at(k), m[k])
	}
	return out
}

func (p *parser) log(n named) {
	t := p.table(n.layer)
	l := Log{Name: n.name, Grep: t.str("grep", "ERROR"), Line: p.line(n.at)}
	for _, s := range t.each("sources", `tables such as { host = "web1", unit = "nginx.service" }`) {
		l.Sources = append(l.Sources, p.logSource(s))
	}
	t.done()
	if len(l.Sources) == 0 && !t.has("sources") {
		p.missing(n.at, fmt.Sprintf("log %q has no sources", n.name), `want sources = [{ host = "web1", unit = "nginx.service" }]`)
	}
	p.inv.Logs = append(p.inv.Logs, l)
}

func (p *parser) logSource(s *table) LogSource {
	src := LogSource{Line: p.line(s.at())}
	for _, it := range s.strs("host", "web1") {
		p.hostRef(it, false)
		src.Hosts = append(src.Hosts, it.text)
	}
	for _, it := range s.strs("group", "edge") {
		if _, ok := p.groups[it.text]; !ok {
			p.dangling(it, "group", p.groupNames())
			continue
		}
		src.Hosts = append(src.Hosts, p.members(it.text)...)
	}
	var kinds []string
	for _, k := range []struct {
		key, example string
		kind         hosts.LogKind
	}{{"container", "ai_hub_service", hosts.LogContainer}, {"unit", "powernode-worker@*.service", hosts.LogUnit}, {"file", "/var/log/nginx/error.log", hosts.LogFile}} {
		if v := s.str(k.key, k.example); v != "" {
			kinds = append(kinds, k.key)
			src.Kind, src.Name = k.kind, v
		}
	}
	if s.flag("journal") {
		kinds = append(kinds, "journal")
		src.Kind, src.Name = hosts.LogJournal, ""
	}
	switch {
	case len(kinds) != 1:
		p.missing(s.at(), fmt.Sprintf("%s names %d sources", s.at(), len(kinds)), "want exactly one of container, unit, file, journal = true")
	case src.Kind == hosts.LogUnit:
		p.unitName(item{src.Name, s.at().at("unit")})
	case src.Kind == hosts.LogFile:
		p.path(s, "file", "/var/log/nginx/error.log")
	}
	s.done()
	return src
}

func (p *parser) agents(n named) {
	t := p.table(n.layer)
	a := Agents{
		Name: n.name, Line: p.line(n.at),
		From:        t.str("from", Here),
		URL:         p.url(t, "url", "https://ai.example.com/api/v1/agent/version"),
		Header:      t.str("header", "X-Agent-Key"),
		Key:         p.secret(t, "key"),
		VersionFile: p.path(t, "version_file", "/opt/agent_node/VERSION"),
	}
	for _, it := range t.strs("nodes", "mac-mini-1") {
		p.hostRef(it, false)
		a.Nodes = append(a.Nodes, it.text)
	}
	t.done()
	if a.From == "" {
		a.From = Here
	}
	p.hostRef(item{a.From, n.at.at("from")}, true)
	if !t.has("url") {
		p.missing(n.at, fmt.Sprintf("agents %q have no url", n.name), "want the URL that says which version they should have")
	}
	if !a.Key.IsZero() && a.Header == "" {
		p.missing(n.at, fmt.Sprintf("agents %q have a key and no header to send it in", n.name), `want header = "X-Agent-Key"`)
	}
	p.inv.Agents = append(p.inv.Agents, a)
}

func (p *parser) edge(n named) {
	t := p.table(n.layer)
	e := Edge{
		Name: n.name, Line: p.line(n.at),
		Public: t.str("public", "ai.example.com"),
		Port:   t.whole("port", 1, 65535, 443, 443),
		Host:   t.str("host", "edge"),
		To:     t.whole("to", 1, 65535, 443, 10001),
	}
	if !t.has("to") {
		e.To = e.Port
	}
	if !t.has("public") {
		p.missing(n.at, fmt.Sprintf("edge %q has no public name", n.name), `want public = "ai.example.com"`)
	}
	if !t.has("host") {
		p.missing(n.at, fmt.Sprintf("edge %q leads to no host", n.name), "want the host that takes the traffic")
	} else {
		p.hostRef(item{e.Host, n.at.at("host")}, false)
	}
	t.done()
	p.inv.Edges = append(p.inv.Edges, e)
}
