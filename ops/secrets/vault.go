package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"midwatch/hosts"
	"midwatch/hosts/inventory"
	"midwatch/ops/deploy"
)

// ErrClosed is a Vault that is asked after its end.
var ErrClosed = errors.New("the secrets were put away")

// Params is what a Vault is made of; both may be nil.
type Params struct {
	// Ask shows a prompt without echo. nil where nobody can answer: a secret that is to be asked for then is
	// an error.
	Ask func(ctx context.Context, what string) (hosts.Secret, error)
	// Used writes into the audit log that a secret was fetched for a run, by name and source, never the
	// secret; with an error when it could not be. What cannot be recorded is not handed out.
	Used func(run, name, from string, err error) error
}

// Vault keeps the secrets of the runs of this process.
type Vault struct {
	p Params

	mu     sync.Mutex // guards everything below
	runs   map[string]map[string]*held
	forms  *redactor
	closed bool
}

// held is a secret of a run; done is closed when it is there or cannot be had.
type held struct {
	done   chan struct{}
	text   []byte // its memory is that of secret, and is overwritten at the end
	secret hosts.Secret
	err    error
}

// New returns a Vault that holds nothing.
func New(p Params) *Vault {
	return &Vault{p: p, runs: map[string]map[string]*held{}, forms: newRedactor()}
}

// Reveal puts secrets into a text of a definition that was expanded.
func (v *Vault) Reveal(ctx context.Context, run string, d *deploy.Definition, s deploy.Sensitive) (hosts.Secret, error) {
	return deploy.Reveal(s, func(name string) (hosts.Secret, error) { return v.Get(ctx, run, d, name) })
}

// Get returns a secret of a definition, fetching it the first time that the run needs it. One that could not
// be had is tried again. The error names the secret and its source, and holds nothing that was read.
func (v *Vault) Get(ctx context.Context, run string, d *deploy.Definition, name string) (hosts.Secret, error) {
	src, ok := d.Secrets[name]
	if !ok {
		return hosts.Secret{}, fmt.Errorf("secret %s: %w in [secrets]", name, deploy.ErrUndefined)
	}
	for {
		v.mu.Lock()
		if v.closed {
			v.mu.Unlock()
			return hosts.Secret{}, fmt.Errorf("secret %s: %w", name, ErrClosed)
		}
		if v.runs[run] == nil {
			v.runs[run] = map[string]*held{}
		}
		h := v.runs[run][name]
		if h == nil {
			h = &held{done: make(chan struct{})}
			v.runs[run][name] = h
			v.mu.Unlock()
			v.fetch(ctx, run, src, h)
			return h.secret, h.err
		}
		v.mu.Unlock()
		select {
		case <-h.done:
		case <-ctx.Done():
			return hosts.Secret{}, fmt.Errorf("secret %s: %w", name, ctx.Err())
		}
		if h.err == nil {
			return h.secret, nil
		}
		// Another asked and could not have it, perhaps because its time was up: ask for ourselves.
		if err := ctx.Err(); err != nil {
			return hosts.Secret{}, fmt.Errorf("secret %s: %w", name, err)
		}
	}
}

// fetch gets a secret from its source and lets those go on who wait for it.
func (v *Vault) fetch(ctx context.Context, run string, src deploy.SecretSource, h *held) {
	s, err := resolve(ctx, src, v.p.Ask)
	if v.p.Used != nil {
		if aerr := v.p.Used(run, src.Name, source(src).String(), err); aerr != nil && err == nil {
			err = fmt.Errorf("secret %s: %w", src.Name, aerr)
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	defer close(h.done)
	if err == nil && v.closed {
		err = fmt.Errorf("secret %s: %w", src.Name, ErrClosed)
	}
	if err != nil {
		h.err = err
		delete(v.runs[run], src.Name)
		return
	}
	h.text = []byte(s.Reveal())
	// The secret is a view of memory that is ours, so that it can be overwritten.
	h.secret = hosts.NewSecret(unsafe.String(unsafe.SliceData(h.text), len(h.text))) //nolint:gosec // nothing writes to it before forget
	v.forms.add(string(h.text))
}

// source is a source of a definition as the inventory knows them.
func source(s deploy.SecretSource) inventory.Secret {
	switch s.From {
	case "env":
		return inventory.Secret{Env: s.Env}
	case "file":
		return inventory.Secret{File: s.Path}
	case "command":
		return inventory.Secret{Cmd: s.Argv, Field: s.JSON}
	case "prompt":
		return inventory.Secret{Prompt: true}
	case "keyring":
		if runtime.GOOS == "darwin" {
			return inventory.Secret{Cmd: []string{"security", "find-generic-password", "-w", "-s", s.Service, "-a", s.Account}}
		}
		return inventory.Secret{Cmd: []string{"secret-tool", "lookup", "service", s.Service, "account", s.Account}}
	}
	return inventory.Secret{}
}

func resolve(ctx context.Context, src deploy.SecretSource, ask func(context.Context, string) (hosts.Secret, error)) (hosts.Secret, error) {
	what := "secret " + src.Name
	s, err := source(src).Resolve(ctx, what, ask)
	if err != nil {
		return hosts.Secret{}, err
	}
	if src.From == "file" && src.JSON != "" {
		var m map[string]any
		text, ok := "", false
		if err := json.Unmarshal([]byte(s.Reveal()), &m); err == nil {
			text, ok = m[src.JSON].(string)
		}
		if !ok {
			return hosts.Secret{}, fmt.Errorf("%s: %s is no JSON with a text %q", what, src.Path, src.JSON)
		}
		s = hosts.NewSecret(text)
	}
	if s.Empty() {
		return hosts.Secret{}, fmt.Errorf("%s: %s gave nothing", what, source(src))
	}
	if strings.Contains(s.Reveal(), "\x00") {
		return hosts.Secret{}, fmt.Errorf("%s: %s gave something with a zero byte, which no program takes", what, source(src))
	}
	return s, nil
}

// Redact takes every secret out of a text that was fetched so far, those of ended runs included.
func (v *Vault) Redact(text string) string { return v.forms.redact(text) }

// Forget overwrites the secrets of a run that has ended. What was handed out becomes unusable.
func (v *Vault) Forget(run string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, h := range v.runs[run] {
		clear(h.text)
	}
	delete(v.runs, run)
}

// Close overwrites all secrets; nothing is handed out after.
func (v *Vault) Close() error {
	v.mu.Lock()
	runs := v.runs
	v.closed = true
	v.mu.Unlock()
	for run := range runs {
		v.Forget(run)
	}
	v.forms.forget()
	return nil
}
