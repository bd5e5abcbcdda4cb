package sshd

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/ssh"
)

// DefaultMaxSessions is sshd_config's MaxSessions when it is not set.
const DefaultMaxSessions = 10

// Config says who may log in and how far the server goes along. The zero value refuses everybody.
type Config struct {
	// HostKeys are the keys the server proves itself with; a signer made by ssh.NewCertSigner
	// offers a host certificate. At least one is needed.
	HostKeys []ssh.Signer

	// Who may log in. With several set, any of them is enough.
	NoAuth              bool                                       // everybody
	Password            func(user, password string) bool           // method password
	PublicKey           func(user string, key ssh.PublicKey) bool  // method publickey, plain keys
	UserCAs             []ssh.PublicKey                            // method publickey, certificates by these
	KeyboardInteractive func(user string, ask Ask) (accepted bool) // method keyboard-interactive

	Banner       string // shown before authentication
	Version      string // identification after "SSH-2.0-"; "" means "midwatch"
	MaxAuthTries int    // 0 means 6

	// MaxSessions bounds the session channels open at once on one connection, as sshd's does;
	// 0 means DefaultMaxSessions.
	MaxSessions       int
	RefuseEnv         bool // refuse env requests, as sshd does for names not in AcceptEnv
	RefusePTY         bool // PermitTTY no
	RefuseTCP         bool // AllowTcpForwarding no
	RefuseStreamLocal bool // AllowStreamLocalForwarding no
	MuteKeepalive     bool // never answer keepalive@openssh.com: a server that hangs
	// LeaveRunning leaves a command running when the client closed its channel or went away, as OpenSSH
	// does: it sees the end of its input, keeps its place among MaxSessions, and Serve waits for it.
	// Otherwise the command's context ends with the channel, and the server's identification says so
	// (EndsCommands).
	LeaveRunning bool
	// HandshakeTimeout bounds the time from connecting to being logged in; 0 means two minutes, as
	// sshd's LoginGraceTime.
	HandshakeTimeout time.Duration
}

// EndsCommands is the comment in the identification of a server that ends a command with its channel.
// A client that sees it need not see to that itself.
const EndsCommands = "ends-commands"

// Ask puts questions to the person at the client and returns one answer for each.
type Ask func(instruction string, questions []string, echo []bool) ([]string, error)

var errDenied = errors.New("permission denied")

func (c Config) server() (*ssh.ServerConfig, error) {
	if len(c.HostKeys) == 0 {
		return nil, errors.New("ssh server: no host key")
	}
	version := c.Version
	if version == "" {
		version = "midwatch"
	}
	if !c.LeaveRunning {
		version += " " + EndsCommands
	}
	sc := &ssh.ServerConfig{
		NoClientAuth:  c.NoAuth,
		MaxAuthTries:  c.MaxAuthTries,
		ServerVersion: "SSH-2.0-" + version,
	}
	if c.Banner != "" {
		sc.BannerCallback = func(ssh.ConnMetadata) string { return c.Banner }
	}
	if c.Password != nil {
		sc.PasswordCallback = func(m ssh.ConnMetadata, pw []byte) (*ssh.Permissions, error) {
			return verdict(c.Password(m.User(), string(pw)))
		}
	}
	if c.PublicKey != nil || len(c.UserCAs) > 0 {
		sc.PublicKeyCallback = c.publicKey
	}
	if c.KeyboardInteractive != nil {
		sc.KeyboardInteractiveCallback = func(m ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			return verdict(c.KeyboardInteractive(m.User(), func(in string, q []string, echo []bool) ([]string, error) {
				return ask("", in, q, echo)
			}))
		}
	}
	for _, k := range c.HostKeys {
		sc.AddHostKey(k)
	}
	return sc, nil
}

func (c Config) publicKey(m ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	cert, ok := key.(*ssh.Certificate)
	if !ok {
		return verdict(c.PublicKey != nil && c.PublicKey(m.User(), key))
	}
	if cert.CertType != ssh.UserCert {
		return nil, fmt.Errorf("%w: not a user certificate", errDenied)
	}
	checker := ssh.CertChecker{IsUserAuthority: func(ca ssh.PublicKey) bool {
		for _, known := range c.UserCAs {
			if bytes.Equal(known.Marshal(), ca.Marshal()) {
				return true
			}
		}
		return false
	}}
	return checker.Authenticate(m, key)
}

func verdict(ok bool) (*ssh.Permissions, error) {
	if !ok {
		return nil, errDenied
	}
	return &ssh.Permissions{}, nil
}
