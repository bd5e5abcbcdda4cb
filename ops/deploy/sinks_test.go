package deploy

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A key that takes secrets is one more way for them to get out: whoever adds one adds it here, and to the test that
// looks for what got out (cmd/midwatch, TestSecretsStayWhereTheyBelong).
func TestSinks(t *testing.T) {
	t.Parallel()
	want := []string{
		"command.env", "command.stdin", "drain.busy.header", "envoy.probe.header", "file.content", "gate.checks.header",
		"http.bearer", "http.body", "http.header", "http.json", "http.undo_request.body",
		"migrate.command.env", "migrate.command.stdin", "migrate.marker.env", "migrate.marker.stdin", "migrate.until.header",
		"nginx.files.content", "nginx.probe.header", "notify.url",
		"systemd.drain.busy.header", "systemd.proof.header", "systemd.settle.health.header",
		"verify.checks.header", "wait.until.header",
	}
	if diff := cmp.Diff(want, Sinks()); diff != "" {
		t.Error(diff)
	}
}

// secretSources are definitions of a secret, by its source; a source that is missing here fails the test.
var secretSources = map[string]string{
	"env": `env = "TOKEN"`, "file": `path = "/run/token"`, "command": `argv = ["bws"]`, "prompt": ``, "keyring": `service = "midwatch"` + "\n" + `account = "api"`,
}

// written is a value in TOML with the text at the end of the keys; items of a list are one.
func tomlOf(typ reflect.Type, keys []string, text string) string {
	switch typ.Kind() {
	case reflect.Pointer:
		return tomlOf(typ.Elem(), keys, text)
	case reflect.Slice:
		return "[" + tomlOf(typ.Elem(), keys, text) + "]"
	case reflect.Map:
		return "{ a = " + tomlOf(typ.Elem(), keys, text) + " }"
	case reflect.Struct:
		for i := range typ.NumField() {
			if f := typ.Field(i); len(keys) > 0 && f.Tag.Get("toml") == keys[0] {
				return "{ " + keys[0] + " = " + tomlOf(f.Type, keys[1:], text) + " }"
			}
		}
	}
	return fmt.Sprintf("%q", text)
}

// Every key of every kind of step, with a secret of every source: those that are a sink take it, all others refuse
// the definition when it is read.
func TestSecretsGoIntoSinksOnly(t *testing.T) {
	t.Parallel()
	for from := range sources {
		if _, ok := secretSources[from]; !ok {
			t.Fatalf("no secret from %q is tried", from)
		}
	}
	for _, kind := range Kinds() {
		settings := reflect.TypeOf(kindTable()[kind].settings)
		for _, p := range placesOf(kind) {
			for from, def := range secretSources {
				text := "${secret.k}"
				if p.String() == "http.bearer" {
					text = "secret.k"
				}
				f, _ := settings.FieldByNameFunc(func(n string) bool {
					f, _ := settings.FieldByName(n)
					return f.Tag.Get("toml") == p.keys[0]
				})
				source := fmt.Sprintf("name = \"x\"\nenv = \"s\"\n[targets.t]\nhosts = [\"h\"]\n[secrets.k]\nfrom = %q\n%s\n[[step]]\nid = \"s\"\nkind = %q\n%s = %s\n",
					from, def, kind, p.keys[0], tomlOf(f.Type, p.keys[1:], text))
				_, faults := Parse("x.toml", []byte(source))
				refused := slices.ContainsFunc(faults, func(f Fault) bool {
					last := p.keys[len(p.keys)-1]
					return strings.Contains(f.What, "."+last) && !strings.Contains(f.What, " goes with ")
				})
				if refused == p.sink {
					t.Errorf("%s, secret from %s: refused is %v\n%s%v", p, from, refused, source, faults)
				}
			}
		}
	}
}

// Beside the settings of its kind, a definition takes no secret anywhere.
func TestSecretsElsewhereAreRefused(t *testing.T) {
	t.Parallel()
	const step = "[[step]]\nid = \"s\"\nkind = \"command\"\nlocal = true\nargv = [\"true\"]\n"
	for name, text := range map[string]string{
		"name": "name = \"${secret.k}\"\nenv = \"s\"\n" + step, "env": "name = \"x\"\nenv = \"${secret.k}\"\n" + step,
		"about":   "name = \"x\"\nenv = \"s\"\nabout = \"${secret.k}\"\n" + step,
		"vars":    "name = \"x\"\nenv = \"s\"\nvars = { a = \"${secret.k}\" }\n" + step,
		"hosts":   "name = \"x\"\nenv = \"s\"\n[targets.t]\nhosts = [\"${secret.k}\"]\n" + step,
		"hosts'":  "name = \"x\"\nenv = \"s\"\n[targets.t]\nhosts = [\"h\"]\nhost_vars = { h = { a = \"${secret.k}\" } }\n" + step,
		"lock":    "name = \"x\"\nenv = \"s\"\nlock = { on = [\"${secret.k}\"] }\n" + step,
		"phase":   "name = \"x\"\nenv = \"s\"\n[[phase]]\nid = \"a\"\ntitle = \"${secret.k}\"\n" + step,
		"hint":    "name = \"x\"\nenv = \"s\"\n[[hint]]\nmatch = \"a\"\nsay = \"${secret.k}\"\n" + step,
		"source":  "name = \"x\"\nenv = \"s\"\n[secrets.b]\nfrom = \"env\"\nenv = \"${secret.k}\"\n" + step,
		"source'": "name = \"x\"\nenv = \"s\"\n[secrets.b]\nfrom = \"command\"\nargv = [\"a\", \"${secret.k}\"]\n" + step,
	} {
		if _, faults := Parse("x.toml", []byte(text+"[secrets.k]\nfrom = \"prompt\"\n")); len(faults) == 0 {
			t.Errorf("%s: a secret is taken", name)
		}
	}
	for _, line := range []string{
		`title = "${secret.k}"`, `phase = "${secret.k}"`, `on = "${secret.k}"`, `when = "${secret.k}"`, `needs = ["${secret.k}"]`, `timeout = "${secret.k}"`,
		`retry = { attempts = 2, delay = "${secret.k}" }`, `batch = { size = "${secret.k}" }`, `undo = "${secret.k}"`, `undo = ["${secret.k}"]`,
		`undo = { argv = ["${secret.k}"], note = "a" }`, `undo = { argv = ["a"], note = "${secret.k}" }`, `kind = "${secret.k}"`, `id = "${secret.k}"`,
	} {
		text := "name = \"x\"\nenv = \"s\"\n[secrets.k]\nfrom = \"prompt\"\n[[step]]\n" + line + "\n"
		for _, rest := range []string{`id = "s"`, `kind = "command"`, `argv = ["true"]`, `local = true`} {
			if key, _, _ := strings.Cut(rest, " "); !strings.HasPrefix(line, key+" ") && (key != "local" || !strings.HasPrefix(line, "on ")) {
				text += rest + "\n"
			}
		}
		if _, faults := Parse("x.toml", []byte(text)); len(faults) == 0 {
			t.Errorf("a secret is taken:\n%s", text)
		}
	}
}

func TestSinksUsed(t *testing.T) {
	t.Parallel()
	h := &HTTP{
		URL: "https://x/", Bearer: "secret.a", Header: map[string]Sensitive{"A": "b", "X": "Key ${secret.a}"}, Body: "plain",
		JSON: map[string]any{"a": []any{1, map[string]any{"b": "${secret.a}"}}}, Undo: &Request{Body: "${secret.b}"},
	}
	if got := strings.Join(SinksUsed("http", h), " "); got != "http.header http.bearer http.json http.undo_request.body" {
		t.Errorf("%q", got)
	}
	if got := SinksUsed("group", &Group{}); got != nil {
		t.Errorf("%q", got)
	}
	if got := SinksUsed("none", nil); got != nil {
		t.Errorf("%q", got)
	}
}
