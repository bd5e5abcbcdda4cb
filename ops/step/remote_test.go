package step_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/transport"
	"midwatch/ops/deploy"
	"midwatch/ops/remote"
	"midwatch/ops/step"
)

// host is the real local machine with the real store and jobs of the engine.
type host struct {
	t         *testing.T
	h         *remote.Host
	conn      hosts.Conn
	src, dir  string
	collected map[string]string
	lines     []string
}

func newHost(t *testing.T) *host {
	t.Helper()
	l := transport.Open(t.Context(), transport.Target{Name: "box", Kind: hosts.KindLocal}, transport.Params{Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { _ = l.Close() })
	h, err := remote.Open(t.Context(), "box", l, t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	return &host{t: t, h: h, conn: l, src: t.TempDir(), dir: t.TempDir(), collected: map[string]string{}}
}

// env is what a step gets, of a run that deploys or one that takes back.
func (x *host) env(run, id string, settings any) *step.Env {
	x.t.Helper()
	store, err := x.h.Store(x.t.Context(), "r1", id)
	if err != nil {
		x.t.Fatal(err)
	}
	return &step.Env{
		Run: run, Step: id, Try: 1, Settings: settings, Host: "box", Conn: x.conn, Local: x.conn, Base: x.src,
		Store: store, Jobs: x.h.Jobs(run, id), Now: time.Now, Undoing: run != "r1", Outputs: x.collected,
		Emit:   func(o step.Output) { x.lines = append(x.lines, o.Line) },
		Output: func(name, value string) { x.collected[id+"."+name] = value },
		Reveal: func(_ context.Context, s deploy.Sensitive) (hosts.Secret, error) {
			return deploy.Reveal(s, func(string) (hosts.Secret, error) { return hosts.NewSecret("sentinel"), nil })
		},
		HTTP: step.NewWeb((&net.Dialer{}).DialContext, nil),
	}
}

func (x *host) put(dir, name, content string) {
	x.t.Helper()
	p := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		x.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		x.t.Fatal(err)
	}
}

func (x *host) get(name string) string {
	b, err := os.ReadFile(filepath.Join(x.dir, name))
	if err != nil {
		return "none: " + err.Error()
	}
	return string(b)
}

// one is a step of a small deploy.
type one struct {
	id, kind string
	settings any
}

// A small deploy, forward and back, as the engine does it: record, act, a look; then the undos in reverse.
func TestStepsWithTheRealStoreAndJobs(t *testing.T) {
	if _, err := exec.LookPath("rsync"); err != nil {
		t.Skip("RSYNC IS NOT INSTALLED")
	}
	x := newHost(t)
	x.put(x.src, "main.py", "new")
	x.put(x.src, "lib/a.py", "a")
	x.put(x.dir, "code/main.py", "older")
	x.put(x.dir, "code/gone.py", "gone")
	x.put(x.dir, "app/releases/r0/main.py", "older")
	if err := os.Symlink("releases/r0", filepath.Join(x.dir, "app", "current")); err != nil {
		t.Fatal(err)
	}
	text := func(p string) deploy.Text { return deploy.Text(filepath.Join(x.dir, p)) }
	steps := []one{
		{"tree", "sync", &deploy.Sync{From: ".", To: text("code"), Delete: deploy.Delete{Enabled: true}}},
		{"push", "sync", &deploy.Sync{From: ".", To: text("app"), Mode: "release", After: [][]deploy.Text{{"sh", "-c", "pwd >where"}}}},
		{"swap", "swap", &deploy.Swap{Link: text("app/current")}},
		{"conf", "file", &deploy.File{Dst: text("conf"), Content: "key ${secret.x}\n", Mode: "0600"}},
		{"build", "command", &deploy.Command{
			Argv: []deploy.Text{"sh", "-c", `echo "id=7"; printf %s "$KEY" >"$1"`, "sh", text("key")},
			Env:  map[string]deploy.Sensitive{"KEY": "${secret.x}"}, Outputs: map[string]string{"id": `id=(\d+)`},
		}},
	}
	kinds, undos := step.Kinds(), make([]step.Undo, len(steps))
	for i, s := range steps {
		e := x.env("r1", s.id, s.settings)
		u, err := kinds[s.kind].Record(t.Context(), e)
		if err != nil {
			t.Fatalf("%s: record: %v", s.id, err)
		}
		if err := kinds[s.kind].Act(t.Context(), e, u); err != nil {
			t.Fatalf("%s: act: %v", s.id, err)
		}
		// Who looks may be another process than who acted.
		seen, err := kinds[s.kind].Verify(t.Context(), x.env("r1", s.id, s.settings), u)
		if err != nil || !seen.OK || !seen.Changed {
			t.Fatalf("%s: %+v, %v", s.id, seen, err)
		}
		undos[i] = u
	}
	for p, want := range map[string]string{
		"code/main.py": "new", "code/lib/a.py": "a", "app/current/main.py": "new", "app/current/where": filepath.Join(x.dir, "app/releases/r1") + "\n", "conf": "key sentinel\n", "key": "sentinel",
	} {
		if got := x.get(p); got != want {
			t.Errorf("%s is %q", p, got)
		}
	}
	if x.collected["build.id"] != "7" || strings.Contains(strings.Join(x.lines, "\n"), "sentinel") {
		t.Errorf("outputs %v, lines %q", x.collected, x.lines)
	}
	for i := len(steps) - 2; i >= 0; i-- { // the last has no undo
		s := steps[i]
		e := x.env("back", s.id, s.settings)
		if d, err := kinds[s.kind].Drift(t.Context(), e, undos[i]); err != nil || len(d) > 0 {
			t.Errorf("%s: drift %q, %v", s.id, d, err)
		}
		if err := kinds[s.kind].Undo(t.Context(), e, undos[i]); err != nil {
			t.Fatalf("%s: undo: %v", s.id, err)
		}
		if seen, err := kinds[s.kind].Undone(t.Context(), e, undos[i]); err != nil || !seen.OK {
			t.Fatalf("%s: %+v, %v", s.id, seen, err)
		}
	}
	for p, want := range map[string]string{"code/main.py": "older", "code/gone.py": "gone", "app/current/main.py": "older"} {
		if got := x.get(p); got != want {
			t.Errorf("after the way back %s is %q", p, got)
		}
	}
	if got := x.get("conf"); !strings.HasPrefix(got, "none:") || !strings.HasPrefix(x.get("code/lib/a.py"), "none:") {
		t.Errorf("what was new is still there: %q", got)
	}
	noSentinel(t, x.h.Root)
}

// noSentinel looks through everything that midwatch keeps on the host.
func noSentinel(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(p)
		if err == nil && strings.Contains(string(b), "sentinel") {
			t.Errorf("the secret is in %s", p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
