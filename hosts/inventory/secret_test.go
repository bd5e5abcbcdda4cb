package inventory

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"midwatch/hosts"
)

func TestResolve(t *testing.T) {
	t.Setenv("MIDWATCH_TEST_SECRET", "from env")
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no sh to run commands with")
	}
	asked := func(_ context.Context, what string) (hosts.Secret, error) { return hosts.NewSecret("for " + what), nil }
	tests := map[string]struct {
		from Secret
		want string
		err  string
	}{
		"env":                    {from: Secret{Env: "MIDWATCH_TEST_SECRET"}, want: "from env"},
		"env not set":            {from: Secret{Env: "MIDWATCH_TEST_NOT_SET"}, err: "password of x: environment variable MIDWATCH_TEST_NOT_SET is not set"},
		"file":                   {from: Secret{File: write("a", "from file\n", 0o600)}, want: "from file"},
		"file keeps inner lines": {from: Secret{File: write("b", "one\ntwo\r\n", 0o400)}, want: "one\ntwo"},
		"file others can read":   {from: Secret{File: write("c", "hunter2", 0o644)}, err: "can be read by others (mode 0644): chmod 600 it"},
		"file that is empty":     {from: Secret{File: write("d", "\n", 0o600)}, err: "gave nothing"},
		"no file":                {from: Secret{File: filepath.Join(dir, "none")}, err: "no such file"},
		"directory":              {from: Secret{File: dir}, err: "is no regular file"},
		"command":                {from: Secret{Cmd: []string{"printf", "from cmd\n"}}, want: "from cmd"},
		"field of a command":     {from: Secret{Cmd: []string{"printf", `{"id":1,"value":"v"}`}, Field: "value"}, want: "v"},
		"no such field":          {from: Secret{Cmd: []string{"printf", `{"value":"hunter2"}`}, Field: "val"}, err: `has no text field "val"`},
		"no JSON":                {from: Secret{Cmd: []string{"printf", "hunter2"}, Field: "val"}, err: "printed no JSON object"},
		"failing command":        {from: Secret{Cmd: []string{"sh", "-c", "echo hunter2; echo locked >&2; exit 3"}}, err: `exit status 3 "locked"`},
		"silent command":         {from: Secret{Cmd: []string{"true"}}, err: "gave nothing"},
		"prompt":                 {from: Secret{Prompt: true}, want: "for password of x"},
		"none":                   {err: "no secret configured"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := tc.from.Resolve(t.Context(), "password of x", asked)
			if tc.err == "" {
				if err != nil || got.Reveal() != tc.want {
					t.Fatalf("got %q, %v; want %q", got.Reveal(), err, tc.want)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Fatalf("error %v, want one with %q", err, tc.err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Fatalf("the error holds what was read: %v", err)
			}
		})
	}
	t.Run("no terminal", func(t *testing.T) {
		if _, err := (Secret{Prompt: true}).Resolve(t.Context(), "x", nil); err == nil {
			t.Fatal("a prompt without a terminal gave a secret")
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := (Secret{Cmd: []string{"sleep", "60"}}).Resolve(ctx, "x", nil); !errors.Is(err, context.Canceled) {
			t.Fatalf("error %v, want that of the context", err)
		}
	})
}
