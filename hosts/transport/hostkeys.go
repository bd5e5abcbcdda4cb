package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"midwatch/hosts"
)

// verifier decides on the host key of one hop.
type verifier struct {
	settings Settings
	known    *knownHosts
	insecure bool
	ask      Ask
	host     string // as people know it

	standing HostKeyStanding
	key      ssh.PublicKey
	err      error // what was decided, kept because ssh puts its own words around it
}

// HostKeyStanding says why a host key was accepted.
type HostKeyStanding int

// The standings of a host key.
const (
	HostKeyUnverified HostKeyStanding = iota // nobody looked: insecure_host_key
	HostKeyOnRecord                          // known_hosts has this key
	HostKeyCertified                         // a @cert-authority signed it
	HostKeyJustAdded                         // the operator accepted it and it was recorded
)

func (s HostKeyStanding) String() string {
	switch s {
	case HostKeyOnRecord:
		return "on record"
	case HostKeyCertified:
		return "certified"
	case HostKeyJustAdded:
		return "accepted now"
	default:
		return "not verified"
	}
}

// newVerifier reads the known_hosts files of a host.
func newVerifier(s Settings, t Target, p Params, host string) (*verifier, error) {
	v := &verifier{settings: s, insecure: t.InsecureHostKey, ask: p.Ask, host: host, known: &knownHosts{}}
	if v.insecure {
		return v, nil
	}
	var err error
	v.known, err = readKnownHosts(append(append([]string(nil), s.UserKnownHosts...), s.GlobalKnownHosts...))
	if err != nil {
		return nil, err
	}
	if s.RevokedHostKeys != "" {
		if err := v.known.readRevoked(s.RevokedHostKeys); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// readRevoked adds the keys of a RevokedHostKeys file, one public key a line. ssh refuses every host
// when it cannot read that file, and so do we.
func (k *knownHosts) readRevoked(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read RevokedHostKeys: %w", err)
	}
	if bytes.HasPrefix(data, []byte("SSHKRL\n")) {
		return fmt.Errorf("read RevokedHostKeys %s: it is a binary revocation list, which midwatch cannot check; use a text list of keys", file)
	}
	for n, line := range bytes.Split(data, []byte("\n")) {
		if key, _, _, _, err := ssh.ParseAuthorizedKey(line); err == nil {
			k.lines = append(k.lines, knownLine{revoke: true, key: key, file: file, line: n + 1})
		}
	}
	return nil
}

// check is the verdict on key. A HostKeyError of kind HostKeyUnknown may be asked about; the others
// are final.
func (v *verifier) check(key ssh.PublicKey) error {
	v.key = key
	cert, isCert := key.(*ssh.Certificate)
	plain := key
	if isCert {
		plain = cert.Key
		if l, ok := v.known.revocation(cert.SignatureKey); ok {
			return v.refuse(plain, hosts.HostKeyRevoked, l)
		}
	}
	if l, ok := v.known.revocation(plain); ok {
		return v.refuse(plain, hosts.HostKeyRevoked, l)
	}
	if isCert {
		err := v.checkCert(cert)
		if err == nil {
			v.standing = HostKeyCertified
			return nil
		}
		// Without an authority that vouches for it, the key itself may still be on record.
		perr := v.checkPlain(plain)
		if perr != nil && !errors.Is(err, errNoAuthority) {
			return err
		}
		return perr
	}
	return v.checkPlain(plain)
}

var errNoAuthority = errors.New("no @cert-authority line for it")

// checkCert checks a host certificate: authority, validity, name.
func (v *verifier) checkCert(cert *ssh.Certificate) error {
	name := knownNames(v.settings)
	checker := ssh.CertChecker{IsHostAuthority: func(ca ssh.PublicKey, _ string) bool {
		for _, n := range name {
			for _, l := range v.known.about(n) {
				if l.ca && sameKey(l.key, ca) {
					return true
				}
			}
		}
		return false
	}}
	if !checker.IsHostAuthority(cert.SignatureKey, "") {
		return errNoAuthority
	}
	if cert.CertType != ssh.HostCert {
		return fmt.Errorf("%w: %s shows a user certificate", hosts.ErrHostKey, v.host)
	}
	principal := v.settings.HostName
	if v.settings.HostKeyAlias != "" {
		principal = v.settings.HostKeyAlias
	}
	if err := checker.CheckCert(principal, cert); err != nil {
		return fmt.Errorf("%w: host certificate of %s: %s", hosts.ErrHostKey, v.host, strings.TrimPrefix(err.Error(), "ssh: "))
	}
	return nil
}

// checkPlain looks the key up by the names of the host.
func (v *verifier) checkPlain(key ssh.PublicKey) error {
	var against []knownLine
	for i, name := range knownNames(v.settings) {
		for _, l := range v.known.about(name) {
			if l.ca {
				continue
			}
			if sameKey(l.key, key) {
				v.standing = HostKeyOnRecord
				return nil
			}
			// A line for the bare name says nothing against another port.
			if i == 0 {
				against = append(against, l)
			}
		}
	}
	if len(against) > 0 {
		return v.refuse(key, hosts.HostKeyChanged, against...)
	}
	return v.refuse(key, hosts.HostKeyUnknown)
}

func (v *verifier) refuse(key ssh.PublicKey, kind hosts.HostKeyKind, lines ...knownLine) error {
	e := &hosts.HostKeyError{
		Host: v.settings.address(), Algorithm: key.Type(), Fingerprint: ssh.FingerprintSHA256(key),
		Key: bytes.TrimSpace(ssh.MarshalAuthorizedKey(key)), Kind: kind,
	}
	for _, l := range lines {
		e.Known = append(e.Known, l.known())
	}
	return e
}

// callback verifies, asks about an unknown key, and records it on consent.
func (v *verifier) callback(ctx context.Context, key ssh.PublicKey) error {
	if v.insecure {
		v.key = key
		return nil
	}
	v.err = v.check(key)
	var hk *hosts.HostKeyError
	if v.err == nil || v.ask == nil || !errors.As(v.err, &hk) || hk.Kind != hosts.HostKeyUnknown {
		return v.err
	}
	answer, err := v.ask(ctx, Question{
		Kind: AskHostKey, Host: v.host, HostKey: hk,
		Text: fmt.Sprintf("the host key of %s is not known: %s %s", hk.Host, hk.Algorithm, hk.Fingerprint),
		Echo: true,
	})
	if err != nil || !strings.EqualFold(strings.TrimSpace(answer.Reveal()), "yes") {
		return v.err
	}
	if err := record(v.settings, hk.Key); err != nil {
		v.err = err
		return err
	}
	v.err, v.standing = nil, HostKeyJustAdded
	return nil
}

// record appends a key, in authorized_keys form, to the first known_hosts file of the host.
func record(s Settings, key []byte) error {
	if len(s.UserKnownHosts) == 0 {
		return errors.New("record host key: no known_hosts file is configured")
	}
	pub, _, _, _, err := ssh.ParseAuthorizedKey(key)
	if err != nil {
		return fmt.Errorf("record host key: %w", err)
	}
	name := knownNames(s)[0]
	if s.HashKnownHosts {
		name = knownhosts.HashHostname(name)
	}
	line := name + " " + string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(pub))) + "\n"
	file := s.UserKnownHosts[0]
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("record host key: %w", err)
	}
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("record host key: %w", err)
	}
	// A file that does not end in a line break would swallow ours.
	if end, serr := f.Stat(); serr == nil && end.Size() > 0 {
		last := make([]byte, 1)
		if _, rerr := f.ReadAt(last, end.Size()-1); rerr == nil && last[0] != '\n' {
			line = "\n" + line
		}
	}
	_, err = f.WriteString(line)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("record host key: %w", err)
	}
	return nil
}
