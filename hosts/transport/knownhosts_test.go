package transport

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"midwatch/hosts"
)

func ecdsaSigner(t testing.TB) ssh.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func keyText(k ssh.PublicKey) string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k))) }

// verify checks key for host:port against the text of a known_hosts file.
func verify(t *testing.T, text, host string, port int, key ssh.PublicKey) (HostKeyStanding, error) {
	t.Helper()
	s := defaultSettings(host)
	s.Port = port
	k := &knownHosts{}
	if err := k.parse(strings.NewReader(text), "kh"); err != nil {
		t.Fatal(err)
	}
	v := &verifier{settings: s, known: k, host: host}
	err := v.check(key)
	return v.standing, err
}

func TestKnownHosts(t *testing.T) {
	t.Parallel()
	good, other := newSigner(t).PublicKey(), newSigner(t).PublicKey()
	g, o := keyText(good), keyText(other)
	for name, tc := range map[string]struct {
		text string
		host string
		port int
		kind string // "", "unknown", "changed kh:N", "revoked kh:N"
	}{
		"plain":                     {"a.lan " + g, "a.lan", 22, ""},
		"upper case":                {"A.lan " + g, "a.LAN", 22, ""},
		"list":                      {"x,a.lan,10.0.0.1 " + g, "10.0.0.1", 22, ""},
		"comment and blank lines":   {"\n# x\n  a.lan " + g + " who@where", "a.lan", 22, ""},
		"unknown":                   {"b.lan " + g, "a.lan", 22, "unknown"},
		"changed":                   {"# x\na.lan " + o, "a.lan", 22, "changed kh:2"},
		"one of several":            {"a.lan " + o + "\na.lan " + g, "a.lan", 22, ""},
		"port":                      {"[a.lan]:2222 " + g, "a.lan", 2222, ""},
		"other port":                {"[a.lan]:2222 " + g, "a.lan", 22, "unknown"},
		"bare name serves any port": {"a.lan " + g, "a.lan", 2222, ""},
		"bare name is no reproach":  {"a.lan " + o, "a.lan", 2222, "unknown"},
		"port changed":              {"[a.lan]:2222 " + o + "\na.lan " + o, "a.lan", 2222, "changed kh:1"},
		"wildcard":                  {"*.lan " + g, "a.lan", 22, ""},
		"question mark":             {"?.lan " + g, "a.lan", 22, ""},
		"negated":                   {"*.lan,!a.lan " + g, "a.lan", 22, "unknown"},
		"negated other":             {"*.lan,!b.lan " + g, "a.lan", 22, ""},
		"only negated":              {"!a.lan " + g, "a.lan", 22, "unknown"},
		"hashed":                    {knownhosts.HashHostname("a.lan") + " " + g, "a.lan", 22, ""},
		"hashed port":               {knownhosts.HashHostname("[a.lan]:2222") + " " + g, "a.lan", 2222, ""},
		"hashed other":              {knownhosts.HashHostname("b.lan") + " " + g, "a.lan", 22, "unknown"},
		"revoked":                   {"a.lan " + g + "\n@revoked * " + g, "a.lan", 22, "revoked kh:2"},
		"revoked elsewhere":         {"a.lan " + g + "\n@revoked b.lan " + g, "a.lan", 22, "revoked kh:2"},
		"another is revoked":        {"@revoked * " + o + "\na.lan " + g, "a.lan", 22, ""},
		"authority is no host key":  {"@cert-authority *.lan " + g, "a.lan", 22, "unknown"},
		"unknown marker":            {"@nonsense a.lan " + g, "a.lan", 22, "unknown"},
		"broken lines":              {"a.lan ssh-ed25519 %%%\na.lan\na.lan ssh-rsa " + strings.Fields(g)[1] + "\na.lan " + g, "a.lan", 22, ""},
		"ipv6":                      {"fe80::1 " + g, "fe80::1", 22, ""},
		"ipv6 port":                 {"[fe80::1]:2222 " + g, "fe80::1", 2222, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := verify(t, tc.text, tc.host, tc.port, good)
			got := ""
			var hk *hosts.HostKeyError
			if errors.As(err, &hk) {
				got = [...]string{"unknown", "changed", "revoked"}[hk.Kind]
				if len(hk.Known) > 0 {
					got += " " + hk.Known[0].File + ":" + string(rune('0'+hk.Known[0].Line))
				}
				if !errors.Is(err, hosts.ErrHostKey) || hk.Fingerprint != ssh.FingerprintSHA256(good) {
					t.Errorf("error: %v", err)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if got != tc.kind {
				t.Errorf("got %q, want %q", got, tc.kind)
			}
		})
	}
}

// hostCert signs a host certificate.
func hostCert(t testing.TB, key, ca ssh.Signer, before uint64, names ...string) ssh.Signer {
	t.Helper()
	c := &ssh.Certificate{Key: key.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: names, ValidBefore: before}
	if err := c.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewCertSigner(c, key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHostCertificates(t *testing.T) {
	t.Parallel()
	key, ca, stranger := newSigner(t), newSigner(t), newSigner(t)
	line := "@cert-authority *.lan " + keyText(ca.PublicKey())
	good := hostCert(t, key, ca, ssh.CertTimeInfinity, "a.lan").PublicKey()
	if st, err := verify(t, line, "a.lan", 22, good); err != nil || st != HostKeyCertified {
		t.Errorf("certified: %v, %v", st, err)
	}
	for name, tc := range map[string]struct {
		text string
		cert ssh.PublicKey
		want string
	}{
		"expired":              {line, hostCert(t, key, ca, 1, "a.lan").PublicKey(), "certificate"},
		"another name":         {line, hostCert(t, key, ca, ssh.CertTimeInfinity, "b.lan").PublicKey(), "certificate"},
		"unknown authority":    {line, hostCert(t, key, stranger, ssh.CertTimeInfinity, "a.lan").PublicKey(), "not known"},
		"revoked authority":    {line + "\n@revoked * " + keyText(ca.PublicKey()), good, "revoked"},
		"revoked key":          {line + "\n@revoked * " + keyText(key.PublicKey()), good, "revoked"},
		"authority for others": {"@cert-authority *.org " + keyText(ca.PublicKey()), good, "not known"},
	} {
		if _, err := verify(t, tc.text, "a.lan", 22, tc.cert); !errors.Is(err, hosts.ErrHostKey) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
	// The key under a certificate of nobody we know may be on record itself.
	unknownCA := hostCert(t, key, stranger, ssh.CertTimeInfinity, "a.lan").PublicKey()
	if st, err := verify(t, "a.lan "+keyText(key.PublicKey()), "a.lan", 22, unknownCA); err != nil || st != HostKeyOnRecord {
		t.Errorf("plain key on record: %v, %v", st, err)
	}
}

func TestAlgorithmsPreferWhatIsKnown(t *testing.T) {
	t.Parallel()
	ed, ec, ca := newSigner(t).PublicKey(), ecdsaSigner(t).PublicKey(), newSigner(t).PublicKey()
	first := func(text string, algos ...string) string {
		k := &knownHosts{}
		_ = k.parse(strings.NewReader(text), "kh")
		s := defaultSettings("a.lan")
		s.HostKeyAlgos = algos
		got := k.algorithms(s)
		if len(algos) == 0 && len(got) != len(ssh.SupportedAlgorithms().HostKeys) {
			t.Errorf("%q: %d algorithms left", text, len(got))
		}
		return got[0]
	}
	if got := first("a.lan " + keyText(ed)); got != ssh.KeyAlgoED25519 {
		t.Errorf("ed25519 on record: %s first", got)
	}
	if got := first("a.lan " + keyText(ec)); got != ssh.KeyAlgoECDSA256 {
		t.Errorf("ecdsa on record: %s first", got)
	}
	if got := first("@cert-authority *.lan " + keyText(ca) + "\na.lan " + keyText(ed)); !strings.Contains(got, "-cert-") {
		t.Errorf("with an authority: %s first", got)
	}
	if got := first("b.lan "+keyText(ed), "rsa-sha2-512", "ssh-ed25519"); got != "rsa-sha2-512" {
		t.Errorf("nothing known: %s first, want the user's order", got)
	}
	if got := first("a.lan "+keyText(ed), "ssh-rsa", "nonsense"); got == "nonsense" || got == "ssh-rsa" {
		t.Errorf("unsupported algorithms: %s first", got)
	}
	k := &knownHosts{}
	_ = k.parse(strings.NewReader("[a.lan]:2222 "+keyText(ed)), "kh")
	s := defaultSettings("a.lan")
	s.Port = 2222
	if got := k.algorithms(s)[0]; got != ssh.KeyAlgoED25519 {
		t.Errorf("on another port: %s first", got)
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	key := newSigner(t).PublicKey()
	file := t.TempDir() + "/new/known_hosts"
	s := defaultSettings("a.lan")
	s.Port, s.UserKnownHosts = 2222, []string{file}
	if err := record(s, ssh.MarshalAuthorizedKey(key)); err != nil {
		t.Fatal(err)
	}
	// A file without a line break at its end, and a hashed entry.
	old, _ := os.ReadFile(file)
	if err := os.WriteFile(file, bytes.TrimSpace(old), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Port, s.HashKnownHosts = 22, true
	if err := record(s, ssh.MarshalAuthorizedKey(key)); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(file)
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "[a.lan]:2222 ssh-ed25519 ") || !strings.HasPrefix(lines[1], "|1|") {
		t.Fatalf("file:\n%s", text)
	}
	for _, port := range []int{22, 2222} {
		if _, err := verify(t, string(text), "a.lan", port, key); err != nil {
			t.Errorf("port %d: %v", port, err)
		}
	}
}

// FuzzKnownHosts compares the verdict with that of x/crypto where both know the rules.
func FuzzKnownHosts(f *testing.F) {
	key := newSigner(f).PublicKey()
	k := keyText(key)
	for _, s := range []string{"a.lan", "*.lan,!b.lan", "[a.lan]:22", "a.lan,", "|1|x|y", "@revoked a.lan", "@cert-authority *", "?.*n", "!a.lan,a.lan"} {
		f.Add(s + " " + k)
	}
	f.Fuzz(func(t *testing.T, text string) {
		kh := &knownHosts{}
		if kh.parse(strings.NewReader(text), "kh") != nil {
			return
		}
		v := &verifier{settings: defaultSettings("a.lan"), known: kh, host: "a.lan"}
		ours := v.check(key)
		_ = kh.algorithms(v.settings)
		if rest := strings.ReplaceAll(text, k, ""); strings.ToLower(rest) != rest {
			return // x/crypto compares letters as they are, ssh and we do not
		}
		file := write(t, "kh", text)
		cb, err := knownhosts.New(file)
		if err != nil {
			return
		}
		theirs := cb("a.lan:22", &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 22}, key)
		if ours == nil && theirs != nil {
			t.Fatalf("accepted what x/crypto refuses: %v\n%s", theirs, text)
		}
	})
}
