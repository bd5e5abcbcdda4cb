package hostrules

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"midwatch/checks"
	"midwatch/hosts"
)

func tlsExpiry() checks.Check {
	return checks.Check{
		ID:       "tls-expiry",
		Title:    "a certificate expires",
		Area:     checks.AreaTLS,
		Severity: checks.Warning,
		Why: "After its last day browsers and programs refuse the connection. Most often the file was renewed and the server still serves the old one, " +
			"because it was not reloaded.",
		Fix:       "Renew it (certbot renew) unless the file is newer than what is served, then reload whoever serves it: nginx -s reload, or push the secret to Envoy.",
		Verify:    "openssl s_client -connect HOST:443 -servername NAME </dev/null | openssl x509 -noout -dates",
		Sources:   []string{"https://letsencrypt.org/docs/faq/", "https://www.envoyproxy.io/docs/envoy/latest/operations/admin#get--certs"},
		Diagnoses: []string{"tls-expiry"},
		Also:      []checks.Need{checks.NeedProbes, checks.NeedEnvoy, checks.NeedCertFiles},
		Eval:      checks.OnHost(evalTLSExpiry),
	}
}

// served is a certificate that was seen.
type served struct {
	name        string
	from, until time.Time
	evidence    checks.Evidence
	tolerated   bool
	file        *hosts.CertFile // what lies on disk, nil for what was served
}

func evalTLSExpiry(h *checks.Host) []checks.Finding {
	seen := certificates(h)
	if len(seen) == 0 {
		return noCertificates(h)
	}
	var out []checks.Finding
	told := map[string]bool{}
	for _, c := range seen {
		key := c.name + c.until.String()
		if told[key] {
			continue
		}
		told[key] = true
		f := checks.Finding{Object: "certificate " + c.name, Key: c.evidence.Source, Evidence: []checks.Evidence{c.evidence}}
		now, left := h.World.Now, c.until.Sub(h.World.Now)
		// Short-lived certificates are renewed late by design.
		life := c.until.Sub(c.from)
		switch {
		case now.Before(c.from):
			f.Severity = checks.Error
			f.Title = fmt.Sprintf("the certificate of %s is not valid before %s: or a clock is wrong", c.name, c.from.UTC().Format(time.DateTime))
		case left <= 0:
			f.Severity = checks.Critical
			f.Title = fmt.Sprintf("the certificate of %s expired %s ago", c.name, days(-left))
		case left < min(7*24*time.Hour, life/6):
			f.Severity = checks.Error
			f.Title = fmt.Sprintf("the certificate of %s expires in %s", c.name, days(left))
		case left < min(21*24*time.Hour, life/3):
			f.Title = fmt.Sprintf("the certificate of %s expires in %s", c.name, days(left))
		default:
			continue
		}
		if c.tolerated && f.Severity > checks.Warning {
			f.Severity = checks.Warning
		}
		if c.file != nil {
			f.File = c.file.Path
			f.Key = c.file.Container
		} else if x, newer := renewed(h.World, c); newer != nil {
			f.Title += fmt.Sprintf(", and %s on %s has one until %s: reload what serves it", newer.Path, x.Name, newer.Until.UTC().Format(time.DateOnly))
			f.Key += " renewed"
			f.Evidence = append(f.Evidence, fileEvidence(x, newer))
		}
		out = append(out, f)
	}
	return out
}

// renewed is the file in the fleet that has a later certificate for what was served: it was renewed, and
// whoever serves it has not read it again.
func renewed(w *checks.World, c served) (*checks.Host, *hosts.CertFile) {
	for _, h := range w.Hosts {
		for i := range h.CertFiles.Value {
			f := &h.CertFiles.Value[i]
			if f.Error == "" && f.Until.After(c.until.Add(24*time.Hour)) && covers(f.Names, c.name) {
				return h, f
			}
		}
	}
	return nil, nil
}

// covers reports that one of the names of a certificate is this one, or a wildcard of its domain.
func covers(names []string, name string) bool {
	_, domain, _ := strings.Cut(name, ".")
	return has(names, name) || domain != "" && has(names, "*."+domain)
}

func fileEvidence(h *checks.Host, f *hosts.CertFile) checks.Evidence {
	at := f.Path
	if f.Container != "" {
		at = f.Container + ":" + at
	}
	return checks.Evidence{
		Source: at, Host: h.Name, At: h.CertFiles.At,
		Text: fmt.Sprintf("%s by %s, until %s, file of %s", f.Subject, f.Issuer, f.Until.UTC().Format(time.DateTime), f.Changed.UTC().Format(time.DateTime)),
	}
}

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// noCertificates says why nothing can be told, or that there is nothing.
func noCertificates(h *checks.Host) []checks.Finding {
	// A host that no probe asks from has none, and nobody will ask.
	if p := h.Part(checks.NeedProbes); !p.Known && p.Reason != "" {
		return []checks.Finding{checks.Unsure("", p.Why())}
	}
	return checks.NotHere("no certificate was seen")
}

// certificates are those that probes were served, and those that Envoy has loaded.
func certificates(h *checks.Host) []served {
	var out []served
	for _, p := range h.Probes.Value {
		r, ok := withCert(p)
		if !ok {
			continue
		}
		out = append(out, served{
			name: target(p), from: r.Cert.From, until: r.Cert.Until, tolerated: p.Tolerant,
			evidence: checks.Evidence{Source: p.Target, Text: fmt.Sprintf("%s by %s, until %s", r.Cert.Subject, r.Cert.Issuer, r.Cert.Until.UTC().Format(time.DateTime)), Host: h.Name, At: r.At},
		})
	}
	for i := range h.CertFiles.Value {
		f := &h.CertFiles.Value[i]
		if f.Error != "" || f.Until.IsZero() {
			continue
		}
		name := orElse(strings.Join(f.Names[:min(3, len(f.Names))], ", "), f.Path)
		out = append(out, served{name: name, from: f.From, until: f.Until, evidence: fileEvidence(h, f), file: f})
	}
	for _, e := range h.Envoy.Value {
		for _, c := range e.Certs {
			if c.Until.IsZero() {
				continue
			}
			name := orElse(strings.Join(c.Names, ", "), c.Path)
			out = append(out, served{
				name: name, from: c.From, until: c.Until,
				evidence: checks.Evidence{Source: e.Admin + "/certs", Text: fmt.Sprintf("%s (%s) until %s", name, c.Path, c.Until.UTC().Format(time.DateTime)), Host: h.Name, At: h.Envoy.At},
			})
		}
	}
	return out
}

// withCert is the last result of a probe that saw a certificate.
func withCert(p hosts.Probe) (hosts.ProbeResult, bool) {
	for i := len(p.Results) - 1; i >= 0; i-- {
		if p.Results[i].Cert != nil {
			return p.Results[i], true
		}
	}
	return hosts.ProbeResult{}, false
}

// target is the name a probe asks for.
func target(p hosts.Probe) string {
	if p.ServerName != "" {
		return p.ServerName
	}
	if u, err := url.Parse(p.Target); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	if host, _, err := net.SplitHostPort(p.Target); err == nil {
		return host
	}
	return p.Target
}

func tlsNameMismatch() checks.Check {
	return checks.Check{
		ID:       "tls-name-mismatch",
		Title:    "the certificate is for another name",
		Area:     checks.AreaTLS,
		Severity: checks.Error,
		Why: "Clients compare the name they asked for with the subject alternative names of the certificate; the common name does not count, and a wildcard stands for one label. " +
			"Often the server has no entry for this name and shows the certificate of its first one.",
		Fix:       "A server (or filter chain) for the name with its own certificate, or a certificate that has the name.",
		Verify:    "openssl s_client -connect HOST:443 -servername NAME </dev/null | openssl x509 -noout -ext subjectAltName",
		Sources:   []string{"https://www.rfc-editor.org/rfc/rfc9525", "https://nginx.org/en/docs/http/configuring_https_servers.html#name_based_https_servers"},
		Diagnoses: []string{"tls-expiry"},
		Also:      []checks.Need{checks.NeedProbes, checks.NeedEnvoy},
		Eval: checks.OnHost(func(h *checks.Host) []checks.Finding {
			return faults(h, nameFault, func(p hosts.Probe, c *hosts.ProbeCert) string {
				if len(c.Names) == 0 {
					return "the certificate of " + target(p) + " has no alternative names: its common name does not count"
				}
				return "asked for " + target(p) + ", the certificate is for " + strings.Join(c.Names[:min(4, len(c.Names))], ", ")
			})
		}),
	}
}

func tlsChain() checks.Check {
	return checks.Check{
		ID:       "tls-chain-incomplete",
		Title:    "the chain of the certificate does not lead to a known root",
		Area:     checks.AreaTLS,
		Severity: checks.Error,
		Why: "The server does not send the intermediate certificate, or the certificate is of a CA of your own. Browsers fetch or remember what is missing, " +
			"curl, Go and other services do not: it works by hand and fails between machines.",
		Fix:       "Serve fullchain.pem and not cert.pem; or give the clients the root of your own CA.",
		Verify:    "openssl s_client -connect HOST:443 -servername NAME -verify_return_error </dev/null ends with Verify return code: 0",
		Sources:   []string{"https://nginx.org/en/docs/http/configuring_https_servers.html#chains"},
		Diagnoses: []string{"tls-expiry"},
		Also:      []checks.Need{checks.NeedProbes, checks.NeedEnvoy},
		Eval: checks.OnHost(func(h *checks.Host) []checks.Finding {
			return faults(h, chainFault, func(p hosts.Probe, c *hosts.ProbeCert) string {
				if c.Issuer == c.Subject {
					return "the certificate of " + target(p) + " is signed by itself"
				}
				return "the certificate of " + target(p) + " by " + c.Issuer + " comes without what leads to a known root"
			})
		}),
	}
}

func nameFault(fault string) bool {
	for _, s := range []string{"certificate is valid for", "not valid for any names", "IP SANs", "legacy Common Name"} {
		if strings.Contains(fault, s) {
			return true
		}
	}
	return false
}

func chainFault(fault string) bool { return strings.Contains(fault, "unknown authority") }

// faults gives a finding for each name whose certificate does not verify in a certain way. Where that
// is tolerated, it is only worth a note.
func faults(h *checks.Host, is func(fault string) bool, title func(p hosts.Probe, c *hosts.ProbeCert) string) []checks.Finding {
	var out []checks.Finding
	told := map[string]bool{}
	some := false
	for _, p := range h.Probes.Value {
		r, ok := withCert(p)
		if !ok {
			continue
		}
		some = true
		if r.Cert.Verified || !is(r.Cert.Fault) || told[target(p)] {
			continue
		}
		told[target(p)] = true
		f := h.Find("certificate "+target(p), checks.NeedProbes, p.Target+": "+r.Cert.Fault)
		f.Title = title(p, r.Cert)
		if p.Tolerant {
			f.Severity = checks.Info
		}
		out = append(out, f)
	}
	if !some {
		return noCertificates(h)
	}
	return out
}
