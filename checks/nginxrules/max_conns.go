package nginxrules

import (
	"fmt"

	"midwatch/checks"
	"midwatch/hosts/nginx"
)

func maxConns() checks.Check {
	return checks.Check{
		ID:       "nginx-max-conns-per-worker",
		Title:    "max_conns is counted by each nginx worker for itself",
		Area:     checks.AreaCapacity,
		Severity: checks.Error,
		Why: "Without zone in the upstream every worker process of nginx counts alone: with four workers, max_conns=1 lets four calls onto one server. " +
			"A second call lands on a worker that is busy.",
		Fix:       "zone NAME 64k; in the upstream, and max_conns on every server of it. When all are busy nginx answers 502, \"no live upstreams\": that means full, not down.",
		Verify:    "as many long requests at once as there are servers, and one more: the last gets 502, and no socket has two peers (ss -xp, ss -tnp)",
		Sources:   []string{"https://nginx.org/en/docs/http/ngx_http_upstream_module.html#server", "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#zone"},
		Diagnoses: []string{"max-conns"},
		Eval:      checks.OnNginx(evalMaxConns),
	}
}

// softLimit is a max_conns above which a server takes several calls on purpose, and a few more do no
// harm.
const softLimit = 16

func evalMaxConns(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	limited := false
	for _, u := range upstreams(n) {
		least := leastLimit(u)
		if f, ok := otherLimit(n, u, least); ok {
			limited = true
			out = append(out, f)
		}
		if least == 0 {
			continue
		}
		limited = true
		if f, ok := countedAlone(n, u, least); ok {
			out = append(out, f)
		}
		out = append(out, unlimited(n, u)...)
		out = append(out, twice(n, u)...)
		if f, ok := idleCounts(n, u); ok {
			out = append(out, f)
		}
	}
	if !limited {
		return checks.NotHere("no server has max_conns")
	}
	return out
}

// otherLimit finds a pool of the inventory whose servers have another limit than it says, or none.
func otherLimit(n *checks.Nginx, u *nginx.Upstream, least int) (checks.Finding, bool) {
	if n.Host == nil {
		return checks.Finding{}, false
	}
	want := poolRule(n.Host, "", u.Name).MaxConns
	if want == 0 || least == want {
		return checks.Finding{}, false
	}
	f := n.At(u.D, "upstream "+u.Name)
	f.Key = "inventory"
	f.Title = fmt.Sprintf("no server has max_conns, and the inventory says %d for each", want)
	if least > 0 {
		f.Title = fmt.Sprintf("max_conns=%d, and the inventory says %d for each server", least, want)
	}
	f.Why = "Each worker takes so many calls at once. Without the limit nginx sends it more, and the callers wait behind each other or are cut off."
	f.Fix = fmt.Sprintf("max_conns=%d on every server of the upstream, and a zone so that the limit counts for all workers of nginx together.", want)
	return f, true
}

// leastLimit is the smallest max_conns of a group, 0 when no server has one.
func leastLimit(u *nginx.Upstream) int {
	least := 0
	for _, m := range u.Members {
		if m.MaxConns > 0 && (least == 0 || m.MaxConns < least) {
			least = m.MaxConns
		}
	}
	return least
}

func countedAlone(n *checks.Nginx, u *nginx.Upstream, least int) (checks.Finding, bool) {
	count, known, line := workers(n)
	if u.Zone || known && count == 1 {
		return checks.Finding{}, false
	}
	f := n.At(u.D, "upstream "+u.Name)
	f.Key = "zone"
	if line != nil {
		f.Evidence = append(f.Evidence, n.Line(line))
	}
	switch {
	case known:
		f.Title = fmt.Sprintf("max_conns=%d is %d in fact: %d workers count for themselves, there is no zone", least, least*count, count)
	default:
		f.Severity = checks.Warning
		f.Title = fmt.Sprintf("max_conns=%d counts for each worker of nginx: there is no zone", least)
	}
	if least >= softLimit {
		f.Severity = checks.Info
	}
	return f, true
}

// unlimited finds servers without a limit whose neighbours have one.
func unlimited(n *checks.Nginx, u *nginx.Upstream) []checks.Finding {
	var out []checks.Finding
	for _, m := range u.Members {
		if m.MaxConns > 0 || m.Down {
			continue
		}
		f := n.At(m.D, "upstream "+u.Name)
		f.Key = "unlimited " + m.Address
		f.Title = m.Address + " has no max_conns, unlike the others of its upstream"
		f.Why = "This one takes any number of calls while its neighbours take only so many: whatever does not fit elsewhere lands here."
		f.Fix = "Give it the same max_conns."
		out = append(out, f)
	}
	return out
}

// twice finds a server that is listed more than once: each line has a limit of its own.
func twice(n *checks.Nginx, u *nginx.Upstream) []checks.Finding {
	var out []checks.Finding
	seen := map[string]*nginx.Directive{}
	for _, m := range u.Members {
		first := seen[m.Address]
		if first == nil {
			seen[m.Address] = m.D
			continue
		}
		f := n.At(m.D, "upstream "+u.Name)
		f.Key = "twice " + m.Address
		f.Title = m.Address + " stands twice in its upstream: the limits add up"
		f.Fix = "Take one of the two lines away."
		f.Evidence = append(f.Evidence, n.Line(first))
		out = append(out, f)
	}
	return out
}

// idleCounts finds kept connections beside a strict limit: idle and active ones together may exceed it.
func idleCounts(n *checks.Nginx, u *nginx.Upstream) (checks.Finding, bool) {
	keep := nginx.Last(u.D.Block, "keepalive")
	count, known, _ := workers(n)
	if !u.Zone || known && count == 1 || keep == nil && !n.HTTP.ModernProxy() || keep != nil && keep.Arg(0) == "0" || leastLimit(u) >= softLimit {
		return checks.Finding{}, false
	}
	at := u.D
	if keep != nil {
		at = keep
	}
	f := n.At(at, "upstream "+u.Name)
	f.Key = "keepalive"
	f.Severity = checks.Warning
	f.Title = "connections that are kept idle come on top of max_conns"
	f.Why = "With several workers and keepalive, connections in use and idle ones together may exceed max_conns (so the documentation of max_conns says)."
	f.Fix = "No keepalive in an upstream whose servers take one call each; keepalive 0; since 1.29.7, where it is on by default."
	return f, true
}
