package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/transport"
	"midwatch/ops"
	"midwatch/ops/audit"
)

// closeWait is how long the end of the program waits for operations: longer than docker lets a
// container take to stop.
const closeWait = 4 * time.Minute

// operate gives a world its operations, behind the write lease and with the audit log. What cannot
// be recorded is not allowed: without a log there are none.
// ask asks for the secrets of deploys; nil where nobody answers.
func (a *app) operate(ctx context.Context, w *world, ask transport.Ask) error {
	dir, err := a.stateDir()
	if err != nil {
		return err
	}
	name := auditFile
	if a.demoNow != nil {
		name = "audit-demo.jsonl" // what was done to hosts that do not exist is kept apart
	}
	path := filepath.Join(dir, name)
	log, err := audit.Open(path)
	if err != nil {
		return err
	}
	if a.capture == nil { // what is done here has nothing to do with somebody's capture
		w.record = &recorder{path: path}
	}
	vault := a.secretsOf(log, ask)
	w.Ops = ops.New(ops.Params{
		Context: context.WithoutCancel(ctx), Now: a.now, Audit: cleanLog{log, vault.Redact}, Who: a.who(), From: a.from(),
		Host: func(name string) (hosts.Host, bool) {
			h, ok := w.Inventory.Host(name)
			if !ok {
				return hosts.Host{}, false
			}
			return h.Host, true
		},
		Containers: func(_ context.Context, host string) (ops.Containers, error) {
			n, ok := w.nodes[host]
			if !ok || n.docker == nil {
				return nil, fmt.Errorf("%s has no docker", host)
			}
			return n.docker, nil
		},
		Changed: func(host string) { w.Fleet.Refresh(host) },
	})
	w.first = append(w.first, func() error {
		wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWait)
		defer cancel()
		return w.Ops.Close(wait)
	}, vault.Close, log.Close)
	if a.capture != nil {
		return nil
	}
	return a.assembleRuns(w, vault)
}

// cleanLog is the audit log without the secrets that a program may have printed in an error.
type cleanLog struct {
	*audit.Log
	redact func(string) string
}

func (l cleanLog) Append(r audit.Record) error {
	_, err := l.AppendLine(r)
	return err
}

// AppendLine returns the line for the copies on the hosts.
func (l cleanLog) AppendLine(r audit.Record) ([]byte, error) {
	for _, s := range []*string{&r.Reason, &r.Object, &r.Before, &r.After, &r.Result, &r.Error} {
		*s = l.redact(*s)
	}
	return l.Log.AppendLine(r)
}

// who is the operator's login on this machine.
func (a *app) who() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

// from is this machine and the session on it, for the audit log.
func (a *app) from() string {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown machine"
	}
	parts := []string{name, fmt.Sprintf("pid %d", os.Getpid())}
	if c := a.getenv("SSH_CONNECTION"); c != "" {
		peer, _, _ := strings.Cut(c, " ")
		parts = append(parts, "ssh from "+peer)
	}
	return strings.Join(parts, ", ")
}
