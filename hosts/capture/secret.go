package capture

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/redact"
)

// Redact takes secrets out of one piece of evidence. Collectors redact as they read; this is the
// second net, for what a file or a command held that nobody thought of.
func Redact(e hosts.Evidence) hosts.Evidence {
	e.Error = redact.Text(e.Error)
	switch {
	case len(e.Data) == 0:
	case strings.HasPrefix(e.Collector, "nginx"):
		e.Data = []byte(redact.Nginx(string(e.Data)))
	case json.Valid(e.Data):
		if out, err := redact.JSON(e.Data); err == nil {
			e.Data = out
		}
	default:
		e.Data = []byte(redact.Lines(string(e.Data), false))
	}
	return e
}

// SecretError says that a known secret would have been written.
type SecretError struct {
	Host, Collector string
	Form            string // "as it is", "in base64", …
}

func (e *SecretError) Error() string {
	where := e.Collector
	if e.Host != "" {
		where += " of host " + e.Host
	}
	return fmt.Sprintf("capture refused: %s holds a secret that midwatch knows (%s); nothing was written", where, e.Form)
}

// minSecret is the shortest text that is looked for: shorter ones are found everywhere by chance.
const minSecret = 5

// guard looks for known secrets in every form they could have been written in.
type guard struct{ forms []form }

type form struct {
	name string
	text []byte
}

func newGuard(secrets []hosts.Secret) *guard {
	g := &guard{}
	for _, s := range secrets {
		text := s.Reveal()
		if len(text) < minSecret {
			continue
		}
		raw := []byte(text)
		add := func(name, t string) {
			if len(t) >= minSecret {
				g.forms = append(g.forms, form{name, []byte(t)})
			}
		}
		add("as it is", text)
		add("in hex", hex.EncodeToString(raw))
		add("URL-encoded", url.QueryEscape(text))
		if q, err := json.Marshal(text); err == nil {
			add("as JSON", strings.Trim(string(q), `"`))
		}
		// Inside a longer base64 text the secret may begin at any of three places.
		for skip := range 3 {
			padded := append(make([]byte, skip), raw...)
			enc := base64.RawStdEncoding.EncodeToString(padded)
			from := (skip*8 + 5) / 6
			add("in base64", strings.TrimRight(enc[from:], "=")[:max(0, len(raw)*8/6-2)])
		}
	}
	return g
}

func (g *guard) find(data []byte) (string, bool) {
	for _, f := range g.forms {
		if bytes.Contains(data, f.text) {
			return f.name, true
		}
	}
	return "", false
}

func (g *guard) evidence(e hosts.Evidence) error {
	for _, part := range [][]byte{e.Data, []byte(e.Error), []byte(e.Source)} {
		if form, ok := g.find(part); ok {
			return &SecretError{Host: e.Host, Collector: e.Collector, Form: form}
		}
	}
	return nil
}

func (g *guard) value(v any, what string) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	if form, ok := g.find(data); ok {
		return &SecretError{Collector: what, Form: form}
	}
	return nil
}
