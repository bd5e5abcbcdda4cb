package nginxrules

import (
	"fmt"
	"regexp"
	"strings"

	"midwatch/checks"
	"midwatch/hosts"
	"midwatch/hosts/nginx"
)

func tlsRenewal() checks.Check {
	return checks.Check{
		ID:       "tls-renewal-path-broken",
		Title:    "the certificate will not be renewed",
		Area:     checks.AreaTLS,
		Severity: checks.Warning,
		Why: "A certificate of Let's Encrypt lives 90 days, and something must renew it in time: a timer that runs, and a challenge that can be answered on port 80. " +
			"When either is broken, the site goes down on a day nobody has in mind.",
		Fix:    "systemctl enable --now certbot.timer; and no return at the level of the port-80 server: put it into location / beside location /.well-known/acme-challenge/.",
		Verify: "certbot renew --dry-run says that all renewals succeeded",
		Sources: []string{
			"https://letsencrypt.org/docs/challenge-types/",
			"https://eff-certbot.readthedocs.io/en/stable/using.html#automated-renewals",
			"https://nginx.org/en/docs/http/ngx_http_rewrite_module.html#return",
		},
		Diagnoses: []string{"tls-expiry"},
		Eval:      checks.OnNginx(evalTLSRenewal),
	}
}

func evalTLSRenewal(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, l := range levels(n) {
		if l.loc == nil || l.scope.Inner().Kind != "location" || !strings.Contains(l.loc.Path, "acme-challenge") {
			continue
		}
		// What a server returns itself comes before any location is looked for.
		d := nginx.Last(l.server.D.Block, "return")
		if d == nil {
			continue
		}
		f := n.At(d, "server "+l.server.Name())
		f.Title = "the challenge of a renewal is never answered: the server returns before it looks for " + l.loc.Label()
		f.Evidence = append(f.Evidence, n.Line(l.loc.D))
		if _, plain := l.tls(); len(plain) > 0 && strings.Contains(d.Arg(1), "https://") {
			f.Severity = checks.Info
			f.Title += " (a redirect to https is followed, if the files are there)"
		}
		out = append(out, f)
	}
	return append(out, renewer(n)...)
}

var (
	acmeFile  = regexp.MustCompile(`/letsencrypt/|/acme(\.sh)?/|/dehydrated/|/lego/`)
	acmeTimer = regexp.MustCompile(`^(snap\.)?(certbot|acme|lego|dehydrated|letsencrypt)[\w.@-]*\.timer$`)
	acmeImage = regexp.MustCompile(`(?i)certbot|acme|lego|dehydrated|letsencrypt|swag|nginx-proxy-manager`)
)

// renewer judges what renews the certificates of Let's Encrypt that this nginx uses.
func renewer(n *checks.Nginx) []checks.Finding {
	if n.Host == nil {
		return nil
	}
	var line *nginx.Directive
	for _, l := range levels(n) {
		if d := l.scope.Value("ssl_certificate"); d != nil && acmeFile.MatchString(d.Arg(0)) {
			line = d
			break
		}
	}
	if line == nil {
		return nil
	}
	if p := n.Host.Part(checks.NeedUnits); !p.Known {
		return []checks.Finding{checks.Unsure("certificates", "whether a timer renews them: "+p.Why())}
	}
	for _, c := range n.Host.Containers.Value {
		if acmeImage.MatchString(c.Image) && c.State == "running" {
			return nil
		}
	}
	timer := acmeUnit(n.Host.Units.Value)
	f := n.At(line, "certificates")
	f.Key = "timer"
	switch {
	case timer == nil:
		f.Severity = checks.Info
		f.Title = "no timer here is known to renew the certificates of Let's Encrypt"
		f.Evidence = append(f.Evidence, n.Host.Find("", checks.NeedUnits, "no certbot, acme, lego or dehydrated timer").Evidence...)
	case timer.Active != "active":
		f.Severity = checks.Error
		f.Title = fmt.Sprintf("%s is %s: nothing renews the certificates", timer.Name, timer.Active)
		f.Evidence = append(f.Evidence, n.Host.Find("", checks.NeedUnits, timer.Name+" "+timer.Active+", "+timer.Enabled).Evidence...)
	default:
		s := serviceOf(n.Host.Units.Value, timer.Name)
		if s == nil || s.Active != "failed" {
			return nil
		}
		f.Severity = checks.Error
		f.Title = fmt.Sprintf("the last renewal failed: %s, %s", s.Name, s.Result)
		f.Evidence = append(f.Evidence, n.Host.Find("", checks.NeedUnits, fmt.Sprintf("%s failed (%s, status %d)", s.Name, s.Result, s.ExitStatus)).Evidence...)
	}
	return []checks.Finding{f}
}

// acmeUnit is the timer that renews; one that runs before one that does not.
func acmeUnit(units []hosts.Unit) *hosts.Unit {
	var found *hosts.Unit
	for i := range units {
		if !acmeTimer.MatchString(units[i].Name) || units[i].Load == "not-found" {
			continue
		}
		if found == nil || units[i].Active == "active" {
			found = &units[i]
		}
	}
	return found
}

func serviceOf(units []hosts.Unit, timer string) *hosts.Unit {
	name := strings.TrimSuffix(timer, ".timer") + ".service"
	for i := range units {
		if units[i].Name == name {
			return &units[i]
		}
	}
	return nil
}
