package collect

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"path"
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/nginx"
)

// certsSection reads the certificates that the configurations of nginx name. Only what stands between the
// lines that begin and end a certificate leaves the host, and of a chain only the first: never a key, even
// where both are in one file.
func certsSection() Section {
	return Section{
		ID: "certs", Title: "certificates on disk", Source: "the first certificate of each ssl_certificate file",
		Root: RootHelps, Make: certsScript,
		Limit: 5 * time.Second, Every: 10 * time.Minute, Max: 1 << 20,
		Fill: func(f *hosts.HostFacts, ev hosts.Evidence) error {
			f.CertFiles = hosts.Read(ParseCerts(ev.Data), ev.Source, ev.At)
			f.CertFiles.Needs = ev.Needs
			return nil
		},
		Fail: func(f *hosts.HostFacts, ev hosts.Evidence) {
			f.CertFiles = f.CertFiles.Failed(ev.Error, ev.Needs, ev.Source, ev.At)
		},
	}
}

// wantedCert is a file to read: where the host has it, and how nginx calls it.
type wantedCert struct{ at, path, container string }

// certsScript reads the files in the order of their names.
func certsScript(f *hosts.HostFacts) string {
	if !f.Nginx.Known() {
		return ""
	}
	var b strings.Builder
	b.WriteString(shellGone + `mw_cert() {
if [ -r "$2" ] && [ -f "$2" ]; then printf 'mw-cert %s %s %s\n' "$(stat -L -c %Y "$2" 2>/dev/null || echo 0)" "$1" "$3"
head -c 65536 "$2" | sed -n '/^-----BEGIN \(TRUSTED \)*CERTIFICATE-----/,/^-----END /p' | sed '/^-----END /q' | head -c 20000
elif mw_gone "$2"; then printf 'mw-nocert missing %s %s\n' "$1" "$3"
else printf 'mw-nocert not-readable %s %s\n' "$1" "$3"; fi
echo
}
`)
	for _, w := range wantedCerts(f) {
		b.WriteString("mw_cert " + quote(cmp.Or(w.container, "-")) + " " + quote(w.at) + " " + quote(w.path) + "\n")
	}
	return b.String()
}

// wantedCerts are the certificate files of the configurations, at most 100 of them. Files of a container
// are those that lie on the host and are mounted into it.
func wantedCerts(f *hosts.HostFacts) []wantedCert {
	var out []wantedCert
	add := func(n *hosts.Nginx, file string) {
		w := wantedCert{at: file, path: file, container: n.Container}
		if !path.IsAbs(file) || strings.ContainsAny(file, "$\n\x00 ") {
			return // a variable, data:, or below a prefix that is not known
		}
		if n.Container != "" {
			var ok bool
			if w.at, ok = mounted(f, n, file); !ok {
				return
			}
		}
		if len(out) < 100 && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	for i := range f.Nginx.Value {
		n := &f.Nginx.Value[i]
		if n.Config == nil {
			continue
		}
		each(n.Config.Root, "ssl_certificate", func(d *nginx.Directive) { add(n, d.Arg(0)) })
	}
	slices.SortFunc(out, func(a, b wantedCert) int {
		return cmp.Or(strings.Compare(a.container, b.container), strings.Compare(a.path, b.path))
	})
	return out
}

// each calls fn for every directive of that name, at any depth.
func each(ds []*nginx.Directive, name string, fn func(*nginx.Directive)) {
	for _, d := range ds {
		if d.Name == name {
			fn(d)
		}
		each(d.Block, name, fn)
	}
}

// mounted is where the host has a file of a container, by its bind mounts.
func mounted(f *hosts.HostFacts, n *hosts.Nginx, file string) (string, bool) {
	for i := range f.Containers.Value {
		c := &f.Containers.Value[i]
		if c.ID != n.ContainerID && c.Name != n.Container {
			continue
		}
		best := hosts.ContainerMount{}
		for _, m := range c.Mounts {
			if (file == m.Destination || strings.HasPrefix(file, strings.TrimSuffix(m.Destination, "/")+"/")) && len(m.Destination) > len(best.Destination) {
				best = m
			}
		}
		if best.Type != "bind" || best.Source == "" {
			return "", false
		}
		return path.Join(best.Source, strings.TrimPrefix(file, best.Destination)), true
	}
	return "", false
}

// ParseCerts reads the answer of the certs section.
func ParseCerts(data []byte) []hosts.CertFile {
	out := []hosts.CertFile{}
	var text strings.Builder
	end := func() {
		if n := len(out); n > 0 && out[n-1].Error == "" {
			readCert(&out[n-1], text.String())
		}
		text.Reset()
	}
	for line := range lines(data) {
		w := strings.SplitN(line, " ", 4)
		switch {
		case w[0] == "mw-cert" && len(w) == 4:
			end()
			out = append(out, hosts.CertFile{Changed: unixTime(w[1]), Container: strings.TrimPrefix(w[2], "-"), Path: w[3]})
		case w[0] == "mw-nocert" && len(w) == 4:
			end()
			out = append(out, hosts.CertFile{Error: strings.ReplaceAll(w[1], "-", " "), Container: strings.TrimPrefix(w[2], "-"), Path: w[3]})
		default:
			text.WriteString(line + "\n")
		}
	}
	end()
	return out
}

// readCert fills in what the first certificate of a text says.
func readCert(c *hosts.CertFile, text string) {
	c.Error = "no certificate in it"
	block, _ := pem.Decode([]byte(text))
	if block == nil || !strings.HasSuffix(block.Type, "CERTIFICATE") {
		return
	}
	x, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return
	}
	c.Error = ""
	c.Subject, c.Issuer = hosts.CleanLine(x.Subject.String()), hosts.CleanLine(x.Issuer.String())
	for _, n := range x.DNSNames {
		c.Names = append(c.Names, hosts.CleanLine(n))
	}
	for _, a := range x.IPAddresses {
		c.Names = append(c.Names, a.String())
	}
	c.From, c.Until = x.NotBefore.UTC(), x.NotAfter.UTC()
}
