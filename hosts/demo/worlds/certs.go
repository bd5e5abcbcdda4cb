package worlds

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"midwatch/hosts/demo/sim"
)

// cert describes a certificate.
type cert struct {
	names []string
	days  int    // until it ends, from the site's start
	by    string // issuer; "" is the certificate itself
}

// certs makes certificates when they are first asked for; the keys follow from the site's seed.
type certs struct {
	s    *sim.Site
	list []cert
	mu   sync.Mutex // guards made
	made map[string]*tls.Certificate
}

func newCerts(s *sim.Site, list ...cert) *certs {
	return &certs{s: s, list: list, made: map[string]*tls.Certificate{}}
}

// covers reports whether the certificate is for a name; a wildcard stands for one label.
func (d cert) covers(name string) bool {
	for _, n := range d.names {
		if n == name || strings.HasPrefix(n, "*.") && strings.HasSuffix(name, n[1:]) && strings.Count(name, ".") == strings.Count(n, ".") {
			return true
		}
	}
	return false
}

// For returns the certificate for a server name, nil when there is none.
func (c *certs) For(name string) *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.list {
		if !d.covers(name) {
			continue
		}
		if m := c.made[d.names[0]]; m != nil {
			return m
		}
		m, err := d.make(c.s)
		if err != nil {
			return nil
		}
		c.made[d.names[0]] = m
		return m
	}
	return nil
}

func (d cert) make(s *sim.Site) (*tls.Certificate, error) {
	caKey, key := seedKey(s, "ca "+d.by), seedKey(s, "cert "+d.names[0])
	start := s.Start()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: d.by, Organization: []string{"Demo Trust"}}, NotBefore: start.Add(-900 * day), NotAfter: start.Add(2000 * day),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: d.serial(s), Subject: pkix.Name{CommonName: d.names[0]}, DNSNames: d.names,
		NotBefore: d.from(start), NotAfter: d.until(start), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range d.names {
		if ip := net.ParseIP(n); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		}
	}
	if d.by == "" {
		leaf.IsCA, leaf.BasicConstraintsValid = true, true
		der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, key.Public(), key)
		return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err != nil {
		return nil, err
	}
	root, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, root}, PrivateKey: key}, nil
}

func (d cert) serial(s *sim.Site) *big.Int {
	n := new(big.Int)
	n.SetString(s.Hex("serial "+d.names[0], 32), 16)
	return n
}

// from is when a certificate of ninety days began.
func (d cert) from(start time.Time) time.Time { return start.Add(time.Duration(d.days-90) * day) }

func (d cert) until(start time.Time) time.Time {
	return start.Add(time.Duration(d.days)*day + 3*time.Hour)
}

func seedKey(s *sim.Site, name string) ed25519.PrivateKey {
	sum := sha256.Sum256([]byte(s.Hex("tls "+name, 64)))
	return ed25519.NewKeyFromSeed(sum[:])
}

// bySNI is a server that shows the certificate of the name that is asked for. For other names it ends
// the handshake when it is strict, and otherwise shows the first certificate.
func (c *certs) bySNI(strict bool) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(hi *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if m := c.For(hi.ServerName); m != nil {
				return m, nil
			}
			if strict || len(c.list) == 0 {
				return nil, errors.New("no certificate for " + strconv.Quote(hi.ServerName))
			}
			return c.For(c.list[0].names[0]), nil
		},
	}
}
