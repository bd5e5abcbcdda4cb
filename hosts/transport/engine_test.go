package transport

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"midwatch/hosts"
)

const engineAddress = "10.0.0.5:2376"

// pong answers requests as an engine answers a ping, until the connection ends.
func pong(c net.Conn) {
	in := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			_ = c.Close()
			return
		}
		body := "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK"
		if req.URL.Path != "/_ping" {
			body = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
		}
		_, _ = io.WriteString(c, body)
	}
}

func TestEngineLink(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		f.handle(engineAddress, pong)
		l := open(t, Target{Name: "engine", Kind: hosts.KindDocker, Address: engineAddress}, f.params())
		nc, err := l.Dial(t.Context(), "tcp", engineAddress)
		if err != nil {
			t.Fatal(err)
		}
		_ = nc.Close()
		if _, err := l.Run(t.Context(), echo("hello")); !errors.Is(err, hosts.ErrMissing) {
			t.Errorf("run: %v, want ErrMissing", err)
		}
		before := f.dialled(engineAddress)
		<-time.After(time.Minute)
		if s := l.State(); s.State != hosts.StateConnected || time.Since(s.LastSeen) > 5*time.Second {
			t.Errorf("a minute later: %+v", s)
		}
		if n := f.dialled(engineAddress) - before; n != 0 {
			t.Errorf("the signs of life of a minute took %d new connections", n)
		}
		f.remove(engineAddress)
		l.mu.Lock()
		lane := l.lane.(*engineLane)
		l.mu.Unlock()
		lane.http.CloseIdleConnections() // as the engine does when it ends
		<-time.After(10 * time.Second)
		if s := l.State(); s.State == hosts.StateConnected || !strings.Contains(s.Reason, "refused") {
			t.Errorf("gone and %+v", s)
		}
		f.handle(engineAddress, pong)
		<-time.After(time.Minute)
		if s := l.State(); s.State != hosts.StateConnected {
			t.Errorf("back and %+v", s)
		}
	})
}

// Whoever accepts connections and says nothing is no engine, nor is one that stops answering.
func TestEngineThatSaysNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		f.handle(engineAddress, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		l := open(t, Target{Name: "engine", Kind: hosts.KindDocker, Address: engineAddress, ConnectTimeout: 3 * time.Second}, f.params())
		<-time.After(3500 * time.Millisecond)
		if s := l.State(); s.State == hosts.StateConnected || !strings.Contains(s.Reason, "no answer within 3s") {
			t.Errorf("it says nothing and %+v", s)
		}
		f.handle(engineAddress, pong)
		<-time.After(10 * time.Second)
		if s := l.State(); s.State != hosts.StateConnected {
			t.Errorf("it answers and %+v", s)
		}
		f.last(engineAddress).Freeze(true)
		f.handle(engineAddress, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		<-time.After(14 * time.Second)
		if s := l.State(); s.State == hosts.StateConnected {
			t.Errorf("frozen and %+v", s)
		}
	})
}

// certificate makes a certificate signed by parent, or by itself.
func certificate(t *testing.T, c *x509.Certificate, parent *x509.Certificate, signer *ecdsa.PrivateKey) (tls.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(1), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, key
}

// A certificate that is not accepted, on either side, is no connection, whichever TLS says so.
func TestEngineLinkTLS(t *testing.T) {
	t.Parallel()
	newCA := func() (*x509.Certificate, *ecdsa.PrivateKey, *x509.CertPool) {
		ca, key := certificate(t, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
		pool := x509.NewCertPool()
		pool.AddCert(ca.Leaf)
		return ca.Leaf, key, pool
	}
	ca, caKey, trusted := newCA()
	other, otherKey, others := newCA()
	server, _ := certificate(t, &x509.Certificate{IPAddresses: []net.IP{net.ParseIP("10.0.0.5")}}, ca, caKey)
	client, _ := certificate(t, &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, ca, caKey)
	stranger, _ := certificate(t, &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, other, otherKey)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, x := range map[string]struct {
			roots *x509.CertPool
			cert  tls.Certificate
			want  string // in the reason; "" for connected
		}{
			"good":     {trusted, client, ""},
			"impostor": {others, client, "unknown authority"},
			"stranger": {trusted, stranger, "certificate"},
		} {
			t.Run(tls.VersionName(version)+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFarm(t)
					f.handle(engineAddress, func(c net.Conn) {
						pong(tls.Server(c, &tls.Config{
							Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: trusted,
							MaxVersion: version, Time: x509Time(server),
						}))
					})
					l := open(t, Target{
						Name: "engine", Kind: hosts.KindDocker, Address: engineAddress,
						TLS: &tls.Config{RootCAs: x.roots, Certificates: []tls.Certificate{x.cert}, ServerName: "10.0.0.5", MinVersion: tls.VersionTLS12, Time: x509Time(server)},
					}, f.params())
					<-time.After(time.Second)
					s := l.State()
					if connected := s.State == hosts.StateConnected; connected != (x.want == "") || !strings.Contains(s.Reason, x.want) {
						t.Errorf("%s: %s, want %q", s.State, s.Reason, x.want)
					}
					l.mu.Lock()
					fault := l.fault
					l.mu.Unlock()
					if x.want != "" && !errors.Is(fault, hosts.ErrAuth) {
						t.Errorf("%v is no refusal", fault)
					}
				})
			})
		}
	}
}

// x509Time is a clock inside the validity of a certificate: the one in a bubble stands elsewhere.
func x509Time(c tls.Certificate) func() time.Time {
	at := c.Leaf.NotBefore.Add(time.Hour)
	return func() time.Time { return at }
}
