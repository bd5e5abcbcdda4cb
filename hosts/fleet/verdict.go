package fleet

import (
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

// Verdict is what a person needs to know of a whole fleet at first sight.
type Verdict struct {
	Hosts       int
	Connected   int
	Pending     int // not yet contacted
	Maintenance int // out of service on purpose: neither good nor bad
	Worst       Severity
	Problems    []Problem // of all hosts, worst first
	Unknown     []Gap     // what keeps the answer from being complete
	Counts      []Count   // Problems by kind, worst first
}

// Count is how many problems of a kind there are.
type Count struct {
	Kind     string
	Severity Severity // of the worst
	N        int
}

// Judge makes the verdict of a snapshot.
func Judge(s *hosts.Snapshot, now time.Time) Verdict {
	var v Verdict
	if s == nil {
		return v
	}
	for _, h := range s.Hosts {
		v.Hosts++
		switch h.Link.State {
		case hosts.StateConnected:
			v.Connected++
		case hosts.StateMaintenance:
			v.Maintenance++
			continue
		case hosts.StatePending:
			v.Pending++
		}
		v.Problems = append(v.Problems, Problems(h, now)...)
		v.Unknown = append(v.Unknown, Gaps(h)...)
	}
	sortProblems(v.Problems)
	for _, p := range v.Problems {
		v.Worst = max(v.Worst, p.Severity)
		v.count(p)
	}
	return v
}

func (v *Verdict) count(p Problem) {
	for i := range v.Counts {
		if v.Counts[i].Kind == p.Kind {
			v.Counts[i].N++
			v.Counts[i].Severity = max(v.Counts[i].Severity, p.Severity)
			return
		}
	}
	v.Counts = append(v.Counts, Count{Kind: p.Kind, Severity: p.Severity, N: 1})
}

// Complete reports whether everything that was to be read was read.
func (v Verdict) Complete() bool { return len(v.Unknown) == 0 && v.Pending == 0 }

// OK reports that nothing is wrong and that nothing is unknown. It is never true of a fleet
// without hosts.
func (v Verdict) OK() bool {
	return v.Hosts > 0 && v.Worst == SeverityNone && v.Complete() && v.Connected+v.Maintenance == v.Hosts
}

// String is the verdict in one line, "2/3 hosts · 1 host down · 2 units failed · 1 host unknown", or
// "3/3 hosts · ok".
func (v Verdict) String() string {
	if v.Hosts == 0 {
		return "no hosts"
	}
	out := []string{strconv.Itoa(v.Connected) + "/" + plural(v.Hosts, "host")}
	for _, c := range v.Counts {
		out = append(out, c.Text())
	}
	if n := v.unknownHosts(); n > 0 {
		out = append(out, strconv.Itoa(n)+" not fully known")
	}
	if v.Maintenance > 0 { // last: somebody wants it so
		out = append(out, strconv.Itoa(v.Maintenance)+" in maintenance")
	}
	if v.OK() {
		out = append(out, "ok")
	}
	return strings.Join(out, " · ")
}

// Text is a count in words, "2 units failed".
func (c Count) Text() string {
	one, many := "", ""
	switch c.Kind {
	case KindHost:
		one, many = "host down", "hosts down"
	case KindUnit:
		one, many = "unit failed", "units failed"
	case KindUnhealthy:
		one, many = "container unhealthy", "containers unhealthy"
	case KindRestarting:
		one, many = "container restarting", "containers restarting"
	case KindDead:
		one, many = "container dead", "containers dead"
	case KindDisk:
		one, many = "disk in trouble", "disks in trouble"
	case KindStale:
		one, many = "host stale", "hosts stale"
	default:
		one, many = c.Kind, c.Kind
	}
	if c.N == 1 {
		return "1 " + one
	}
	return strconv.Itoa(c.N) + " " + many
}

// unknownHosts counts the hosts with something unknown; those that are down say it already.
func (v Verdict) unknownHosts() int {
	seen := map[string]bool{}
	for _, p := range v.Problems {
		if p.Kind == KindHost {
			seen[p.Host] = true
		}
	}
	n := 0
	for _, g := range v.Unknown {
		if !seen[g.Host] {
			seen[g.Host] = true
			n++
		}
	}
	return n
}

// plural is "1 event" or "3 events".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
