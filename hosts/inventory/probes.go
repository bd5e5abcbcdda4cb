package inventory

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts/config"
)

func (p *parser) probe(n config.Named) {
	t := p.Table(n.Layer)
	pr := Probe{
		Name:            n.Name,
		Line:            p.Line(n.At),
		Service:         t.Str("service", "ai_hub"),
		Kind:            t.Word("kind", "basic", "detailed", "ready", "live", "fleet"),
		From:            t.Str("from", Here),
		URL:             p.url(t, "url", "https://ai.example.com/health"),
		TCP:             p.endpoint(t, "tcp", "10.0.0.5:5432"),
		TLS:             p.endpoint(t, "tls", "ai.example.com:443"),
		Method:          t.Word("method", http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions),
		Header:          t.StrMap("headers", `Accept = "application/json"`),
		Body:            t.Str("body", "{}"),
		HostHeader:      t.Str("host_header", "ai.example.com"),
		ServerName:      t.Str("server_name", "ai.example.com"),
		Resolve:         t.Str("resolve", "10.0.0.5"),
		ExpectBody:      t.Str("expect_body", "healthy"),
		Capacity:        t.Str("capacity", "capacity.total"),
		Interval:        t.Duration("interval", time.Second, 24*time.Hour, 30*time.Second),
		Timeout:         t.Duration("timeout", 10*time.Millisecond, 10*time.Minute, 5*time.Second),
		CertDays:        t.Whole("cert_days", 0, 3650, 14, 14),
		TolerateBadCert: t.Flag("tolerate_bad_cert"),
		FollowRedirects: t.Flag("follow_redirects"),
	}
	pr.ExpectStatus = p.status(t)
	pr.ExpectJSON = p.expectJSON(t)
	pr.SecretHeader = p.secretHeaders(t)
	t.Done()
	if pr.Service == "" {
		pr.Service = n.Name
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
	p.hostRef(config.Item{Text: pr.From, At: n.At.At("from")}, true)
	p.probeTarget(t, &pr)
	p.inv.Probes = append(p.inv.Probes, pr)
}

// probeTarget checks that there is one target and that the other keys go with it.
func (p *parser) probeTarget(t *config.Table, pr *Probe) {
	var targets []string
	for _, k := range []string{"url", "tcp", "tls"} {
		if t.Has(k) {
			targets = append(targets, k)
		}
	}
	switch {
	case len(targets) == 0:
		p.Missing(t.At(), fmt.Sprintf("probe %q asks nothing", pr.Name), "want one of url, tcp, tls")
		return
	case len(targets) > 1:
		p.Fault(t.At(), fmt.Sprintf("probe %q has %s", pr.Name, config.List(targets)), "want one; endpoints of one service are probes with the same service")
		return
	}
	if targets[0] != "url" {
		for _, k := range []string{"method", "headers", "secret_headers", "body", "host_header", "expect_status", "expect_json", "expect_body", "follow_redirects", "capacity"} {
			if t.Has(k) {
				p.Fault(t.At().At(k), fmt.Sprintf("%s goes with url only", t.At().At(k)), "remove it")
			}
		}
	}
	if pr.Timeout > pr.Interval {
		p.Fault(t.At(), fmt.Sprintf("probe %q has a timeout of %s and an interval of %s", pr.Name, config.Short(pr.Timeout), config.Short(pr.Interval)), "want a timeout no longer than the interval")
	}
}

// status reads 200, [200, 204], "2xx" or "200-399".
func (p *parser) status(t *config.Table) []StatusRange {
	raw, at, ok := t.Get("expect_status")
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
				where = at.Item(i)
			}
			p.Fault(where, fmt.Sprintf("%s holds %s", at, quoteText(v)), `want a status such as 200, "2xx" or "200-399"`)
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
func (p *parser) expectJSON(t *config.Table) map[string]any {
	raw, at, ok := t.Get("expect_json")
	if !ok {
		return nil
	}
	m, ok := raw.(map[string]any)
	if !ok {
		p.WrongType(at, raw, `a table such as { status = "healthy" }`)
		return nil
	}
	out := map[string]any{}
	p.flatten(at, "", m, out)
	return out
}

func (p *parser) flatten(at config.Path, prefix string, m, out map[string]any) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		switch v := m[k].(type) {
		case map[string]any:
			p.flatten(at.At(k), prefix+k+".", v, out)
		case string, int64, float64, bool:
			out[prefix+k] = v
		default:
			p.WrongType(at.At(k), v, "text, a number, true or false")
		}
	}
}

func (p *parser) secretHeaders(t *config.Table) map[string]Secret {
	raw, at, ok := t.Get("secret_headers")
	if !ok {
		return nil
	}
	m, ok := raw.(map[string]any)
	if !ok {
		p.WrongType(at, raw, `a table such as { Authorization = { env = "TOKEN" } }`)
		return nil
	}
	out := map[string]Secret{}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out[k] = p.secretValue(at.At(k), m[k])
	}
	return out
}

func (p *parser) agents(n config.Named) {
	t := p.Table(n.Layer)
	a := Agents{
		Name: n.Name, Line: p.Line(n.At),
		From:        t.Str("from", Here),
		URL:         p.url(t, "url", "https://ai.example.com/api/v1/agent/version"),
		Header:      t.Str("header", "X-Agent-Key"),
		Key:         p.secret(t, "key"),
		VersionFile: p.path(t, "version_file", "/opt/agent_node/VERSION"),
	}
	for _, it := range t.Strs("nodes", "mac-mini-1") {
		p.hostRef(it, false)
		a.Nodes = append(a.Nodes, it.Text)
	}
	t.Done()
	if a.From == "" {
		a.From = Here
	}
	p.hostRef(config.Item{Text: a.From, At: n.At.At("from")}, true)
	if !t.Has("url") {
		p.Missing(n.At, fmt.Sprintf("agents %q have no url", n.Name), "want the URL that says which version they should have")
	}
	if !a.Key.IsZero() && a.Header == "" {
		p.Missing(n.At, fmt.Sprintf("agents %q have a key and no header to send it in", n.Name), `want header = "X-Agent-Key"`)
	}
	p.inv.Agents = append(p.inv.Agents, a)
}

func (p *parser) edge(n config.Named) {
	t := p.Table(n.Layer)
	e := Edge{
		Name: n.Name, Line: p.Line(n.At),
		Public: t.Str("public", "ai.example.com"),
		Port:   t.Whole("port", 1, 65535, 443, 443),
		Host:   t.Str("host", "edge"),
		To:     t.Whole("to", 1, 65535, 443, 10001),
	}
	if !t.Has("to") {
		e.To = e.Port
	}
	if !t.Has("public") {
		p.Missing(n.At, fmt.Sprintf("edge %q has no public name", n.Name), `want public = "ai.example.com"`)
	}
	if !t.Has("host") {
		p.Missing(n.At, fmt.Sprintf("edge %q leads to no host", n.Name), "want the host that takes the traffic")
	} else {
		p.hostRef(config.Item{Text: e.Host, At: n.At.At("host")}, false)
	}
	t.Done()
	p.inv.Edges = append(p.inv.Edges, e)
}
