package transport

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the format of hashed known_hosts entries
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"midwatch/hosts"
)

// knownHosts is what the known_hosts files say. x/crypto has a reader of its own, which keeps its
// lines to itself; here they are needed: to choose host key algorithms we hold a key for, to take
// certificate authorities into account there, and to name the line that stands against a key.
type knownHosts struct{ lines []knownLine }

// knownLine is one line that could be read.
type knownLine struct {
	hosts  hostPatterns
	ca     bool
	revoke bool
	key    ssh.PublicKey
	file   string
	line   int
}

func (l knownLine) known() hosts.KnownKey {
	return hosts.KnownKey{File: l.file, Line: l.line, Algorithm: l.key.Type(), Fingerprint: ssh.FingerprintSHA256(l.key)}
}

// readKnownHosts reads the files that exist.
func readKnownHosts(files []string) (*knownHosts, error) {
	k := &knownHosts{}
	for _, name := range files {
		f, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read known hosts: %w", err)
		}
		err = k.parse(f, name)
		_ = f.Close()
		if err != nil {
			return nil, err
		}
	}
	return k, nil
}

// parse adds the lines of one file. Lines that make no sense are passed over, as ssh does; a line
// that is too long to be one ends the file with an error.
func (k *knownHosts) parse(r io.Reader, file string) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for n := 1; sc.Scan(); n++ {
		if l, ok := parseKnownLine(sc.Bytes()); ok {
			l.file, l.line = file, n
			k.lines = append(k.lines, l)
		}
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("read known hosts %s: %w", file, err)
	}
	return nil
}

// parseKnownLine reads "[@marker] patterns type key [comment]".
func parseKnownLine(b []byte) (knownLine, bool) {
	var l knownLine
	words := bytes.Fields(b)
	if len(words) > 0 && words[0][0] == '@' {
		switch string(words[0]) {
		case "@cert-authority":
			l.ca = true
		case "@revoked":
			l.revoke = true
		default:
			return l, false
		}
		words = words[1:]
	}
	if len(words) < 3 || words[0][0] == '#' || words[0][0] == '@' {
		return l, false
	}
	blob, err := base64.StdEncoding.DecodeString(string(words[2]))
	if err != nil {
		return l, false
	}
	key, err := ssh.ParsePublicKey(blob)
	if err != nil || key.Type() != string(words[1]) {
		return l, false
	}
	l.key = key
	l.hosts, err = parsePatterns(string(words[0]))
	return l, err == nil
}

// hostPatterns is the first field of a line: a hashed name, or patterns.
type hostPatterns struct {
	salt, hash []byte // of a hashed name
	patterns   []string
}

func parsePatterns(s string) (hostPatterns, error) {
	if !strings.HasPrefix(s, "|") {
		return hostPatterns{patterns: strings.Split(strings.ToLower(s), ",")}, nil
	}
	parts := strings.Split(s, "|")
	if len(parts) != 4 || parts[1] != "1" {
		return hostPatterns{}, fmt.Errorf("hashed host %q", s)
	}
	salt, err1 := base64.StdEncoding.DecodeString(parts[2])
	hash, err2 := base64.StdEncoding.DecodeString(parts[3])
	return hostPatterns{salt: salt, hash: hash}, errors.Join(err1, err2)
}

// match reports whether the line is about name, which is in the form of known_hosts: "host", or
// "[host]:port" when the port is not 22. A negated pattern that fits rules the line out.
func (p hostPatterns) match(name string) bool {
	if p.hash != nil {
		mac := hmac.New(sha1.New, p.salt)
		mac.Write([]byte(name))
		return hmac.Equal(mac.Sum(nil), p.hash)
	}
	found := false
	for _, pat := range p.patterns {
		negated := strings.HasPrefix(pat, "!")
		pat = strings.TrimPrefix(pat, "!")
		if pat == "" || !wildcard(pat, name) {
			continue
		}
		if negated {
			return false
		}
		found = true
	}
	return found
}

// wildcard matches * and ?, any character included. It remembers the last * only, so the time is
// bounded by the product of the lengths.
func wildcard(pat, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pat) && pat[p] == '*':
			star, mark = p, i
			p++
		case p < len(pat) && (pat[p] == '?' || pat[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pat) && pat[p] == '*' {
		p++
	}
	return p == len(pat)
}

// names are the forms of a host in known_hosts, best first: with its port, and, when that is unusual
// and nothing is known of it, without.
func knownNames(s Settings) []string {
	if s.HostKeyAlias != "" {
		return []string{strings.ToLower(s.HostKeyAlias)}
	}
	name := strings.ToLower(knownhosts.Normalize(s.address()))
	if s.Port == 22 {
		return []string{name}
	}
	return []string{name, strings.ToLower(s.HostName)}
}

// about returns the lines that name the host and are no revocations.
func (k *knownHosts) about(name string) []knownLine {
	var out []knownLine
	for _, l := range k.lines {
		if !l.revoke && l.hosts.match(name) {
			out = append(out, l)
		}
	}
	return out
}

// revocation returns the @revoked line that names key. It holds for every host: such a key "must
// never be accepted" (sshd(8)).
func (k *knownHosts) revocation(key ssh.PublicKey) (knownLine, bool) {
	i := slices.IndexFunc(k.lines, func(l knownLine) bool { return l.revoke && sameKey(l.key, key) })
	if i < 0 {
		return knownLine{}, false
	}
	return k.lines[i], true
}

func sameKey(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

// algorithms orders what we accept so that the server proves itself with a key we know. Without this
// a server that has an ecdsa and an ed25519 key, of which we know the latter, would show the former,
// and look like a changed host.
func (k *knownHosts) algorithms(s Settings) []string {
	supported := ssh.SupportedAlgorithms().HostKeys
	order := supported
	if len(s.HostKeyAlgos) > 0 {
		order = slices.DeleteFunc(slices.Clone(s.HostKeyAlgos), func(a string) bool { return !slices.Contains(supported, a) })
	}
	if len(order) == 0 {
		order = supported
	}
	var lines []knownLine
	for _, name := range knownNames(s) {
		if lines = k.about(name); len(lines) > 0 {
			break
		}
	}
	prefer := func(a string) bool {
		isCert := strings.Contains(a, "-cert-v01@")
		return slices.ContainsFunc(lines, func(l knownLine) bool {
			if l.ca || isCert {
				return l.ca && isCert
			}
			return keyTypeOf(a) == l.key.Type()
		})
	}
	first := slices.DeleteFunc(slices.Clone(order), func(a string) bool { return !prefer(a) })
	// Certificates of a CA we know go before plain keys: they survive a change of the key.
	slices.SortStableFunc(first, func(a, b string) int { return rank(a) - rank(b) })
	rest := slices.DeleteFunc(slices.Clone(order), prefer)
	return append(first, rest...)
}

func rank(algo string) int {
	if strings.Contains(algo, "-cert-v01@") {
		return 0
	}
	return 1
}

// keyTypeOf is the type of the key that a signature algorithm uses.
func keyTypeOf(algo string) string {
	switch algo {
	case ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512:
		return ssh.KeyAlgoRSA
	}
	return algo
}
