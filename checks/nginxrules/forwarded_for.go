package nginxrules

import (
	"strings"

	"midwatch/checks"
	"midwatch/hosts/nginx"
)

func forwardedForTrust() checks.Check {
	return checks.Check{
		ID:       "x-forwarded-for-trust",
		Title:    "a client may choose the address it is seen with",
		Area:     checks.AreaForwarded,
		Severity: checks.Warning,
		Why: "Whoever reaches this nginx can write X-Forwarded-For, and it is believed or passed on as it is. " +
			"Limits by address, allow lists and the log then hold whatever the client said.",
		Fix:     "set_real_ip_from for the addresses of the proxies in front, and no more; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; (or $remote_addr at the edge).",
		Verify:  "curl -sI -H 'X-Forwarded-For: 203.0.113.9' http://HOST/; the access log shows your own address",
		Sources: []string{"https://nginx.org/en/docs/http/ngx_http_realip_module.html#set_real_ip_from"},
		Eval:    checks.OnNginx(evalForwardedForTrust),
	}
}

func evalForwardedForTrust(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, g := range groups(levels(n), func(l level) *nginx.Directive {
		set, _ := l.scope.Array("set_real_ip_from")
		for _, d := range set {
			if a := d.Arg(0); a == "0.0.0.0/0" || a == "::/0" {
				return d
			}
		}
		return nil
	}) {
		f := n.At(g.d, "server "+g.at[0].server.Name())
		f.Title = "every address is trusted to say who the client is"
		if d := g.at[0].scope.Value("real_ip_header"); d != nil {
			f.Evidence = append(f.Evidence, n.Line(d))
			if strings.EqualFold(d.Arg(0), "proxy_protocol") {
				f.Severity = checks.Info
			}
		}
		out = append(out, f)
	}
	for _, g := range groups(passes(n), func(l level) *nginx.Directive {
		if v, d := l.header("X-Forwarded-For"); d != nil && v == "$http_x_forwarded_for" {
			return d
		}
		return nil
	}) {
		f := g.find(n)
		f.Key = "passed on"
		f.Severity = checks.Info
		f.Title = "X-Forwarded-For is passed on as the client wrote it, without the address of the client"
		out = append(out, f)
	}
	return out
}
