package nginxrules

import (
	"regexp"

	"midwatch/checks"
)

func bodyTooLarge() checks.Check {
	return checks.Check{
		ID:       "nginx-body-too-large",
		Title:    "uploads above 1 MB are refused",
		Area:     checks.AreaNginx,
		Severity: checks.Info,
		Why: "client_max_body_size is 1 MB unless it is set, at any level. A larger upload gets 413 from nginx, " +
			"and error.log says \"client intended to send too large body\"; the application never sees it.",
		Fix:     "client_max_body_size N; here, a little above the limit of the application; the same at every proxy in front.",
		Verify:  "head -c 2000000 /dev/zero | curl -si --data-binary @- http://HOST/PATH is not 413",
		Sources: []string{"https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size"},
		Eval:    checks.OnNginx(evalBodyTooLarge),
	}
}

var uploadPath = regexp.MustCompile(`(?i)(^|[/_-])(upload|import|attachments?|files?/upload|recordings?|transcribe|media/upload)([/_$)|-]|$)`)

func evalBodyTooLarge(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, s := range logged(n, "body-too-large") {
		f := n.Host.Spoken(s)
		if l, ok := place(n, s.Line); ok {
			f = l.at(l.scope.Value("client_max_body_size"), s)
			f.Title = "an upload was refused: client_max_body_size is " + l.value("client_max_body_size", "1m, as it is not set,") + " here"
		}
		f.Severity = checks.Error
		out = append(out, f)
	}
	for _, l := range passes(n) {
		if l.loc == nil || !uploadPath.MatchString(l.loc.Path) || l.scope.Value("client_max_body_size") != nil {
			continue
		}
		if d := l.unread(); d != nil || n.HTTP.Fragment {
			out = append(out, checks.Unsure(l.object(), "the limit of uploads: it may be set in a file that is not at hand"))
			continue
		}
		f := n.At(l.pass(), l.object())
		f.Title = "no client_max_body_size for " + l.loc.Label() + ": uploads above 1 MB get 413"
		out = append(out, f)
	}
	return out
}
