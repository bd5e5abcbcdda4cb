package live

import (
	"time"

	"midwatch/checks"
	"midwatch/hosts"
)

// Fresh keeps the answers that still count as what happens.
func Fresh(asked []hosts.Asked, now time.Time) []hosts.Asked {
	var out []hosts.Asked
	for i := range asked {
		if now.Sub(asked[i].At) < Keep {
			out = append(out, asked[i])
		}
	}
	return out
}

// Evidence is every answer of a probe: the command that asks it by hand, the host, the time, the answer.
func Evidence(p *Proof) []checks.Evidence {
	out := make([]checks.Evidence, 0, len(p.Asked))
	for _, a := range p.Asked {
		out = append(out, checks.Evidence{Source: a.Command, Text: name(a) + " answers " + Answer(a), Host: a.From, At: a.At})
	}
	return out
}

type proofsKey struct{}

// Proofs are those of the world's snapshot, worked out once.
func Proofs(w *checks.World) []Proof {
	if w == nil || w.Snapshot == nil || len(w.Snapshot.Asked) == 0 {
		return nil
	}
	list, _ := w.Once(proofsKey{}, func() any { return Judge(Fresh(w.Snapshot.Asked, w.Now)) }).([]Proof)
	return list
}

// Settle raises or lowers a finding by the proofs about one of its lines: proved where a probe shows that
// the trouble comes in there, a warning at most where probes passed the line and did not see it.
func Settle(f *checks.Finding, w *checks.World, host, container, diagnosis, variant string, lines ...hosts.Place) {
	for i := range Proofs(w) {
		p := &Proofs(w)[i]
		if p.Diagnosis != diagnosis || p.Variant != variant {
			continue
		}
		for _, a := range p.Asked {
			if a.Host != host || a.Container != container || !passesAny(a, lines) {
				continue
			}
			switch {
			case p.Verdict == Proved && p.At == a:
				f.Severity = max(f.Severity, checks.Error)
				f.Title += "; proved by " + p.URL
			case p.Verdict == NotSeen:
				f.Severity = min(orWarning(f.Severity), checks.Warning)
				f.Title += "; not seen at " + p.URL
			default:
				continue
			}
			f.Evidence = append(f.Evidence, Evidence(p)...)
			f.Evidence = append(f.Evidence, checks.Evidence{Source: "probe of " + p.URL, Text: p.Verdict.String() + ": " + p.Says, At: a.At})
			break
		}
	}
}

// orWarning is a severity, where the rule has not said one that of most of these rules.
func orWarning(s checks.Severity) checks.Severity {
	if s == checks.SeverityUnset {
		return checks.Warning
	}
	return s
}

func passesAny(a *hosts.Asked, lines []hosts.Place) bool {
	for _, l := range lines {
		if a.Passes(l.File, l.Line) {
			return true
		}
	}
	return false
}
