package demo

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// The certificates of Docker engines that listen with TLS: an authority of the fleet's own, one
// certificate for each engine and one for the operator. They hold for all of this century, because
// they belong to no clock.

func (k keyring) authority() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "midwatch demo docker"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: century(2020), NotAfter: century(2099), KeyUsage: x509.KeyUsageCertSign,
	}
}

func century(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }

// issue signs a certificate for a key of the ring.
func (k keyring) issue(name string, leaf *x509.Certificate) ([]byte, error) {
	ca := k.authority()
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, k.key(name).Public(), k.key("docker ca"))
	if err != nil {
		return nil, fmt.Errorf("certificate of %s: %w", name, err)
	}
	return der, nil
}

// dockerServer is the TLS side of an engine: it wants the operator's certificate.
func (k keyring) dockerServer(name, addr string) *tls.Config {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAndVerifyClientCert}
	conf.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		der, err := k.issue("docker "+name, &x509.Certificate{
			SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.ParseIP(addr)},
			NotBefore: century(2020), NotAfter: century(2099), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		})
		if err != nil {
			return nil, err
		}
		ca, err := k.dockerCA()
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		pool.AddCert(ca)
		c := conf.Clone()
		c.GetConfigForClient, c.ClientCAs, c.NextProtos = nil, pool, []string{"http/1.1"}
		c.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: k.key("docker " + name)}}
		return c, nil
	}
	return conf
}

func (k keyring) dockerCA() (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, k.authority(), k.authority(), k.key("docker ca").Public(), k.key("docker ca"))
	if err != nil {
		return nil, fmt.Errorf("docker authority: %w", err)
	}
	return x509.ParseCertificate(der)
}

// dockerClient is what the operator has: the authority, a certificate and its key, as PEM.
func (k keyring) dockerClient() (ca, cert, key []byte, err error) {
	root, err := k.dockerCA()
	if err != nil {
		return nil, nil, nil, err
	}
	der, err := k.issue("docker operator", &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "operator"}, NotBefore: century(2020), NotAfter: century(2099),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, nil, nil, err
	}
	p8, err := x509.MarshalPKCS8PrivateKey(k.key("docker operator"))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("docker key: %w", err)
	}
	block := func(kind string, b []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}) }
	return block("CERTIFICATE", root.Raw), block("CERTIFICATE", der), block("PRIVATE KEY", p8), nil
}
