package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"midwatch/cmd/midwatch/internal/rsh"
	"midwatch/hosts"
	"midwatch/hosts/inventory"
	"midwatch/hosts/transport"
	"midwatch/ops/audit"
	"midwatch/ops/deploy"
	"midwatch/ops/run"
	"midwatch/ops/secrets"
	"midwatch/ops/step"
	"midwatch/tui"
	"midwatch/tui/runs"
)

// definitions are the files of deploys, read again whenever somebody asks.
type definitions struct {
	dir string // "" has none

	mu   sync.Mutex
	seen []*deploy.Definition // all that were handed out, for saying where a text stands
}

// definitionsOf finds the directory of deploys: beside the inventory.
func (a *app) definitionsOf(inv *inventory.Inventory) *definitions {
	switch {
	case a.capture != nil:
		return &definitions{} // the deploys of real hosts are nothing to it
	case a.demoNow != nil:
		return &definitions{dir: filepath.Join(a.demoNow.dir, "deploys")}
	case inv.File != "":
		return &definitions{dir: filepath.Join(filepath.Dir(inv.File), "deploys")}
	}
	dir := inventory.ConfigDir(a.getenv)
	if dir == "" {
		return &definitions{}
	}
	return &definitions{dir: filepath.Join(dir, "deploys")}
}

// load reads the files: those that are right, and those that are not.
func (d *definitions) load() ([]*deploy.Definition, []deploy.Broken, error) {
	if d.dir == "" {
		return nil, nil, nil
	}
	defs, broken, err := deploy.Load(d.dir)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, def := range defs {
		if !slices.ContainsFunc(d.seen, func(o *deploy.Definition) bool { return o.File == def.File && o.Digest == def.Digest }) {
			d.seen = append(d.seen, def)
		}
	}
	return defs, broken, err
}

// all is load for the engine: what is wrong is one error.
func (d *definitions) all(context.Context) ([]*deploy.Definition, error) {
	defs, broken, err := d.load()
	errs := []error{err}
	for _, b := range broken {
		errs = append(errs, b.Err)
	}
	return defs, errors.Join(errs...)
}

// expand is deploy.Expand for the engine.
func (d *definitions) expand(settings any, s run.Scope) (any, error) {
	out, _, err := deploy.Expand(settings, scopeOf(s))
	if err == nil {
		return out, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, def := range d.seen {
		if placed := def.Placed(settings, err); errors.As(placed, new(deploy.Faults)) {
			return nil, placed
		}
	}
	return nil, err
}

// scopeOf is the engine's scope as expressions want it.
func scopeOf(s run.Scope) deploy.Scope {
	out := deploy.Scope{Run: s.Run, Host: s.Host, HostVars: s.HostVars, Vars: s.Vars, Planning: s.Planning, Outputs: map[string]map[string]string{}}
	if s.Planning && out.Run == "" {
		out.Run = "‹run›"
	}
	for id, names := range s.Outputs {
		for name, byHost := range names {
			out.Outputs[id+"."+name] = byHost
		}
	}
	for _, target := range slices.Sorted(maps.Keys(s.Hosts)) {
		out.Hosts = append(out.Hosts, s.Hosts[target]...)
	}
	return out
}

// assembleRuns gives a world its deploys, when it has operations.
func (a *app) assembleRuns(w *world, vault *secrets.Vault) error {
	dir, err := a.runsDir()
	if err != nil {
		return err
	}
	local := transport.Open(w.ctx, transport.Target{Name: inventory.Here, Kind: hosts.KindLocal}, transport.Params{
		Log: a.log.With("host", inventory.Here), Getenv: a.getenv, Lazy: true,
	})
	d, err := a.dialing()
	if err != nil {
		return errors.Join(err, local.Close())
	}
	defs := a.definitionsOf(w.Inventory)
	driver := run.New(run.Params{
		Context: w.ctx, Dir: dir, Definitions: defs.all,
		Host: func(name string) (hosts.Host, bool) {
			h, ok := w.Inventory.Host(name)
			if !ok {
				return hosts.Host{}, false
			}
			return h.Host, true
		},
		Group: func(name string) []string { return members(w.Inventory, name) },
		Conn:  func(_ context.Context, host string) (hosts.Conn, error) { return w.conn(host) },
		Local: local, Kinds: step.Kinds(), Expand: defs.expand,
		Text: func(t deploy.Text, s run.Scope) (string, error) {
			text, _, err := deploy.ExpandText(t, scopeOf(s))
			return text, err
		},
		Reveal: func(ctx context.Context, def *deploy.Definition, t deploy.Sensitive, s run.Scope) (hosts.Secret, error) {
			return vault.Reveal(ctx, s.Run, def, t)
		},
		Redact: vault.Redact, Gate: w.Ops, HTTP: step.NewWeb(step.DialFunc(d.here()), nil), Rsh: w.rsh, Checks: w.prove,
		Now: a.now, Who: a.who(), From: a.from(), Version: versionInfo().Version, Root: w.Inventory.Runs.Root, Log: a.log,
		OnRecord: func(written bool, r run.Record) {
			if written && r.K == run.KindClose {
				vault.Forget(r.Run)
			}
		},
	})
	w.Runs, w.defs = driver, defs
	// Runs are left before the gate closes: it waits for what is on its way.
	w.first = append([]func() error{func() error {
		wait, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), leaveWait)
		defer cancel()
		return driver.Close(wait)
	}}, w.first...)
	w.closers = append(w.closers, local.Close)
	return nil
}

// secretsOf keeps the secrets of runs, and writes into the audit log which of them were fetched.
func (a *app) secretsOf(log *audit.Log, ask transport.Ask) *secrets.Vault {
	return secrets.New(secrets.Params{Ask: secretAsk(ask), Used: func(id, name, from string, err error) error {
		r := audit.Record{At: a.now(), Phase: audit.PhaseSecret, Who: a.who(), From: a.from(), Object: name, Result: from, Run: id}
		if err != nil {
			r.Error = err.Error()
		}
		return log.Append(r)
	}})
}

// leaveWait is how long the end of the program waits for runs to be left in order.
const leaveWait = 20 * time.Second

// runsName is the directory of runs in the state directory, journalFile the journal of each.
const (
	runsName    = "runs"
	journalFile = "journal.jsonl"
)

// runsDir is where this operator's runs are kept.
func (a *app) runsDir() (string, error) {
	if a.demoNow != nil { // they end with its hosts, where their records lie
		return a.demoNow.runsDir()
	}
	dir, err := a.stateDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, runsName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the directory of runs: %w", err)
	}
	return dir, nil
}

// secretAsk asks for a secret of a deploy the way that passwords are asked for; nil where nobody answers.
func secretAsk(ask transport.Ask) func(context.Context, string) (hosts.Secret, error) {
	if ask == nil {
		return nil
	}
	return func(ctx context.Context, what string) (hosts.Secret, error) {
		return ask(ctx, transport.Question{Kind: transport.AskPassword, Text: what, Subject: what})
	}
}

// members are the hosts of a group, in the order of the inventory.
func members(inv *inventory.Inventory, group string) []string {
	var out []string
	for i := range inv.Hosts {
		if slices.Contains(inv.Hosts[i].Groups, group) {
			out = append(out, inv.Hosts[i].Name)
		}
	}
	return out
}

// conn is the way to a host for steps.
func (w *world) conn(host string) (hosts.Conn, error) {
	n, ok := w.nodes[host]
	switch {
	case !ok:
		return nil, fmt.Errorf("no host %q", host)
	case n.host.Kind == hosts.KindDocker:
		return nil, fmt.Errorf("%s is reached through its docker engine only: steps need a shell there", host)
	}
	return n.link, nil
}

// rsh makes the open connection to a host usable for the system's rsync.
func (w *world) rsh(ctx context.Context, host string) (arg, remote string, stop func(), err error) {
	conn, err := w.conn(host)
	if err != nil {
		return "", "", nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return "", "", nil, fmt.Errorf("find this program for rsync: %w", err)
	}
	s, err := rsh.Serve(ctx, conn, w.getenv("XDG_RUNTIME_DIR"), os.TempDir(), "/tmp")
	if err != nil {
		return "", "", nil, err
	}
	return rshQuote(self) + " " + rsh.Word + " " + rshQuote(s.Socket()), host, func() { _ = s.Close() }, nil
}

// rshQuote makes one word of a path in rsync's -e, which takes quotes and no backslashes.
func rshQuote(path string) string {
	if strings.Contains(path, "'") {
		return `"` + path + `"`
	}
	return "'" + path + "'"
}

// runScreens is what the screens of runs are built with, and what calls when a run needs somebody. why is why
// nothing can be changed here.
func (w *world) runScreens(ctx context.Context, why error) (runs.Deps, []tui.Watcher) {
	d := runs.Deps{Why: "there are no deploys here"}
	switch {
	case w.live == nil:
		d.Why = "a capture cannot be deployed to"
	case why != nil:
		d.Why = why.Error()
	}
	if w.Runs == nil { // a nil pointer in an interface is not nil
		return d, nil
	}
	d.Service, d.Dir, d.Desk = mender{w.Runs, w}, tilde(w.defs.dir, w.getenv("HOME")), runs.NewDesk(ctx, w.Runs)
	if w.Where == "demo" {
		d.Dir, d.None = "", "this part of the demo has no deploys: the worlds cxb and cortex have"
	}
	return d, []tui.Watcher{d.Desk}
}

// tilde writes a path below the home directory as people do.
func tilde(path, home string) string {
	if rest, ok := strings.CutPrefix(path, strings.TrimRight(home, "/")+"/"); ok && home != "" {
		return "~/" + rest
	}
	return path
}
