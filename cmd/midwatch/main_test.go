package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"midwatch": main})
}

// TestScripts runs testdata/script: what the program prints, where, and what it ends with.
func TestScripts(t *testing.T) {
	t.Parallel()
	example, err := filepath.Abs(filepath.Join("..", "..", "hosts.example.toml"))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			for _, d := range []string{"config", "state", "cache", "home", "tmp"} {
				if err := os.MkdirAll(filepath.Join(e.WorkDir, d), 0o700); err != nil {
					return err
				}
			}
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
			e.Setenv("TMPDIR", filepath.Join(e.WorkDir, "tmp"))
			e.Setenv("EXAMPLE", example)
			// Colours and widths must not depend on who runs the tests.
			for _, name := range []string{"NO_COLOR", "COLORFGBG", "COLORTERM", "CI", "TMUX", "SSH_AUTH_SOCK", "LC_ALL", "LANG"} {
				e.Setenv(name, "")
			}
			e.Setenv("TERM", "xterm-256color")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  cmdExits,
			"mode":   cmdMode,
			"inject": cmdInject,
			"json":   cmdJSON,
			"lines":  cmdLines,
		},
	})
}
