package collect

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"midwatch/hosts"
	"midwatch/hosts/nginx"
	"midwatch/hosts/nginx/read"
	"midwatch/hosts/redact"
)

// pair makes a key and a certificate of its own, as PEM.
func pair(t *testing.T, name string, until time.Time) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: until.Add(-time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return block("CERTIFICATE", der), block("EC PRIVATE KEY", raw)
}

// Of each file that nginx names the first certificate is read, and never a key; every shell does it, and a
// capture keeps it.
func TestCerts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	until := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	first, key := pair(t, "a.test", until)
	second, _ := pair(t, "ca.test", until.Add(time.Hour))
	for name, text := range map[string]string{"both.pem": key + first + second, "key.pem": key, "chain.pem": second + first} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := "http { server { listen 443 ssl; ssl_certificate " + dir + "/both.pem; ssl_certificate_key " + dir + "/key.pem; }\n" +
		"server { ssl_certificate " + dir + "/key.pem; } server { ssl_certificate " + dir + "/none.pem; ssl_certificate $name; } server { ssl_certificate " + dir + "/both.pem; } }"
	c := read.Parse([]nginx.File{{Name: "nginx.conf", Text: []byte(text)}})
	in := read.Parse([]nginx.File{{Name: "nginx.conf", Text: []byte("http { server { ssl_certificate /tls/chain.pem; ssl_certificate /image/x.pem; } }")}})
	f := &hosts.HostFacts{}
	f.Nginx = hosts.Read([]hosts.Nginx{{Config: c}, {Config: in, Container: "edge", ContainerID: "id"}, {Container: "unread"}}, "x", time.Unix(1, 0))
	f.Containers = hosts.Read([]hosts.Container{{ID: "id", Name: "edge", Mounts: []hosts.ContainerMount{{Type: "bind", Source: dir, Destination: "/tls"}}}}, "x", time.Unix(1, 0))
	want := []hosts.CertFile{
		{Path: dir + "/both.pem", Names: []string{"a.test"}, Subject: "CN=a.test", Issuer: "CN=a.test", From: until.Add(-time.Hour), Until: until},
		{Path: dir + "/key.pem", Error: "no certificate in it"},
		{Path: dir + "/none.pem", Error: "missing"},
		{Path: "/tls/chain.pem", Container: "edge", Names: []string{"ca.test"}, Subject: "CN=ca.test", Issuer: "CN=ca.test", From: until, Until: until.Add(time.Hour)},
	}
	for name, sh := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ev := one(t, sh, "certs", f)
			if strings.Contains(string(ev.Data), "PRIVATE") || strings.Contains(string(ev.Data), strings.Split(key, "\n")[1]) {
				t.Errorf("a key leaves the host:\n%s", ev.Data)
			}
			for _, data := range []string{string(ev.Data), redact.Lines(string(ev.Data), false)} {
				got := ParseCerts([]byte(data))
				for i := range got {
					if got[i].Error != "missing" && got[i].Changed.IsZero() {
						t.Errorf("%s has no time", got[i].Path)
					}
					got[i].Changed = time.Time{}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s\n%s", diff, data)
				}
			}
		})
	}
	if certsScript(&hosts.HostFacts{}) != "" {
		t.Error("asked before it is known what to ask for")
	}
}

func FuzzCode(f *testing.F) {
	f.Add([]byte("mw-code\nmw-proc 7 python 1000 0 /opt/app\nmw-tree 7\nmw-part 1500 .a.py.Q1w2e3\nmw-new py 12 1400 a.py\n"))
	f.Add([]byte("mw-cert 1 - /etc/x.pem\n-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\nmw-nocert missing edge /y\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, c := range ParseCode(data) {
			shown(t, c.Dir, c.Process, c.Unit, c.Container, c.File)
			shown(t, c.Partial...)
		}
		for _, c := range ParseCerts(data) {
			shown(t, c.Path, c.Container, c.Subject, c.Issuer, c.Error)
			shown(t, c.Names...)
		}
		for _, l := range ParseLooseLogs(data) {
			shown(t, l.Path)
		}
	})
}
