package demo

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"net"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"midwatch/hosts/demo/wire"
	"midwatch/hosts/sshd"
)

// keyring makes the keys of the fleet from its seed, so that they need not be kept.
type keyring struct{ seed uint64 }

func newKeyring(seed uint64) keyring { return keyring{seed} }

func (k keyring) key(name string) ed25519.PrivateKey {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("midwatch demo "+name+" "), k.seed))
	return ed25519.NewKeyFromSeed(sum[:])
}

func (k keyring) signer(name string) (ssh.Signer, error) {
	s, err := ssh.NewSignerFromKey(k.key(name))
	if err != nil {
		return nil, fmt.Errorf("key of %s: %w", name, err)
	}
	return s, nil
}

// client is the operator's key.
const client = "operator"

// ClientKey is the operator's private key in OpenSSH's form; every host accepts it.
func (f *Fleet) ClientKey() ([]byte, error) {
	b, err := ssh.MarshalPrivateKey(f.keys.key(client), "midwatch demo")
	if err != nil {
		return nil, fmt.Errorf("operator's key: %w", err)
	}
	return pem.EncodeToMemory(b), nil
}

// KnownHosts is the content of a known_hosts file with the keys of all hosts.
func (f *Fleet) KnownHosts() (string, error) {
	var b strings.Builder
	for _, h := range f.hosts {
		if !h.head.SSH() {
			continue
		}
		s, err := f.keys.signer("host " + h.name)
		if err != nil {
			return "", err
		}
		pattern := h.addr
		if h.head.Port != 0 && h.head.Port != 22 {
			pattern = "[" + h.addr + "]:" + strconv.Itoa(h.head.Port)
		}
		b.WriteString(pattern + " " + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.PublicKey()))) + "\n")
	}
	return b.String(), nil
}

// serveSSH answers one SSH connection.
func (h *host) serveSSH(c *wire.Conn) {
	h.serverOnce.Do(func() { h.server, h.serverErr = h.newServer() })
	if h.serverErr != nil {
		h.fleet.p.Log.Error("demo ssh server", "host", h.name, "error", h.serverErr)
		c.Cut(net.ErrClosed)
		return
	}
	if err := h.server.Serve(context.WithoutCancel(h.fleet.ctx), c); err != nil {
		h.fleet.p.Log.Debug("demo ssh connection ended", "host", h.name, "error", err)
	}
}

func (h *host) newServer() (*sshd.Server, error) {
	key, err := h.fleet.keys.signer("host " + h.name)
	if err != nil {
		return nil, err
	}
	mine, err := h.fleet.keys.signer(client)
	if err != nil {
		return nil, err
	}
	allowed := string(mine.PublicKey().Marshal())
	spec := h.sim.Spec
	return sshd.New(sshd.Config{
		HostKeys: []ssh.Signer{key},
		Version:  "OpenSSH_9.2p1 Debian-2+deb12u3",
		PublicKey: func(user string, k ssh.PublicKey) bool {
			_, ok := h.sim.User(user)
			return ok && string(k.Marshal()) == allowed
		},
		Password: func(user, password string) bool {
			u, ok := h.sim.User(user)
			return ok && u.Password != "" && u.Password == password
		},
		MaxSessions:       h.head.MaxSessions,
		RefuseEnv:         true,
		RefuseStreamLocal: spec.Engine != nil && spec.Engine.NoForward,
	}, h)
}
