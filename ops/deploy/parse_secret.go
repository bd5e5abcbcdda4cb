package deploy

import (
	"fmt"

	"midwatch/hosts/config"
)

// sources are the places that secrets come from, with the keys that each needs and those it may have.
var sources = map[string]struct{ need, may []string }{
	"env":     {need: []string{"env"}},
	"file":    {need: []string{"path"}, may: []string{"json"}},
	"command": {need: []string{"argv"}, may: []string{"json"}},
	"prompt":  {},
	"keyring": {need: []string{"service", "account"}},
}

func (p *parser) secrets(root *config.Table) {
	p.def.Secrets = map[string]SecretSource{}
	for _, n := range root.Named("secrets") {
		p.def.Secrets[n.Name] = p.secret(n)
	}
}

func (p *parser) secret(n config.Named) SecretSource {
	t := p.Table(n.Layer)
	s := SecretSource{
		Name: n.Name, Line: p.Line(n.At),
		From:    t.Word("from", "env", "file", "command", "prompt", "keyring"),
		Env:     t.Str("env", "API_TOKEN"),
		Path:    t.Str("path", "~/.config/midwatch/token"),
		Argv:    config.Texts(t.Strs("argv", "bws")),
		JSON:    t.Str("json", "value"),
		Service: t.Str("service", "midwatch"),
		Account: t.Str("account", "api"),
	}
	for _, key := range []string{"value", "text", "secret", "password", "token"} {
		if t.Has(key) {
			p.Fault(n.At.At(key), fmt.Sprintf("%s is a secret in plain text, which is refused", n.At.At(key)), `want from = "env", "file", "command", "prompt" or "keyring"`)
		}
		delete(t.Asked, key)
		for _, l := range t.Layers {
			if _, said := l.M[key]; said {
				t.Asked[key] = true
			}
		}
	}
	t.Done()
	if !wordPattern.MatchString(n.Name) {
		p.Fault(n.At, fmt.Sprintf("secret %q has a name that ${secret.NAME} cannot hold", n.Name), "want letters, digits, '_' and '-'")
	}
	if s.From == "" {
		if !t.Has("from") {
			p.Missing(n.At, fmt.Sprintf("secret %q says not where it comes from", n.Name), `want from = "env", "file", "command", "prompt" or "keyring"`)
		}
		return s
	}
	from := sources[s.From]
	allowed := map[string]bool{}
	for _, key := range from.need {
		allowed[key] = true
		if !t.Has(key) {
			p.Missing(n.At, fmt.Sprintf("secret %q is from %q and has no %s", n.Name, s.From, key), "want "+key+" = …")
		}
	}
	for _, key := range from.may {
		allowed[key] = true
	}
	for _, key := range []string{"env", "path", "argv", "json", "service", "account"} {
		if t.Has(key) && !allowed[key] {
			p.Fault(n.At.At(key), fmt.Sprintf("%s does not go with from = %q", n.At.At(key), s.From), "remove it")
		}
	}
	return s
}
