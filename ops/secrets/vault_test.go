package secrets

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

const sentinel = `s3ntinel"/+<ü>'&=%`

// world makes a definition with a secret of each source, all with the sentinel as text.
func world(t *testing.T) (*deploy.Definition, func(context.Context, string) (hosts.Secret, error)) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	asJSON, _ := json.Marshal(map[string]string{"value": sentinel})
	plain := write("plain", sentinel+"\n", 0o600)
	object := write("object", string(asJSON), 0o600)
	open := write("open", sentinel, 0o644)
	// A secret-tool that answers as the real one does.
	write("secret-tool", "#!/bin/sh\n[ \"$*\" = 'lookup service midwatch account api' ] && cat "+plain+"\n", 0o700)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("MIDWATCH_TEST_SECRET", sentinel)
	text := fmt.Sprintf(`
name = "x"
env = "staging"
[secrets]
e = { from = "env", env = "MIDWATCH_TEST_SECRET" }
f = { from = "file", path = %[1]q }
fj = { from = "file", path = %[2]q, json = "value" }
c = { from = "command", argv = ["cat", %[1]q] }
cj = { from = "command", argv = ["cat", %[2]q], json = "value" }
p = { from = "prompt" }
k = { from = "keyring", service = "midwatch", account = "api" }
unset = { from = "env", env = "MIDWATCH_TEST_UNSET" }
others = { from = "file", path = %[3]q }
fails = { from = "command", argv = ["sh", "-c", "cat %[4]s; echo refused >&2; exit 3"] }
nokey = { from = "command", argv = ["cat", %[2]q], json = "valeu" }
nofile = { from = "file", path = %[2]q, json = "valeu" }
[[step]]
id = "w"
kind = "wait"
for = "1s"
`, plain, object, open, plain)
	def, faults := deploy.Parse("x.toml", []byte(text))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return def, func(_ context.Context, what string) (hosts.Secret, error) {
		if what != "secret p" {
			return hosts.Secret{}, errors.New("asked for " + what)
		}
		return hosts.NewSecret(sentinel), nil
	}
}

func TestSources(t *testing.T) {
	def, ask := world(t)
	var log []string
	v := New(Params{Ask: ask, Used: func(run, name, from string, err error) error {
		log = append(log, fmt.Sprintf("%s %s %s %v", run, name, from, err))
		return nil
	}})
	for _, name := range []string{"e", "f", "fj", "c", "cj", "p", "k"} {
		for range 2 {
			s, err := v.Get(t.Context(), "r1", def, name)
			if err != nil || s.Reveal() != sentinel {
				t.Errorf("%s: %q %v", name, s.Reveal(), err)
			}
		}
	}
	if len(log) != 7 {
		t.Errorf("each is fetched once a run, got %q", log)
	}
	if _, err := v.Get(t.Context(), "r2", def, "e"); err != nil || len(log) != 8 {
		t.Errorf("another run fetches anew: %v %q", err, log)
	}
	for name, want := range map[string]string{
		"unset": "is not set", "others": "can be read by others", "fails": `"refused"`, "nokey": `no text field "valeu"`, "nofile": "is no JSON with a text",
		"nothing": "not defined",
	} {
		_, err := v.Get(t.Context(), "r1", def, name)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		log = append(log, fmt.Sprint(err))
	}
	without := New(Params{})
	if _, err := without.Get(t.Context(), "r", def, "p"); err == nil || !strings.Contains(err.Error(), "no terminal") {
		t.Errorf("a prompt nobody sees: %v", err)
	}
	for _, l := range log {
		if strings.Contains(l, "s3ntinel") {
			t.Errorf("the secret is told: %s", l)
		}
	}
}

func TestRevealAndForget(t *testing.T) {
	def, ask := world(t)
	v := New(Params{Ask: ask})
	s, err := v.Reveal(t.Context(), "r", def, "Bearer ${secret.e}, $${x}")
	if err != nil || s.Reveal() != "Bearer "+sentinel+", ${x}" {
		t.Fatalf("%q %v", s.Reveal(), err)
	}
	kept, err := v.Get(t.Context(), "r", def, "e")
	if err != nil {
		t.Fatal(err)
	}
	v.Forget("r")
	if strings.Trim(kept.Reveal(), "\x00") != "" {
		t.Errorf("what was kept is overwritten, got %q", kept.Reveal())
	}
	if os.Getenv("MIDWATCH_TEST_SECRET") != sentinel {
		t.Error("the environment itself was overwritten")
	}
	if got := v.Redact("x " + sentinel); got != "x "+hosts.Dots {
		t.Errorf("late lines of a run that ended: %q", got)
	}
	again, err := v.Get(t.Context(), "r", def, "e")
	if err != nil || again.Reveal() != sentinel {
		t.Errorf("%v", err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if strings.Trim(again.Reveal(), "\x00") != "" {
		t.Error("Close overwrites")
	}
	if _, err := v.Get(t.Context(), "r", def, "e"); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

func TestWhatCannotBeRecordedIsNotHandedOut(t *testing.T) {
	def, _ := world(t)
	full := errors.New("disk full")
	v := New(Params{Used: func(string, string, string, error) error { return full }})
	if s, err := v.Get(t.Context(), "r", def, "e"); !errors.Is(err, full) || !s.Empty() {
		t.Errorf("%v", err)
	}
}

// Hosts of a batch ask at the same moment; the person is asked once.
func TestManyAskOnce(t *testing.T) {
	def, _ := world(t)
	asked := 0
	gate := make(chan struct{})
	v := New(Params{Ask: func(context.Context, string) (hosts.Secret, error) {
		asked++
		<-gate
		return hosts.NewSecret(sentinel), nil
	}})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if s, err := v.Get(t.Context(), "r", def, "p"); err != nil || s.Reveal() != sentinel {
				t.Errorf("%v", err)
			}
		})
	}
	close(gate)
	wg.Wait()
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

func TestRedactFindsEveryForm(t *testing.T) {
	t.Parallel()
	key := "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7\n-----END KEY-----"
	r := newRedactor()
	r.add(sentinel)
	r.add(key)
	asJSON, _ := json.Marshal(map[string]string{"k": sentinel})
	var noHTML strings.Builder
	enc := json.NewEncoder(&noHTML)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(sentinel); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"plain":         "password is " + sentinel + ".",
		"json":          string(asJSON),
		"json, no html": noHTML.String(),
		"query":         "https://x/?t=" + url.QueryEscape(sentinel),
		"path":          "https://x/" + url.PathEscape(sentinel),
		"hex":           hex.EncodeToString([]byte(sentinel)),
		"HEX":           strings.ToUpper(hex.EncodeToString([]byte(sentinel))),
		"shell":         "'" + strings.ReplaceAll(sentinel, "'", `'\''`) + "'",
		"go":            fmt.Sprintf("%q", sentinel),
		"key line":      "read MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
	} {
		got := r.redact(text)
		if !strings.Contains(got, hosts.Dots) || strings.Contains(got, "s3ntinel") || strings.Contains(got, "MIIEv") || strings.Contains(strings.ToLower(got), hex.EncodeToString([]byte("s3nt"))) {
			t.Errorf("%s: %q became %q", name, text, got)
		}
	}
	// Inside of user:password and the like, wherever it begins.
	for _, lead := range []string{"", "u", "us", "usr", "user:", "admin:"} {
		for _, tail := range []string{"", "x", "xy", "xyz"} {
			for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding} {
				text := e.EncodeToString([]byte(lead + sentinel + tail))
				got := r.redact(text)
				raw, err := e.DecodeString(got)
				if !strings.Contains(got, hosts.Dots) || err == nil && strings.Contains(string(raw), "s3nt") || len(got) > 3*4+len(hosts.Dots)+8 {
					t.Errorf("%q+secret+%q: %q became %q", lead, tail, text, got)
				}
			}
		}
	}
	if got := r.redact("nothing of it: s3nti"); got != "nothing of it: s3nti" {
		t.Errorf("%q", got)
	}
	short := newRedactor()
	short.add("a")
	if got := short.redact("banana"); got != "banana" {
		t.Errorf("what is in every word is not looked for: %q", got)
	}
}
