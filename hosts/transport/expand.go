package transport

import (
	"crypto/sha1" //nolint:gosec // OpenSSH defines %C with it; nothing is protected by it
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// tokens are the values of OpenSSH's %-tokens for one host; see TOKENS in ssh_config(5).
type tokens struct {
	home, localUser, localHost string
	host, alias, user, jump    string
	hostKeyAlias               string
	port, uid                  int
	getenv                     func(string) string
}

// path expands a file name: a leading ~, ${VARIABLES} and %-tokens.
func (t tokens) path(s string) (string, error) {
	if s == "~" || strings.HasPrefix(s, "~/") {
		s = t.home + s[1:]
	}
	s, err := t.variables(s)
	if err != nil {
		return "", err
	}
	return t.percent(s)
}

func (t tokens) paths(list []string) ([]string, error) {
	out := make([]string, 0, len(list))
	for _, s := range list {
		p, err := t.path(s)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// variables replaces ${NAME}; a name without a value is an error, as it is for ssh.
func (t tokens) variables(s string) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", fmt.Errorf("%q: ${ without an end", s)
		}
		value := t.getenv(name)
		if value == "" {
			return "", fmt.Errorf("%q: environment variable %s has no value", s, name)
		}
		b.WriteString(value)
		s = after
	}
}

// percent replaces %-tokens.
func (t tokens) percent(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i == len(s) {
			return "", fmt.Errorf("%q: ends in a lone %%", s)
		}
		v, ok := t.token(s[i])
		if !ok {
			return "", fmt.Errorf("%q: unknown token %%%c", s, s[i])
		}
		b.WriteString(v)
	}
	return b.String(), nil
}

func (t tokens) token(c byte) (string, bool) {
	switch c {
	case '%':
		return "%", true
	case 'C':
		sum := sha1.Sum([]byte(t.localHost + t.host + strconv.Itoa(t.port) + t.user + t.jump)) //nolint:gosec // see the import
		return hex.EncodeToString(sum[:]), true
	case 'd':
		return t.home, true
	case 'h':
		return t.host, true
	case 'i':
		return strconv.Itoa(t.uid), true
	case 'j':
		return t.jump, true
	case 'k':
		if t.hostKeyAlias != "" {
			return t.hostKeyAlias, true
		}
		return t.host, true
	case 'L':
		short, _, _ := strings.Cut(t.localHost, ".")
		return short, true
	case 'l':
		return t.localHost, true
	case 'n':
		return t.alias, true
	case 'p':
		return strconv.Itoa(t.port), true
	case 'r':
		return t.user, true
	case 'u':
		return t.localUser, true
	}
	return "", false
}

// tokensFor collects the values for a host.
func tokensFor(s Settings, p Params, localUser string) tokens {
	name, _ := os.Hostname()
	return tokens{
		home: p.Home, localUser: localUser, localHost: name, getenv: p.Getenv, uid: os.Getuid(),
		host: s.HostName, alias: s.Alias, user: s.User, port: s.Port, jump: s.ProxyJump, hostKeyAlias: s.HostKeyAlias,
	}
}

// address is what is dialled.
func (s Settings) address() string { return net.JoinHostPort(s.HostName, strconv.Itoa(s.Port)) }

// label names the login at the host for people: "ops@10.0.0.1", with the port when it is not 22.
func (s Settings) label() string {
	where := s.HostName
	if s.Port != 22 {
		where = s.address()
	}
	if s.User == "" {
		return where
	}
	return s.User + "@" + where
}
