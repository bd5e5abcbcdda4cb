package transport

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Settings is how one host is reached, as OpenSSH would do it.
type Settings struct {
	Alias            string // what was asked for
	HostName         string // what is dialled
	Port             int
	User             string
	HostKeyAlias     string // the name in known_hosts instead of HostName
	ProxyJump        string // comma-separated hops, "" for none
	ProxyCommand     string // "" for none
	ProxyUseFdpass   bool
	AddressFamily    string // any, inet, inet6
	IdentityFiles    []string
	CertificateFiles []string
	IdentitiesOnly   bool
	IdentityAgent    string // a socket, "none", or "" and "SSH_AUTH_SOCK" for the environment's
	UserKnownHosts   []string
	GlobalKnownHosts []string
	HashKnownHosts   bool
	RevokedHostKeys  string
	HostKeyAlgos     []string // in order of preference; empty means no preference
	ConnectTimeout   time.Duration
	NoPublicKey      bool // PubkeyAuthentication no
	NoPassword       bool // PasswordAuthentication no
	NoInteractive    bool // KbdInteractiveAuthentication no
	Preferred        []string
}

// defaultSettings are OpenSSH's own, for a machine without ssh and for a Target that wants no
// configuration.
func defaultSettings(host string) Settings {
	return Settings{
		Alias: host, HostName: host, Port: 22, AddressFamily: "any",
		IdentityFiles: []string{
			"~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ecdsa_sk", "~/.ssh/id_ed25519", "~/.ssh/id_ed25519_sk",
		},
		UserKnownHosts:   []string{"~/.ssh/known_hosts", "~/.ssh/known_hosts2"},
		GlobalKnownHosts: []string{"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"},
	}
}

// ParseSettings reads the output of ssh -G: one "key value" a line, keys in lower case, keys that
// may be given several times repeated. Keys that do not matter here are passed over.
func ParseSettings(out []byte) (Settings, error) {
	s := Settings{Port: 22, AddressFamily: "any"}
	sc := bufio.NewScanner(bytes.NewReader(out))
	sc.Buffer(nil, 1<<20)
	for line := 1; sc.Scan(); line++ {
		key, value, _ := strings.Cut(strings.TrimSpace(sc.Text()), " ")
		if err := s.set(strings.ToLower(key), strings.TrimSpace(value)); err != nil {
			return Settings{}, fmt.Errorf("output of ssh -G: line %d: %w", line, err)
		}
	}
	if err := sc.Err(); err != nil {
		return Settings{}, fmt.Errorf("output of ssh -G: %w", err)
	}
	if s.HostName == "" {
		return Settings{}, fmt.Errorf("output of ssh -G: no hostname in it")
	}
	return s, nil
}

func (s *Settings) set(key, value string) error {
	switch key {
	case "host":
		s.Alias = value
	case "hostname":
		s.HostName = strings.TrimSuffix(strings.TrimPrefix(value, "["), "]")
	case "port":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("port %q", value)
		}
		s.Port = n
	case "user":
		s.User = value
	case "hostkeyalias":
		s.HostKeyAlias = notNone(value)
	case "proxyjump":
		s.ProxyJump = notNone(value)
	case "proxycommand":
		s.ProxyCommand = notNone(value)
	case "proxyusefdpass":
		s.ProxyUseFdpass = yes(value)
	case "addressfamily":
		s.AddressFamily = value
	case "connecttimeout":
		if n, err := strconv.Atoi(value); err == nil && n > 0 && n < 1<<20 {
			s.ConnectTimeout = time.Duration(n) * time.Second
		}
	default:
		s.setAuth(key, value)
	}
	return nil
}

func (s *Settings) setAuth(key, value string) {
	switch key {
	case "identityfile":
		s.IdentityFiles = appendPath(s.IdentityFiles, value)
	case "certificatefile":
		s.CertificateFiles = appendPath(s.CertificateFiles, value)
	case "identitiesonly":
		s.IdentitiesOnly = yes(value)
	case "identityagent":
		s.IdentityAgent = value
	case "userknownhostsfile":
		s.UserKnownHosts = splitPaths(value)
	case "globalknownhostsfile":
		s.GlobalKnownHosts = splitPaths(value)
	case "hashknownhosts":
		s.HashKnownHosts = yes(value)
	case "revokedhostkeys":
		s.RevokedHostKeys = notNone(value)
	case "hostkeyalgorithms":
		s.HostKeyAlgos = splitComma(value)
	case "pubkeyauthentication":
		s.NoPublicKey = no(value)
	case "passwordauthentication":
		s.NoPassword = no(value)
	case "kbdinteractiveauthentication", "challengeresponseauthentication":
		s.NoInteractive = no(value)
	case "preferredauthentications":
		s.Preferred = splitComma(value)
	}
}

// yes and no know that ssh -G prints some answers as true and false.
func yes(v string) bool { return v == "yes" || v == "true" }
func no(v string) bool  { return v == "no" || v == "false" }

func notNone(v string) string {
	if strings.EqualFold(v, "none") {
		return ""
	}
	return v
}

func splitComma(v string) []string {
	var out []string
	for _, w := range strings.Split(v, ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}

func appendPath(to []string, v string) []string {
	if notNone(v) == "" {
		return to
	}
	return append(to, strings.Trim(v, `"`))
}

// splitPaths takes a list of files apart. ssh -G does not quote a path with a space in it; as every
// path it prints begins with a root, a home directory or a token, the others continue one.
func splitPaths(v string) []string {
	var out []string
	for _, w := range strings.Fields(v) {
		w = strings.Trim(w, `"`)
		switch {
		case notNone(w) == "":
		case len(out) > 0 && !strings.ContainsAny(w[:min(1, len(w))], "/~%$"):
			out[len(out)-1] += " " + w
		default:
			out = append(out, w)
		}
	}
	return out
}
