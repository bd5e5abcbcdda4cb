package hostrules

import (
	"midwatch/checks"
	"midwatch/checks/live"
	"midwatch/hosts"
)

func chainProbe() checks.Check {
	return checks.Check{
		ID:       "forwarded-chain-probe",
		Title:    "asked for real, a station on the way brings the trouble in",
		Area:     checks.AreaForwarded,
		Severity: checks.Error,
		Why: "The same request was sent to every station on its way, from outside in. This one answers with the trouble while what is behind it does not: " +
			"whatever its configuration seems to say, it is here that https is lost, that requests are refused, that a stream is held back, that the route ends.",
		Fix:    "Look at the lines that the request passes here, and at the check that names one of them.",
		Verify: "the command of the evidence, on the host it was asked from, answers as the station behind does",
		Sources: []string{
			"https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/X-Forwarded-Proto",
			"https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#response-flags",
		},
		Diagnoses: live.Diagnoses(),
		After: []string{
			"xfp-overwritten-behind-tls-proxy", "xfp-missing-at-tls-edge", "nginx-hardcoded-connection-upgrade", "nginx-websocket-missing-upgrade",
			"nginx-sse-buffered", "nginx-self-redirect-scheme", "uvicorn-forwarded-allow-ips",
		},
		Eval: checks.OnFleet(evalChainProbe),
	}
}

func evalChainProbe(w *checks.World) []checks.Finding {
	proofs := live.Judge(live.Fresh(w.Snapshot.Asked, w.Now))
	if len(proofs) == 0 {
		return checks.NotHere("nothing was asked for real: midwatch check DIAGNOSIS --probe URL")
	}
	var out []checks.Finding
	for i := range proofs {
		p := &proofs[i]
		switch p.Verdict {
		case live.Unclear:
			if told(proofs, p) {
				continue
			}
			out = append(out, checks.Unsure("probe of "+p.URL, p.Diagnosis+", "+p.URL+": "+p.Says))
		case live.Proved:
			out = append(out, proved(p))
		}
	}
	return out
}

// told reports that another request of the same diagnosis and URL did tell: a path is no WebSocket, most
// often.
func told(proofs []live.Proof, p *live.Proof) bool {
	for i := range proofs {
		if x := &proofs[i]; x.Diagnosis == p.Diagnosis && x.URL == p.URL && x.Verdict != live.Unclear {
			return true
		}
	}
	return false
}

func proved(p *live.Proof) checks.Finding {
	f := checks.Finding{Host: p.At.Host, Object: p.At.Kind + " " + p.At.Object, Key: p.Diagnosis + " " + p.Variant + " " + p.URL}
	f.Title = p.URL + ": " + p.Says
	f.Evidence = live.Evidence(p)
	if at := place(p.At); at != nil {
		f.File, f.Line, f.Path = at.File, at.Line, at.Path
	}
	return f
}

// place is the innermost line of a station.
func place(a *hosts.Asked) *hosts.Place {
	if len(a.Places) == 0 {
		return nil
	}
	return &a.Places[0]
}
