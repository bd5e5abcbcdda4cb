package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"midwatch/ops/audit"
)

// newTestApp is an app that writes to files, with a state directory of its own.
func newTestApp(t *testing.T) (a *app, stdout, stderr func() string) {
	t.Helper()
	dir := t.TempDir()
	open := func(name string) (*os.File, func() string) {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f, func() string {
			b, err := os.ReadFile(f.Name())
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
	}
	out, stdout := open("stdout")
	errs, stderr := open("stderr")
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	env := map[string]string{"HOME": dir, "XDG_STATE_HOME": filepath.Join(dir, "state")}
	return newApp(in, out, errs, func(k string) string { return env[k] }), stdout, stderr
}

func TestAudit(t *testing.T) {
	t.Parallel()
	a, stdout, _ := newTestApp(t)
	dir, err := a.stateDir()
	if err != nil {
		t.Fatal(err)
	}
	log, err := audit.Open(filepath.Join(dir, auditFile))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 29, 2, 0, 0, 0, time.Local)
	for _, r := range []audit.Record{
		{At: at, Phase: audit.PhaseUnlock, Who: "eve", From: "laptop", Reason: "incident 7", Until: at.Add(time.Hour)},
		{At: at.Add(time.Second), Phase: audit.PhaseBegin, ID: "1", Who: "eve", From: "laptop", Verb: "restart", Host: "web1", Object: "api", Before: "running"},
		{At: at.Add(2 * time.Second), Phase: audit.PhaseEnd, ID: "1", Who: "eve", From: "laptop", Verb: "restart", Host: "web1", Object: "api", Result: "restarted", After: "running"},
		{At: at.Add(3 * time.Second), Phase: audit.PhaseLock, Who: "eve", From: "laptop", Result: "locked"},
	} {
		if err := log.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.runAudit(false); err != nil {
		t.Fatal(err)
	}
	want := `2026-11-29 02:00:00 eve unlocked until 03:00:00: incident 7
2026-11-29 02:00:01 eve restart api on web1: begun, running
2026-11-29 02:00:02 eve restart api on web1: restarted, running
2026-11-29 02:00:03 eve locked
`
	if got := stdout(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := a.runAudit(true); err != nil || !strings.Contains(stdout(), "4 records, whole, last hash ") {
		t.Errorf("%v, %s", err, stdout())
	}
}

func TestStateDirIsForItsOwner(t *testing.T) {
	t.Parallel()
	a, _, _ := newTestApp(t)
	open := filepath.Join(a.getenv("XDG_STATE_HOME"), "midwatch")
	if err := os.MkdirAll(open, 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := a.stateDir()
	if err != nil || dir != open {
		t.Fatal(dir, err)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	bare := newApp(a.stdin, a.stdout, a.stderr, func(string) string { return "" })
	if _, err := bare.stateDir(); err == nil {
		t.Error("a state directory without HOME")
	}
}
