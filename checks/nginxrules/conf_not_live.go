package nginxrules

import (
	"fmt"
	"strings"
	"time"

	"midwatch/checks"
	"midwatch/hosts"
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
		x := &h.Nginx.Value[i]
		if f, ok := notReloaded(h, x); ok {
			out = append(out, f)
		}
		if said := x.Error + x.Stale; strings.Contains(said, "[emerg]") {
			f := refused(h, label(x), said)
			f.Title = label(x) + " refuses its configuration: " + afterEmerg(said)
			out = append(out, f)
		}
	}
	return out
}

// label names one nginx of a host.
func label(x *hosts.Nginx) string {
	if x.Container == "" {
		return "nginx"
	}
	return "nginx[" + x.Container + "]"
}

// settling is how long after a change a reload may be on its way.
const settling = time.Minute

// notReloaded finds files that changed after the newest worker started.
func notReloaded(h *checks.Host, x *hosts.Nginx) (checks.Finding, bool) {
	if x.Loaded.IsZero() || !x.Changed.After(x.Loaded) || h.World.Now.Sub(x.Changed) < settling {
		return checks.Finding{}, false
	}
	f := h.Find(label(x), checks.NeedNginx, fmt.Sprintf("%s changed %s, the newest worker started %s",
		x.ChangedFile, x.Changed.UTC().Format(time.DateTime), x.Loaded.UTC().Format(time.DateTime)))
	f.File, f.Key, f.Severity = x.ChangedFile, "reload", checks.Warning
	f.Title = x.ChangedFile + " was changed and nginx was not reloaded since"
	f.Why = "nginx reads its files when it starts and when it is reloaded. What was changed since has no effect yet, and will have one at a moment nobody chose."
	f.Fix = "nginx -t && nginx -s reload"
	return f, true
}

// refused is a finding about what nginx said when it tested its configuration.
func refused(h *checks.Host, object, said string) checks.Finding {
	return checks.Finding{Object: object, Evidence: []checks.Evidence{{Source: "nginx -t", Text: said, At: h.Part(checks.NeedNginx).At}}}
}
