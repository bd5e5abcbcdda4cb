package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"golang.org/x/crypto/ssh"

	"midwatch/hosts"
)

// OfferedKey is a host key that a host showed.
type OfferedKey struct {
	Algorithm   string
	Fingerprint string
	Key         []byte // authorized_keys form
	// Err is nil when the key is on record or certified; a *hosts.HostKeyError says what is wrong.
	Err      error
	Standing HostKeyStanding
}

// errSeen ends a handshake that was made for the host key only.
var errSeen = errors.New("host key seen")

// FetchHostKeys asks a host for each kind of host key it has and compares them with known_hosts. It
// logs in to the jump hosts before it, and not to the host itself.
func FetchHostKeys(ctx context.Context, t Target, p Params) ([]OfferedKey, error) {
	p = p.withDefaults()
	hops, err := route(ctx, t, p)
	if err != nil {
		return nil, err
	}
	var via []*client
	defer func() {
		for _, c := range slices.Backward(via) {
			c.close(hosts.ErrClosed)
		}
	}()
	m := newMemory()
	for _, hop := range hops[:len(hops)-1] {
		nc, err := dialHop(ctx, hop.Settings, via, p)
		if err != nil {
			return nil, err
		}
		c, err := handshake(ctx, nc, hop.Settings, hop.as, p, m)
		if err != nil {
			return nil, err
		}
		via = append(via, c)
	}
	last := hops[len(hops)-1]
	return fetchKeys(ctx, last.Settings, via, t, p)
}

// keyKinds are the kinds a server is asked for, one handshake each.
func keyKinds() [][]string {
	return [][]string{
		{ssh.KeyAlgoED25519},
		{ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521},
		{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256},
	}
}

func fetchKeys(ctx context.Context, s Settings, via []*client, t Target, p Params) ([]OfferedKey, error) {
	t.InsecureHostKey = false
	var out []OfferedKey
	for _, algos := range keyKinds() {
		v, err := newVerifier(s, t, p, s.label())
		if err != nil {
			return nil, err
		}
		nc, err := dialHop(ctx, s, via, p)
		if err != nil {
			return nil, err
		}
		err = seeKey(ctx, nc, s, v, algos)
		var none *ssh.AlgorithmNegotiationError
		switch {
		case v.key != nil:
			k := OfferedKey{
				Algorithm: v.key.Type(), Fingerprint: ssh.FingerprintSHA256(v.key),
				Key: ssh.MarshalAuthorizedKey(v.key), Err: v.err, Standing: v.standing,
			}
			out = append(out, k)
		case errors.As(err, &none): // the host has no key of this kind
		default:
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, &connectError{text: fmt.Sprintf("%s shows no host key of a kind that is known here", s.address()), kind: hosts.ErrUnreached}
	}
	return out, nil
}

// seeKey goes as far with a handshake as the host key.
func seeKey(ctx context.Context, nc net.Conn, s Settings, v *verifier, algos []string) error {
	defer nc.Close()
	timer := newHoldTimer(s.ConnectTimeout, func() { _ = nc.Close() })
	defer timer.stop()
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	_, _, _, err := ssh.NewClientConn(nc, s.address(), &ssh.ClientConfig{
		User: s.User, ClientVersion: "SSH-2.0-midwatch", HostKeyAlgorithms: algos,
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			v.err = v.check(key)
			return errSeen
		},
	})
	if v.key != nil {
		return nil
	}
	var none *ssh.AlgorithmNegotiationError
	if errors.As(err, &none) {
		return err
	}
	return handshakeFault(ctx, err, timer.stop(), s, v, &login{settings: s, keys: &keyring{}})
}

// RecordHostKey appends a key that the operator accepted to the known_hosts file of t. A key that
// stands against a recorded or revoked one is refused: that line has to be removed by hand first.
func RecordHostKey(ctx context.Context, t Target, p Params, k OfferedKey) error {
	p = p.withDefaults()
	var hk *hosts.HostKeyError
	switch {
	case k.Err == nil:
		return nil
	case !errors.As(k.Err, &hk) || hk.Kind != hosts.HostKeyUnknown:
		return k.Err
	}
	s, err := resolve(ctx, t, p)
	if err != nil {
		return err
	}
	return record(s, k.Key)
}
