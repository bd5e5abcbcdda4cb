package transport

import (
	"log/slog"
	"testing"

	"midwatch/hosts"
	"midwatch/hosts/sshd"
	"midwatch/hosts/transport/conformance"
)

func TestLocalConforms(t *testing.T) {
	t.Parallel()
	conformance.Run(t, conformance.Host{
		Dir: t.TempDir(), Echo: conformance.EchoServers(t),
		Open: func(t *testing.T) hosts.Conn {
			t.Helper()
			return open(t, Target{Name: "here", Kind: hosts.KindLocal}, Params{Log: slog.New(slog.DiscardHandler)})
		},
	})
}

func TestSSHConforms(t *testing.T) {
	t.Parallel()
	for name, conf := range map[string]sshd.Config{
		"as OpenSSH":    {MaxSessions: 4, LeaveRunning: true},
		"ends commands": {MaxSessions: 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFarm(t)
			target := f.plain("10.0.0.1:22", conf)
			conformance.Run(t, conformance.Host{
				Dir: t.TempDir(), Echo: conformance.EchoServers(t),
				Open: func(t *testing.T) hosts.Conn {
					t.Helper()
					return open(t, target, f.params())
				},
			})
		})
	}
}

func TestEndsCommandsIsOneWord(t *testing.T) {
	t.Parallel()
	if endsCommands != sshd.EndsCommands {
		t.Errorf("client looks for %q, server says %q", endsCommands, sshd.EndsCommands)
	}
}
