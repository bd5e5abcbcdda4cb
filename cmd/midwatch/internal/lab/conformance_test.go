//go:build lab

package lab

import (
	"log/slog"
	"strings"
	"testing"

	"midwatch/hosts"
	"midwatch/hosts/transport"
	"midwatch/hosts/transport/conformance"
)

// A real OpenSSH over a real network passes what the local machine and the server of our tests pass:
// as it comes, with four sessions on a connection, and behind a jump host.
func TestRealSSHConforms(t *testing.T) {
	l := Open(t)
	echo := map[string]string{"tcp": "127.0.0.1:7007", "unix": "/run/labecho.sock"}
	for name, h := range map[string]conformance.Host{
		"h1": {Echo: echo},
		"h2": {Echo: echo},
		// h3 forwards no unix sockets; its TCP is like the others'.
		"h3":    {Echo: map[string]string{"tcp": echo["tcp"]}},
		"inner": {Echo: echo},
	} {
		t.Run(name, func(t *testing.T) {
			h.Dir = strings.TrimSpace(l.Exec(t, name, "mktemp", "-d"))
			after(t, l.execArgv(t, name, "rm", "-rf", h.Dir)...)
			h.Open = func(t *testing.T) hosts.Conn {
				t.Helper()
				return transport.Open(t.Context(), transport.Target{
					Name: name, Kind: hosts.KindSSH, Alias: name, SSHConfig: l.Path("ssh_config"), Sudo: transport.SudoRoot,
				}, transport.Params{Log: slog.New(slog.DiscardHandler)})
			}
			conformance.Run(t, h)
		})
	}
}
