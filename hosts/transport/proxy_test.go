package transport

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
)

func TestProxyCommandFaults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ command, want string }{
		"says why":     {"sh -c 'echo no route to %h:%p as %r >&2; exit 7'", "no route to 10.0.0.1:22 as ops"},
		"ends at once": {"true", "closed the connection"},
		"missing":      {"/no/such/program", "not found"},
		"says nothing": {"sleep 600", "did not complete the ssh key exchange"},
		"not ssh":      {"yes", "10.0.0.1:22"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFarm(t)
			_, err := f.login(t, Target{
				Name: "web1", Address: "10.0.0.1", User: "ops", SSHConfig: noConfig, ProxyCommand: tc.command, ConnectTimeout: 700 * time.Millisecond,
			}, f.params())
			if !errors.Is(err, hosts.ErrUnreached) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
			if n := f.dialled("10.0.0.1:22"); n != 0 {
				t.Errorf("dialled %d times beside the command", n)
			}
		})
	}
}

// The command of a connection ends with it.
func TestProxyCommandIsReaped(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	file := filepath.Join(t.TempDir(), "pid")
	_, err := f.login(t, Target{
		Name: "web1", Address: "10.0.0.1", User: "ops", SSHConfig: noConfig, ConnectTimeout: 700 * time.Millisecond,
		ProxyCommand: "sh -c 'echo $$ >" + file + "; sleep 600'",
	}, f.params())
	if err == nil {
		t.Fatal("connected")
	}
	pid, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the command is gone", func() bool {
		_, err := os.Stat("/proc/" + strings.TrimSpace(string(pid)))
		return err != nil
	})
}
