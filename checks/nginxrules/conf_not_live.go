package nginxrules

import (
	"strings"

	"midwatch/checks"
)

func confNotLive() checks.Check {
	return checks.Check{
		ID:       "nginx-conf-not-live",
		Title:    "the configuration on disk is not the one that runs: nginx refuses it",
		Area:     checks.AreaNginx,
		Severity: checks.Error,
		Why: "nginx keeps running with what it loaded last when a reload fails, and nobody notices until it is restarted and does not come up. " +
			"Changes since then have had no effect.",
		Fix:     "Mend the line that is named, then nginx -t && nginx -s reload.",
		Verify:  "nginx -t says that the test is successful; the start time of the workers (ps -o lstart -C nginx) is later than the last change",
		Sources: []string{"https://nginx.org/en/docs/control.html#reconfiguration"},
		After:   []string{"nginx-host-not-found-at-start", "nginx-obsolete-ssl-on"},
		Eval:    checks.OnHost(evalConfNotLive),
	}
}

func evalConfNotLive(h *checks.Host) []checks.Finding {
	p := h.Part(checks.NeedNginx)
	var out []checks.Finding
	if strings.Contains(p.Reason, "[emerg]") {
		f := refused(h, "nginx", p.Reason)
		f.Title = "nginx refuses its configuration: " + afterEmerg(p.Reason)
		out = append(out, f)
	}
	if !p.Known {
		if len(out) == 0 {
			return []checks.Finding{checks.Unsure("", p.Why())}
		}
		return out
	}
	if len(h.Nginx.Value) == 0 {
		return checks.NotHere("no nginx here")
	}
	for i := range h.Nginx.Value {
		if x := &h.Nginx.Value[i]; strings.Contains(x.Error, "[emerg]") {
			f := refused(h, "nginx["+x.Container+"]", x.Error)
			f.Title = "nginx in " + x.Container + " refuses its configuration: " + afterEmerg(x.Error)
			out = append(out, f)
		}
	}
	return out
}

// refused is a finding about what nginx said when it tested its configuration.
func refused(h *checks.Host, object, said string) checks.Finding {
	return checks.Finding{Object: object, Evidence: []checks.Evidence{{Source: "nginx -t", Text: said, At: h.Part(checks.NeedNginx).At}}}
}
