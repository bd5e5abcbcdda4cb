package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"midwatch/hosts"
	"midwatch/hosts/transport"
	"midwatch/ops"
	"midwatch/ops/run"
)

// sentinels are secrets by source; each is of its own, so that the one that got out is known.
var sentinels = map[string]string{
	"env": "s3ntinel-env/+&\"x", "file": "s3ntinel-file'y", "command": "s3ntinel command", "prompt": "s3ntinel-prompt",
}

// sentinelDeploy uses a secret of each source in each sink that takes them on this machine, prints one, and fails.
const sentinelDeploy = `
name = "sinks"
env = "staging"
[targets.box]
hosts = ["box"]
[secrets]
env = { from = "env", env = "MIDWATCH_SENTINEL" }
file = { from = "file", path = "DIR/secret" }
command = { from = "command", argv = ["cat", "DIR/secret.json"], json = "value" }
prompt = { from = "prompt" }
[[step]]
id = "file"
kind = "file"
on = "box"
content = "${secret.env} ${secret.file} ${secret.command} ${secret.prompt}"
mode = "0600"
dst = "DIR/placed"
[[step]]
id = "command"
kind = "command"
on = "box"
argv = ["sh", "-c", "read l; for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $f; done > DIR/argv 2>/dev/null; test -n \"$A$B\" && test -n \"$l\""]
env = { A = "${secret.file}", B = "${secret.prompt}" }
stdin = "${secret.env} ${secret.command}\n"
undo = "none"
[[step]]
id = "http"
kind = "http"
local = true
method = "POST"
url = "URL/"
bearer = "secret.prompt"
header = { X-Key = "${secret.file}" }
json = { a = "${secret.env}", b = ["${secret.command}"] }
[[step]]
id = "gate"
kind = "gate"
within = "2s"
checks = [{ http = "URL/", header = { X-Key = "${secret.command}" } }]
[[step]]
id = "notify"
kind = "notify"
url = "URL/${secret.prompt}"
body = "done"
[[step]]
id = "leak"
kind = "command"
on = "box"
argv = ["sh", "-c", "cat; echo; exit 3"]
stdin = "${secret.env} ${secret.file} ${secret.command} ${secret.prompt}"
undo = "none"
`

func TestSecretsStayWhereTheyBelong(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	var got []string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, fmt.Sprintf("%s %s %q %q %s", r.Method, r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("X-Key"), body))
	}))
	defer srv.Close()
	write := func(name, text string) {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("MIDWATCH_SENTINEL", sentinels["env"])
	write("secret", sentinels["file"])
	write("secret.json", fmt.Sprintf(`{"value": %q}`, sentinels["command"]))
	write("conf/hosts.toml", "[hosts.box]\nkind = \"local\"\nenvironment = \"staging\"\n[runs]\nroot = \""+dir+"/targets\"\n")
	write("conf/deploys/sinks.toml", strings.NewReplacer("DIR", dir, "URL", srv.URL).Replace(sentinelDeploy))
	write("debug", "")
	debug, err := os.OpenFile(filepath.Join(dir, "debug"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer debug.Close()

	a, stdout, stderr := newTestApp(t)
	a.flags.config = filepath.Join(dir, "conf/hosts.toml")
	a.log = slog.New(slog.NewTextHandler(debug, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ask := func(context.Context, transport.Question) (hosts.Secret, error) {
		return hosts.NewSecret(sentinels["prompt"]), nil
	}
	inv, err := a.inventory()
	if err != nil {
		t.Fatal(err)
	}
	w, err := a.open(t.Context(), inv, opening{ask: ask})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.operate(t.Context(), w, ask); err != nil {
		t.Fatal(err)
	}
	s := &session{world: w, svc: w.Runs}
	plan, err := s.svc.Plan(t.Context(), "sinks", run.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.printPlan(plan); err != nil {
		t.Fatal(err)
	}
	a.flags.json = true
	if err := a.printPlan(plan); err != nil {
		t.Fatal(err)
	}
	a.flags.json = false
	if _, err := w.Ops.Unlock("test", ops.MaxLease); err != nil {
		t.Fatal(err)
	}
	id, err := s.svc.Start(t.Context(), plan, run.Options{Yes: true, Consent: true, Reason: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if code := codeOf(a.follow(t.Context(), s, id, true)); code != exitFindings {
		t.Errorf("the last step fails: exit %d\n%s", code, stdout())
	}
	st, err := s.svc.Show(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.printf("%s", runText(&st)); err != nil {
		t.Fatal(err)
	}
	if err := a.printJSON(runDocument(&st)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.runAudit(false); err != nil {
		t.Fatal(err)
	}

	// They arrived.
	placed, _ := os.ReadFile(filepath.Join(dir, "placed"))
	arrived := string(placed) + strings.Join(got, "\n")
	for _, want := range []string{
		sentinels["env"] + " " + sentinels["file"] + " " + sentinels["command"] + " " + sentinels["prompt"],
		`POST / "Bearer s3ntinel-prompt" "s3ntinel-file'y" {"a":"s3ntinel-env/+&\"x","b":["s3ntinel command"]}`,
		`GET / "" "s3ntinel command"`, `POST /s3ntinel-prompt`,
	} {
		if !strings.Contains(arrived, want) && !strings.Contains(arrived, strings.ReplaceAll(want, "&", `\u0026`)) {
			t.Errorf("%q did not arrive:\n%s\n%s", want, arrived, stdout())
		}
	}
	argv, err := os.ReadFile(filepath.Join(dir, "argv"))
	if err != nil || !strings.Contains(string(argv), "sh -c read l") {
		t.Errorf("the step saw no processes: %v", err)
	}
	if !strings.Contains(stdout(), hosts.Dots) || strings.Count(stdout(), "secret prompt was fetched from prompt") == 0 {
		t.Errorf("what the last step printed is shown with dots, and the log has the name:\n%s", stdout())
	}

	// And are nowhere else.
	holders := map[string]string{"standard output": stdout(), "standard error": stderr(), "argv": string(argv)}
	for _, root := range []string{a.getenv("XDG_STATE_HOME"), filepath.Join(dir, "targets"), filepath.Join(dir, "debug")} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			// What a program prints lies in its own log on the host, for root only, as it was printed.
			if strings.Contains(path, "/jobs/leak") && filepath.Base(path) == "log" {
				return nil
			}
			b, err := os.ReadFile(path)
			holders[path] = string(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(holders) < 10 {
		t.Errorf("only %d places were searched", len(holders))
	}
	for where, text := range holders {
		for source, secret := range sentinels {
			for _, form := range []string{
				secret, base64.StdEncoding.EncodeToString([]byte(secret))[:16], hex.EncodeToString([]byte(secret)), url.QueryEscape(secret), url.PathEscape(secret), strings.ReplaceAll(secret, `"`, `\"`),
			} {
				if strings.Contains(text, form) {
					t.Errorf("the secret from %s is in %s, as %q", source, where, form)
				}
			}
		}
	}
}
