package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"midwatch/hosts"
)

// agentTimeout bounds listing the agent's keys. Signing may wait for a person to touch a token.
const agentTimeout = 5 * time.Second

// keyring is where the keys of one login come from.
type keyring struct {
	settings   Settings
	home       string
	passphrase SecretFunc
	ask        Ask
	memory     *memory

	agent net.Conn // open while the login lasts
	notes []string // why something could not be tried
}

// memory keeps what the operator answered, so that a reconnect at night asks nobody.
type memory struct {
	mu        sync.Mutex // guards everything below
	signers   map[string]ssh.Signer
	passwords map[string]hosts.Secret
}

func newMemory() *memory {
	return &memory{signers: map[string]ssh.Signer{}, passwords: map[string]hosts.Secret{}}
}

func (m *memory) signer(path string) ssh.Signer {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.signers[path]
}

func (m *memory) keepSigner(path string, s ssh.Signer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.signers[path] = s
}

func (m *memory) password(login string) (hosts.Secret, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.passwords[login]
	return s, ok
}

// keepPassword remembers a password that worked; an empty one forgets.
func (m *memory) keepPassword(login string, s hosts.Secret) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.Empty() {
		delete(m.passwords, login)
		return
	}
	m.passwords[login] = s
}

// candidate is one key that can be offered.
type candidate struct {
	name   string // for people: "agent", "~/.ssh/id_ed25519"
	label  string // with more detail, for the one that worked
	public ssh.PublicKey
	signer func(context.Context) (ssh.Signer, error)
}

// candidates lists the keys in the order ssh offers them: keys of the agent that a file names, the
// agent's other keys, files. A certificate goes before the key it is for.
func (k *keyring) candidates(ctx context.Context) []candidate {
	files := k.files()
	agentKeys := k.agentKeys(ctx)
	var out []candidate
	taken := make([]bool, len(agentKeys))
	var own []candidate
	for _, f := range files {
		inAgent := false
		for i, a := range agentKeys {
			if f.public != nil && sameKey(a.public, f.public) {
				a.label = "agent key " + f.name
				out = append(out, a)
				taken[i], inAgent = true, true
			}
		}
		if !inAgent && f.signer != nil {
			own = append(own, f)
		}
	}
	if !k.settings.IdentitiesOnly {
		for i, a := range agentKeys {
			if !taken[i] {
				out = append(out, a)
			}
		}
	}
	return k.withCertificates(append(out, own...))
}

// agentKeys lists what the agent holds.
func (k *keyring) agentKeys(ctx context.Context) []candidate {
	if k.settings.IdentityAgent == "" {
		return nil
	}
	var d net.Dialer
	dctx, cancel := context.WithTimeout(ctx, agentTimeout)
	defer cancel()
	conn, err := d.DialContext(dctx, "unix", k.settings.IdentityAgent)
	if err != nil {
		k.note("agent: " + errors.Unwrap(dialFault("unix", "", err)).Error())
		return nil
	}
	k.agent = conn
	_ = conn.SetDeadline(time.Now().Add(agentTimeout))
	signers, err := agent.NewClient(conn).Signers()
	_ = conn.SetDeadline(time.Time{})
	if err != nil {
		k.note("agent: " + cleanLine(strings.TrimPrefix(err.Error(), "agent: ")))
		return nil
	}
	out := make([]candidate, 0, len(signers))
	for _, s := range signers {
		out = append(out, candidate{
			name: "agent", label: "agent key " + ssh.FingerprintSHA256(s.PublicKey()), public: s.PublicKey(),
			signer: func(context.Context) (ssh.Signer, error) { return s, nil },
		})
	}
	return out
}

// close lets the agent go.
func (k *keyring) close() {
	if k.agent != nil {
		_ = k.agent.Close()
	}
}

func (k *keyring) note(s string) { k.notes = append(k.notes, s) }

// files reads the identity files that exist. A file that is only a public key names a key of the
// agent.
func (k *keyring) files() []candidate {
	var out []candidate
	for _, path := range k.settings.IdentityFiles {
		c := candidate{name: k.short(path), label: "key " + k.short(path)}
		if pub, err := readPublic(path + ".pub"); err == nil {
			c.public = pub
		}
		data, err := os.ReadFile(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			if c.public == nil {
				continue
			}
		case err != nil:
			k.note(c.name + ": " + errors.Unwrap(err).Error())
			continue
		default:
			if !k.private(&c, path, data) {
				continue
			}
		}
		out = append(out, c)
	}
	return out
}

// private fills c from the text of a private key; false means that it is of no use.
func (k *keyring) private(c *candidate, path string, data []byte) bool {
	if s := k.memory.signer(path); s != nil {
		c.public = s.PublicKey()
		c.signer = func(context.Context) (ssh.Signer, error) { return s, nil }
		return true
	}
	s, err := ssh.ParsePrivateKey(data)
	if err == nil {
		c.public = s.PublicKey()
		c.signer = func(context.Context) (ssh.Signer, error) { return s, nil }
		return true
	}
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		if locked.PublicKey != nil {
			c.public = locked.PublicKey
		}
		c.signer = func(ctx context.Context) (ssh.Signer, error) { return k.open(ctx, path, data) }
		return true
	}
	if pub, _, _, _, perr := ssh.ParseAuthorizedKey(data); perr == nil {
		c.public = pub // IdentityFile names a .pub
		return true
	}
	if c.public != nil {
		// Keys that live in a token cannot be used from their file; the agent may have them.
		k.note(c.name + ": only usable through the agent")
		return true
	}
	k.note(c.name + ": " + cleanLine(strings.TrimPrefix(err.Error(), "ssh: ")))
	return false
}

// passphraseTries is how often a passphrase may be typed, as in ssh.
const passphraseTries = 3

// open decrypts a private key: with the configured passphrase, or one that is asked for.
func (k *keyring) open(ctx context.Context, path string, data []byte) (ssh.Signer, error) {
	if k.passphrase != nil {
		secret, err := k.passphrase(ctx)
		if err != nil {
			return nil, fmt.Errorf("get the passphrase of %s: %w", k.short(path), err)
		}
		if s, err := ssh.ParsePrivateKeyWithPassphrase(data, []byte(secret.Reveal())); err == nil {
			k.memory.keepSigner(path, s)
			return s, nil
		}
		k.note(k.short(path) + ": the configured passphrase does not open it")
	}
	if k.ask == nil {
		return nil, fmt.Errorf("%s needs a passphrase and nobody can be asked", k.short(path))
	}
	for try := 1; ; try++ {
		secret, err := k.ask(ctx, Question{
			Kind: AskPassphrase, Host: k.settings.label(), Subject: path, Text: "passphrase for " + k.short(path),
		})
		if err != nil {
			return nil, &declinedError{err}
		}
		s, err := ssh.ParsePrivateKeyWithPassphrase(data, []byte(secret.Reveal()))
		if err == nil {
			k.memory.keepSigner(path, s)
			return s, nil
		}
		if try == passphraseTries {
			return nil, fmt.Errorf("%s: wrong passphrase", k.short(path))
		}
	}
}

// withCertificates puts certificate signers before the keys they are for.
func (k *keyring) withCertificates(keys []candidate) []candidate {
	type certFile struct {
		path string
		cert *ssh.Certificate
	}
	var certs []certFile
	paths := append([]string(nil), k.settings.CertificateFiles...)
	for _, f := range k.settings.IdentityFiles {
		paths = append(paths, f+"-cert.pub")
	}
	for i, path := range paths {
		pub, err := readPublic(path)
		cert, ok := pub.(*ssh.Certificate)
		switch {
		case ok:
			certs = append(certs, certFile{path, cert})
		case i < len(k.settings.CertificateFiles) && err != nil:
			k.note(k.short(path) + ": " + cleanLine(lastCause(err).Error()))
		case i < len(k.settings.CertificateFiles):
			k.note(k.short(path) + ": not a certificate")
		}
	}
	var front []candidate
	for _, c := range certs {
		for _, key := range keys {
			if key.public == nil || !sameKey(key.public, c.cert.Key) {
				continue
			}
			front = append(front, candidate{
				name: k.short(c.path), label: "certificate " + k.short(c.path), public: c.cert,
				signer: func(ctx context.Context) (ssh.Signer, error) {
					s, err := key.signer(ctx)
					if err != nil {
						return nil, err
					}
					return ssh.NewCertSigner(c.cert, s)
				},
			})
			break
		}
	}
	return append(front, keys...)
}

func lastCause(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

func readPublic(path string) (ssh.PublicKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pub, _, _, _, err := ssh.ParseAuthorizedKey(bytes.TrimSpace(data))
	return pub, err
}

// short is a path for people.
func (k *keyring) short(path string) string {
	if k.home != "" && strings.HasPrefix(path, k.home+"/") {
		return "~" + path[len(k.home):]
	}
	return path
}

// lazySigner signs with a key that is opened when the server has accepted its public half, so that
// a passphrase is asked for only where it helps.
type lazySigner struct {
	ctx    context.Context // the signer lives for one login, and ssh.Signer takes no context
	c      candidate
	hold   func() func()
	failed func(error)
}

func (l *lazySigner) PublicKey() ssh.PublicKey { return l.c.public }

func (l *lazySigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return l.SignWithAlgorithm(rand, data, "")
}

func (l *lazySigner) SignWithAlgorithm(rand io.Reader, data []byte, algo string) (*ssh.Signature, error) {
	defer l.hold()()
	sig, err := l.sign(rand, data, algo)
	if err != nil {
		l.failed(err)
	}
	return sig, err
}

func (l *lazySigner) sign(rand io.Reader, data []byte, algo string) (*ssh.Signature, error) {
	s, err := l.c.signer(l.ctx)
	if err != nil {
		return nil, err
	}
	if as, ok := s.(ssh.AlgorithmSigner); ok && algo != "" {
		return as.SignWithAlgorithm(rand, data, algo)
	}
	return s.Sign(rand, data)
}
