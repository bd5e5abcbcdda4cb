//go:build lab

package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newAuthority makes a CA and writes its certificate to file.
func newAuthority(t *testing.T, file string) *authority {
	t.Helper()
	a := &authority{key: newKey(t)}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: filepath.Base(file)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	a.sign(t, a.cert, a.key, file, "")
	return a
}

// issue writes a certificate for an address, or for a client where that is "", and its key.
func (a *authority) issue(t *testing.T, address, certFile, keyFile string) {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "lab"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if address != "" {
		c.ExtKeyUsage, c.IPAddresses = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, []net.IP{net.ParseIP(address)}
	}
	a.sign(t, c, newKey(t), certFile, keyFile)
}

func (a *authority) sign(t *testing.T, c *x509.Certificate, key *ecdsa.PrivateKey, certFile, keyFile string) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, certFile, "CERTIFICATE", der)
	if keyFile == "" {
		return
	}
	if der, err = x509.MarshalECPrivateKey(key); err != nil {
		t.Fatal(err)
	}
	writePEM(t, keyFile, "EC PRIVATE KEY", der)
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// tlsEngine starts a Docker Engine on a host that has none running, which listens on TCP and wants
// certificates; it is gone when the test ends. It runs one container, "over-tls". A second engine beside
// a first one would take away its bridge.
func tlsEngine(t *testing.T, l *Lab, host, certs string) {
	t.Helper()
	const dir, data = "/etc/midwatch-tls", "/var/lib/midwatch-tls"
	const local = "unix:///run/midwatch-tls.sock"
	after(t, l.execArgv(t, host, "sh", "-c", "docker -H "+local+" rm -f over-tls >/dev/null 2>&1; systemctl stop midwatch-tls; rm -rf "+dir+" "+data)...)
	run(t, "docker", "cp", certs, l.Host(t, host).Container+":"+dir)
	l.Exec(t, host, "sh", "-ec", "chown -R root:root "+dir+"; echo '{}' >"+dir+"/daemon.json")
	l.Exec(t, host, "systemd-run", "--quiet", "--collect", "--unit=midwatch-tls", "dockerd", "--config-file", dir+"/daemon.json",
		"-H", local, "-H", "tcp://0.0.0.0:2376", "--tlsverify", "--tlscacert", dir+"/ca.pem", "--tlscert", dir+"/server.pem", "--tlskey", dir+"/server.key",
		"--data-root", data, "--exec-root", "/run/midwatch-tls", "--pidfile", "/run/midwatch-tls.pid", "--bridge", "none", "--iptables=false",
		"--exec-opt", "native.cgroupdriver=systemd", "--storage-driver", "vfs")
	Poll(t, time.Minute, "the engine answers", func() (bool, string) {
		out, err := try(t.Context(), l.execArgv(t, host, "docker", "-H", local, "version", "--format", "{{.Server.Version}}")...)
		return err == nil, out
	})
	run(t, "sh", "-c", `docker exec "$1" docker save lab/svc:1 | docker exec -i "$2" docker -H "$3" load`, "sh", l.Host(t, "h1").Container, l.Host(t, host).Container, local)
	l.Exec(t, host, "docker", "-H", local, "run", "-d", "--name", "over-tls", "--network", "host", "lab/svc:1", "log", "-every", "1s")
}

// A real engine over TCP with certificates on both sides, and what is said when one of them is wrong.
func TestDockerOverTLS(t *testing.T) {
	l := Open(t)
	l.NeedEngine(t, "h1") // where the image comes from
	const host = "cert"
	addr := l.Host(t, host).Address
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	ca := newAuthority(t, file("ca.pem"))
	ca.issue(t, addr, file("server.pem"), file("server.key"))
	ca.issue(t, "", file("client.pem"), file("client.key"))
	other := newAuthority(t, file("other-ca.pem"))
	other.issue(t, "", file("stranger.pem"), file("stranger.key"))
	tlsEngine(t, l, host, dir)

	entry := func(name, ca, cert string) string {
		return fmt.Sprintf("[hosts.%s]\nkind = \"docker\"\n[hosts.%[1]s.docker]\naddress = \"tcp://%s:2376\"\nca = %q\ncert = %q\nkey = %q\n",
			name, addr, file(ca), file(cert+".pem"), file(cert+".key"))
	}
	p := l.Program(t, entry("good", "ca.pem", "client")+entry("stranger", "ca.pem", "stranger")+entry("impostor", "other-ca.pem", "client"))
	s := ParseStatus(t, p.MustRun(t, 3, "status", "--json", "--timeout", "30s").Stdout)
	if h := s.Host(t, "good"); h.State != "connected" || h.Container("over-tls") != "running" {
		t.Errorf("good is %s (%s), its container is %q", h.State, h.Reason, h.Container("over-tls"))
	}
	for name, want := range map[string]string{"stranger": "certificate", "impostor": "certificate"} {
		h := s.Host(t, name)
		if h.State == "connected" || !strings.Contains(h.Reason, want) {
			t.Errorf("%s is %s (%s), want it refused for its %s", name, h.State, h.Reason, want)
		}
		t.Logf("%s: %s", name, h.Reason)
	}

	var tests []struct {
		Name    string
		Reached bool
		Docker  *struct {
			Works  bool
			Detail string
		}
	}
	if err := json.Unmarshal([]byte(p.MustRun(t, 3, "hosts", "test", "--json").Stdout), &tests); err != nil {
		t.Fatal(err)
	}
	for _, h := range tests {
		if good := h.Name == "good"; h.Docker == nil || h.Reached != good || h.Docker.Works != good {
			t.Errorf("hosts test: %+v %+v", h, h.Docker)
		}
	}

	follow := p.Start(t, "logs", "--follow", "--json", "good/container:over-tls")
	follow.Next(t, 20*time.Second, "a line of the container", func(s string) bool { return strings.Contains(s, "line ") })

	watch := p.Start(t, "status", "--watch", "--json", "--every", "50ms", "--host", "good")
	state := func(want string) func(string) bool {
		return func(line string) bool { return ParseStatus(t, line).Host(t, "good").Container("over-tls") == want }
	}
	watch.Next(t, 30*time.Second, "it runs", state("running"))
	l.Exec(t, host, "docker", "-H", "unix:///run/midwatch-tls.sock", "kill", "over-tls")
	watch.Next(t, 10*time.Second, "its end is told", state("exited"))
}
