package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/capture"
	"midwatch/hosts/transport"
	"midwatch/ops"
	"midwatch/ops/deploy"
	"midwatch/ops/run"
	"midwatch/tui"
	"midwatch/tui/night"
	"midwatch/tui/runs"
	"midwatch/tui/ui"
)

// sentinels are secrets by source; each is of its own, so that the one that got out is known.
var sentinels = map[string]string{
	"env": "s3ntinel-env/+&\"x", "file": "s3ntinel-file'y", "command": "s3ntinel command", "prompt": "s3ntinel-prompt", "keyring": "s3ntinel*keyring$",
}

// allSentinels is a text with a secret of each source.
const allSentinels = "${secret.env} ${secret.file} ${secret.command} ${secret.prompt} ${secret.keyring}"

// sentinelDeploy uses a secret of each source in the sinks that this machine has, prints them, and fails.
const sentinelDeploy = `
name = "sinks"
env = "staging"
on_failure = "stop"
[targets.box]
hosts = ["box"]
[secrets]
env = { from = "env", env = "MIDWATCH_SENTINEL" }
file = { from = "file", path = "DIR/secret" }
command = { from = "command", argv = ["cat", "DIR/secret.json"], json = "value" }
prompt = { from = "prompt" }
keyring = { from = "keyring", service = "midwatch", account = "api" }
[[step]]
id = "file"
kind = "file"
on = "box"
content = "ALL"
dst = "DIR/placed"
[[step]]
id = "template"
kind = "file"
on = "box"
src = "DIR/conf.tmpl"
dst = "DIR/templated"
[[step]]
id = "command"
kind = "command"
on = "box"
argv = ["sh", "-c", "read l; for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $f; done > DIR/argv 2>/dev/null; test -n \"$A$B\" && test -n \"$l\" && echo \"token: $A\""]
env = { A = "${secret.file}", B = "${secret.prompt}${secret.keyring}" }
stdin = "${secret.env} ${secret.command}\n"
outputs = { token = 'token: (.*)' }
undo = "none"
[[step]]
id = "told"
kind = "command"
on = "box"
argv = ["echo", "it was ${steps.command.outputs.token}"]
undo = "none"
[[step]]
id = "drain"
kind = "drain"
on = "box"
busy = { http = "URL/busy", json = "n", header = { X-Key = "${secret.env}" } }
[[step]]
id = "migrate"
kind = "migrate"
on = "box"
command = { argv = ["sh", "-c", "cat >/dev/null; echo \"$A\"; echo 42 > DIR/schema"], env = { A = "${secret.env}" }, stdin = "${secret.file}" }
marker = { argv = ["sh", "-c", "cat >/dev/null; cat DIR/schema"], env = { A = "${secret.keyring}" }, stdin = "${secret.command}" }
reversible = "yes"
down = ["sh", "-c", "echo $A >&2; echo 41 > DIR/schema"]
[[step]]
id = "boot"
kind = "migrate"
on = "box"
variant = "on_boot"
reversible = "expand-contract"
marker = ["cat", "DIR/schema"]
until = { http = "URL/", header = { X-Key = "${secret.prompt}" } }
[[step]]
id = "http"
kind = "http"
local = true
method = "POST"
url = "URL/"
bearer = "secret.prompt"
header = { X-Key = "${secret.file}" }
json = { a = "${secret.env}", b = ["${secret.command}", { c = "${secret.keyring}" }] }
[[step]]
id = "body"
kind = "http"
local = true
method = "PUT"
url = "URL/thing"
body = "ALL"
undo_request = { method = "DELETE", url = "URL/thing", body = "undo ALL" }
[[step]]
id = "gate"
kind = "gate"
within = "20s"
checks = [{ http = "URL/", header = { X-Key = "${secret.command}" } }]
[[step]]
id = "verify"
kind = "verify"
within = "20s"
checks = [{ http = "URL/", header = { X-Key = "${secret.keyring}" } }]
[[step]]
id = "wait"
kind = "wait"
until = { http = "URL/", header = { X-Key = "${secret.file}" } }
[[step]]
id = "notify"
kind = "notify"
url = "URL/${secret.prompt}"
body = "done"
[[step]]
id = "leak"
kind = "command"
on = "box"
argv = ["sh", "-c", "cat | tee /dev/stderr; echo; echo \"again $A\" >&2; exit 3"]
stdin = "ALL"
env = { A = "${secret.command}" }
undo = "none"
`

// unused are the sinks that the definition above does not use, and what looks for secrets there.
var unused = map[string]string{
	"envoy.probe.header": "the headers of all probes are one func", "nginx.probe.header": "as above", "systemd.drain.busy.header": "as above",
	"systemd.proof.header": "as above", "systemd.settle.health.header": "as above",
	"nginx.files.content": "ops/step, TestNginxSecret: it needs an nginx",
}

// A sink that is new has to be used here, or to be looked after elsewhere.
func TestEverySinkIsUsed(t *testing.T) {
	t.Parallel()
	def, faults := deploy.Parse("sinks.toml", []byte(strings.NewReplacer("ALL", allSentinels, "DIR", "/d").Replace(sentinelDeploy)))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	used := map[string]bool{}
	for i := range def.Steps {
		for _, s := range deploy.SinksUsed(def.Steps[i].Kind, def.Steps[i].Settings) {
			used[s] = true
		}
	}
	for _, s := range deploy.Sinks() {
		if used[s] == (unused[s] != "") {
			t.Errorf("%s is used: %v, looked after elsewhere: %q", s, used[s], unused[s])
		}
	}
	for name := range sentinels {
		if _, ok := def.Secrets[name]; !ok {
			t.Errorf("no secret from %s", name)
		}
	}
}

// sentinelWorld is a machine on which every argv is written down, and an operator with secrets of all sources.
type sentinelWorld struct {
	t              *testing.T
	dir            string
	app            *app
	stdout, stderr func() string
	ask            transport.Ask
	mu             sync.Mutex // guards got
	got            []string   // requests
}

func newSentinelWorld(t *testing.T) *sentinelWorld {
	t.Helper()
	// t.TempDir is as long as the test's name, and the screens, which show names of files, would cut what is looked for.
	dir, err := os.MkdirTemp("", "mw") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	x := &sentinelWorld{t: t, dir: dir}
	srv := httptest.NewServer(http.HandlerFunc(x.serve))
	t.Cleanup(srv.Close)
	t.Setenv("MIDWATCH_SENTINEL", sentinels["env"])
	// Everything is run by a shell, here and on hosts: what it is called with is written down by one that stands
	// before the real one. The keyring has a program that answers as secret-tool and as that of macOS would.
	sh := "#!/bin/sh\nfor a; do printf '%s\\n' \"$a\"; done >>'" + x.dir + "/argvs'\nexec /bin/sh \"$@\"\n"
	ring := "#!/bin/sh\necho \"$*\" >>'" + x.dir + "/argvs'\n" +
		"case \"$*\" in 'lookup service midwatch account api'|'find-generic-password -w -s midwatch -a api') cat '" + x.dir + "/secret.ring' ;; *) exit 1 ;; esac\n"
	for name, text := range map[string]string{"sh": sh, "secret-tool": ring, "security": ring} {
		x.write("bin/"+name, text)
		if err := os.Chmod(filepath.Join(x.dir, "bin", name), 0o700); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", filepath.Join(x.dir, "bin")+":"+os.Getenv("PATH"))
	x.write("secret", sentinels["file"])
	x.write("secret.json", fmt.Sprintf(`{"value": %q}`, sentinels["command"]))
	x.write("secret.ring", sentinels["keyring"]+"\n")
	x.write("schema", "41\n")
	x.write("conf.tmpl", "all: "+allSentinels+"\n")
	x.write("conf/hosts.toml", "[hosts.box]\nkind = \"local\"\nenvironment = \"staging\"\n[runs]\nroot = \""+x.dir+"/targets\"\n")
	x.write("conf/deploys/sinks.toml", strings.NewReplacer("ALL", allSentinels, "DIR", x.dir, "URL", srv.URL).Replace(sentinelDeploy))
	x.write("debug", "")
	debug, err := os.OpenFile(filepath.Join(x.dir, "debug"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { debug.Close() })
	x.app, x.stdout, x.stderr = newTestApp(t)
	x.app.flags.config = filepath.Join(x.dir, "conf/hosts.toml")
	x.app.log = slog.New(slog.NewTextHandler(debug, &slog.HandlerOptions{Level: slog.LevelDebug}))
	x.ask = func(context.Context, transport.Question) (hosts.Secret, error) {
		return hosts.NewSecret(sentinels["prompt"]), nil
	}
	return x
}

func (x *sentinelWorld) write(name, text string) {
	x.t.Helper()
	file := filepath.Join(x.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		x.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		x.t.Fatal(err)
	}
}

func (x *sentinelWorld) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.got = append(x.got, fmt.Sprintf("%s %s %q %q %s", r.Method, r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("X-Key"), body))
	fmt.Fprintf(w, `{"n": 0, "echo": %q}`, body)
}

// must ends the test with an error.
func (x *sentinelWorld) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatalf("%v\n%s", err, x.stdout())
	}
}

// runs runs a plan to its end, prints everything of it that the command line prints, and returns its state.
func (x *sentinelWorld) runs(s *session, plan *run.Plan, want exitCode) run.State {
	x.t.Helper()
	a := x.app
	x.must(a.printPlan(plan))
	a.flags.json = true
	x.must(a.printPlan(plan))
	a.flags.json = false
	id, err := s.svc.Start(x.t.Context(), plan, run.Options{Yes: true, Consent: true, Reason: "test", Word: plan.TypeWord})
	x.must(err)
	if code := codeOf(a.follow(x.t.Context(), s, id, true)); code != want {
		x.t.Fatalf("exit %d, want %d\n%s", code, want, x.stdout())
	}
	st, err := s.svc.Show(x.t.Context(), id)
	x.must(err)
	x.must(a.printf("%s", runText(&st)))
	x.must(a.printJSON(runDocument(&st)))
	return st
}

// look is a screen of deploys, what it shows when it is there, and when all that can be opened is.
type look struct{ object, sees, opened string }

// screens opens screens, goes through their lines with all that can be opened, and returns all frames.
func (x *sentinelWorld) screens(w *world, looks ...look) string {
	x.t.Helper()
	ctx, cancel := context.WithCancel(x.t.Context())
	defer cancel()
	deps, _ := w.runScreens(ctx, nil)
	var all strings.Builder
	for _, look := range looks {
		n := night.Begin(x.t, 160, 50, &hosts.Snapshot{}, nil, tui.ScreenFactory{ID: "deploys", Title: "Deploys", New: func(d ui.Deps, _ ui.OpenMsg) ui.Screen {
			with := deps
			with.Deps = d
			return runs.New(with, ui.OpenMsg{Object: look.object})
		}})
		n.Sees(look.sees).Presses("Z").Sees(look.opened)
		for range 16 { // every step, with what it has said
			n.Presses("down")
		}
		n.Presses("?").Sees("esc").Presses("esc")
		for _, f := range n.Frames() {
			all.WriteString(f + "\n")
		}
	}
	return all.String()
}

func TestSecretsStayWhereTheyBelong(t *testing.T) {
	x := newSentinelWorld(t)
	a := x.app
	inv, err := a.inventory()
	x.must(err)
	w, err := a.open(t.Context(), inv, opening{ask: x.ask})
	x.must(err)
	x.must(a.operate(t.Context(), w, x.ask))
	s := &session{world: w, svc: w.Runs}
	_, err = w.Ops.Unlock("test", ops.MaxLease)
	x.must(err)
	plan, err := s.svc.Plan(t.Context(), "sinks", run.Options{})
	x.must(err)
	shown := x.screens(w, look{"", "sinks", ""}, look{runs.Object("plan", "sinks"), "placed", "holds secrets"})
	st := x.runs(s, plan, exitFindings)
	shown += x.screens(w, look{"", "sinks", ""}, look{runs.Object("plan", "sinks"), "= no change", ""}, look{runs.Object("run", st.ID), "leak", ""},
		look{runs.Object("history", "sinks"), "failed", ""}, look{runs.Object("back", "sinks"), "sinks", ""}, look{runs.Object("undo", st.ID), "placed", ""})
	back, err := s.svc.PlanRollback(t.Context(), st.ID, run.Options{})
	x.must(err)
	x.runs(s, back, exitOK)
	x.must(w.Close())
	x.must(a.runAudit(false))
	a.flags.json = true
	x.must(a.runAudit(false))
	file := filepath.Join(x.dir, "evidence.mwc")
	if err := a.runCapture(t.Context(), file, nil, 20*time.Second); err != nil && codeOf(err) != exitIncomplete {
		t.Fatal(err)
	}
	evidence, err := capture.Load(file)
	x.must(err)
	captured, err := json.Marshal(evidence)
	x.must(err)

	x.arrived()
	argvs, err := os.ReadFile(filepath.Join(x.dir, "argvs"))
	x.must(err)
	seen, err := os.ReadFile(filepath.Join(x.dir, "argv"))
	x.must(err)
	if !strings.Contains(string(argvs), "./runner") || !strings.Contains(string(argvs), " service midwatch account api") && !strings.Contains(string(argvs), "find-generic-password") ||
		!strings.Contains(string(seen), "sh -c read l") {
		t.Errorf("not all that was started was seen:\n%.2000s", argvs)
	}
	if !strings.Contains(x.stdout(), hosts.Dots) || strings.Count(x.stdout(), "secret prompt was fetched from prompt") == 0 {
		t.Errorf("what the last step printed is shown with dots, and the log has the name:\n%s", x.stdout())
	}
	if !strings.Contains(shown, hosts.Dots) {
		t.Errorf("the screens did not show what the last step printed:\n%.5000s", shown)
	}
	x.nowhereElse(map[string]string{
		"standard output": x.stdout(), "standard error": x.stderr(), "argv by ps": string(seen), "argv of every shell": string(argvs),
		"the screens": shown, "the capture": string(captured),
	})
}

// arrived wants each sink to have had its secrets.
func (x *sentinelWorld) arrived() {
	x.t.Helper()
	all := allSentinels
	for name, s := range sentinels {
		all = strings.ReplaceAll(all, "${secret."+name+"}", s)
	}
	x.mu.Lock()
	got := strings.Join(x.got, "\n")
	x.mu.Unlock()
	for _, want := range []string{
		`POST / "Bearer s3ntinel-prompt" "s3ntinel-file'y" {"a":"s3ntinel-env/+&\"x","b":["s3ntinel command",{"c":"s3ntinel*keyring$"}]}`,
		`GET / "" "s3ntinel command"`, `GET / "" "s3ntinel-prompt"`, `GET / "" "s3ntinel*keyring$"`, `GET / "" "s3ntinel-file'y"`,
		`GET /busy "" "s3ntinel-env/+&\"x"`, `POST /s3ntinel-prompt`, `PUT /thing "" "" ` + all, `DELETE /thing "" "" undo ` + all,
	} {
		if !strings.Contains(got, want) && !strings.Contains(got, strings.ReplaceAll(want, "&", `\u0026`)) {
			x.t.Errorf("%q did not arrive:\n%s\n%s", want, got, x.stdout())
		}
	}
	if _, err := os.Stat(filepath.Join(x.dir, "placed")); err == nil {
		x.t.Error("the way back left the file")
	}
	for _, l := range strings.Split(x.stdout(), "\n") {
		if strings.Contains(l, "it was ") && !strings.Contains(l, hosts.Dots) && !strings.Contains(l, "${") && !strings.Contains(l, "‹") {
			x.t.Errorf("an output that is a secret went into an argv: %s", l)
		}
	}
}

// nowhereElse looks for every secret in every form, in texts and in all files that the run has left.
func (x *sentinelWorld) nowhereElse(holders map[string]string) {
	x.t.Helper()
	logs := 0
	for _, root := range []string{x.app.getenv("XDG_STATE_HOME"), filepath.Join(x.dir, "targets"), filepath.Join(x.dir, "debug")} {
		x.must(filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			if strings.Contains(path, "/jobs/leak") {
				logs++
			}
			b, err := os.ReadFile(path)
			holders[path] = string(b)
			return err
		}))
	}
	if len(holders) < 30 || logs == 0 {
		x.t.Errorf("only %d places were searched, %d of them of the job that printed its secrets", len(holders), logs)
	}
	for _, where := range slices.Sorted(maps.Keys(holders)) {
		for source, secret := range sentinels {
			for _, form := range []string{
				secret, base64.StdEncoding.EncodeToString([]byte(secret))[:16], base64.URLEncoding.EncodeToString([]byte(secret))[:16],
				hex.EncodeToString([]byte(secret)), url.QueryEscape(secret), url.PathEscape(secret), strings.ReplaceAll(secret, `"`, `\"`), jsonForm(secret),
			} {
				if strings.Contains(holders[where], form) {
					x.t.Errorf("the secret from %s is in %s, as %q", source, where, form)
				}
			}
		}
	}
}

// jsonForm is a secret as it stands inside of JSON.
func jsonForm(s string) string {
	b, _ := json.Marshal(s) //nolint:errchkjson // a string
	return string(b[1 : len(b)-1])
}
