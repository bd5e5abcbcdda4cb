package remote

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/ops/step"
)

// What a job prints of its secrets is dots where it is written, whoever reads it later and knows nothing of them.
func TestJobHidesItsSecrets(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	h := here(t, root)
	j := h.Jobs("r-"+t.Name(), "s.1")
	token, odd := `s3nt.*[^$]\in/el'"&`, "pässwort und mehr"
	job := step.Job{
		Argv:   []string{"sh", "-c", `printf 'it is %s.\nplain\n' "$TOKEN"; printf '%s' "user:$TOKEN" | base64 -w0; echo; cat; echo "no $TOKEN" >&2; printf 'end %s' "$TOKEN"; exit 3`},
		Secret: map[string]hosts.Secret{"TOKEN": hosts.NewSecret(token)}, Stdin: hosts.NewSecret("stdin " + odd + "\n"),
		Hide: []hosts.Secret{hosts.NewSecret(token), hosts.NewSecret(odd)},
	}
	var l heard
	exit, err := j.Run(t.Context(), "main", job, l.line)
	if exit != 3 || err != nil {
		t.Fatalf("exit %d, %v", exit, err)
	}
	got := strings.Join(l.out, "\n")
	for _, want := range []string{"it is •••.\nplain\n", "stdin •••\n", "end •••"} {
		if !strings.Contains(got, want) {
			t.Errorf("printed %q, want %q", got, want)
		}
	}
	if strings.Join(l.err, "|") != "no •••" {
		t.Errorf("printed %q", l.err)
	}
	whole := base64.StdEncoding.EncodeToString([]byte("user:" + token))
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			t.Errorf("%s is left behind", path)
			return nil
		}
		b, err := os.ReadFile(path)
		for _, s := range []string{token, odd, whole[:20], "s3nt"} {
			if strings.Contains(string(b), s) {
				t.Errorf("%s holds %q:\n%s", path, s, b)
			}
		}
		if info, _ := d.Info(); strings.Contains(path, "/jobs/") && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := j.Log(t.Context(), "main", 1<<20); err != nil || !strings.Contains(string(b), "it is •••.") {
		t.Errorf("log %q, %v", b, err)
	}
}

// A program that a job leaves running holds its output, and does not hold the job.
func TestJobWithSecretsEndsThoughSomethingStays(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	j := here(t, root).Jobs("r-"+t.Name(), "s.1")
	var l heard
	exit, err := j.Run(t.Context(), "main", step.Job{
		Argv:   []string{"sh", "-c", `(while [ ! -e "$1/go" ]; do sleep 0.05; done; echo "late $TOKEN") & echo "early $TOKEN"`, "sh", root},
		Secret: map[string]hosts.Secret{"TOKEN": hosts.NewSecret("s3ntinel")}, Hide: []hosts.Secret{hosts.NewSecret("s3ntinel")},
	}, l.line)
	if exit != 0 || err != nil || strings.Join(l.out, "|") != "early •••" {
		t.Fatalf("exit %d, %v, %q", exit, err, l.out)
	}
	if err := os.WriteFile(filepath.Join(root, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		b, _ := j.Log(t.Context(), "main", 1<<20)
		return string(b) == "early •••\nlate •••\n"
	})
}

// Stopping a job that prints takes its hider with it.
func TestJobWithSecretsStops(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	j := here(t, root).Jobs("r-"+t.Name(), "s.1")
	began, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		first := true
		_, err := j.Run(t.Context(), "main", step.Job{
			Argv: []string{"sh", "-c", `echo "up $TOKEN"; sleep 1000`}, Secret: map[string]hosts.Secret{"TOKEN": hosts.NewSecret("s3ntinel")},
			Hide: []hosts.Secret{hosts.NewSecret("s3ntinel")},
		}, func(string, bool) {
			if first {
				close(began)
			}
			first = false
		})
		ended <- err
	}()
	<-began
	if err := j.Stop(t.Context(), "main"); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if p, exit, err := j.Find(t.Context(), "main"); p != step.Ended || exit == 0 || err != nil {
		t.Errorf("%v %d %v", p, exit, err)
	}
}

// A job whose secrets cannot be kept out of its log is not run.
func TestJobThatCannotHideIsNotRun(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "mkfifo"), []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	t.Setenv("PATH", root+":"+os.Getenv("PATH"))
	j := here(t, root).Jobs("r-"+t.Name(), "s.1")
	var l heard
	exit, err := j.Run(t.Context(), "main", step.Job{
		Argv:   []string{"sh", "-c", `echo "$TOKEN" | tee "$1/ran"`, "sh", root},
		Secret: map[string]hosts.Secret{"TOKEN": hosts.NewSecret("s3ntinel")}, Hide: []hosts.Secret{hosts.NewSecret("s3ntinel")},
	}, l.line)
	if exit != 73 || err != nil || len(l.out) > 0 || !strings.Contains(strings.Join(l.err, "|"), "it was not run") {
		t.Errorf("exit %d, %v, %q, %q", exit, err, l.out, l.err)
	}
	if _, err := os.Stat(filepath.Join(root, "ran")); err == nil {
		t.Error("it was run")
	}
}

// eventually polls until a condition holds.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for !holds() {
		select {
		case <-every.C:
		case <-limit.C:
			t.Fatal("it does not come to be")
		}
	}
}
