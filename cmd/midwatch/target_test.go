package main

import (
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/inventory"
	"midwatch/hosts/transport"
)

func parse(t *testing.T, text string) *inventory.Inventory {
	t.Helper()
	inv, faults := inventory.Parse("hosts.toml", []byte(text))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return inv
}

func TestJumps(t *testing.T) {
	t.Parallel()
	inv := parse(t, `
[hosts.outer]
address = "outer.example"
user = "gate"
[hosts.bastion]
address = "2001:db8::1"
port = 2222
jump = ["outer"]
[hosts.web]
address = "10.0.0.1"
jump = ["bastion"]
[hosts.deep]
address = "10.0.0.2"
jump = ["bastion", "ops@hop:22"]
[hosts.straight]
address = "10.0.0.3"
jump = []
[hosts.asssh]
address = "10.0.0.4"
`)
	for name, want := range map[string]string{
		"bastion":  "gate@outer.example",
		"web":      "gate@outer.example,[2001:db8::1]:2222",
		"deep":     "gate@outer.example,[2001:db8::1]:2222,ops@hop:22",
		"straight": "none",
		"asssh":    "",
	} {
		h, _ := inv.Host(name)
		if got := jumps(inv, h); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	deep, _ := inv.Host("deep")
	known := jumpTargets(inv, deep)
	if len(known) != 2 || known["[2001:db8::1]:2222"].Name != "bastion" || known["gate@outer.example"].User != "gate" || known["[2001:db8::1]:2222"].Jump != "" {
		t.Errorf("jump hosts of the inventory: %+v", known)
	}
}

func TestTarget(t *testing.T) {
	t.Setenv("MIDWATCH_TEST_PW", "s3cret")
	inv := parse(t, `
[hosts.web]
address = "web-alias"
user = "ops"
port = 2200
sudo = "password"
sudo_password = { env = "MIDWATCH_TEST_PW" }
passphrase = { prompt = true }
max_sessions = 4
ssh_config = "none"
insecure_host_key = true
timeouts = { connect = "3s", command = "4s" }
`)
	h, _ := inv.Host("web")
	got := target(inv, h)
	if got.Alias != "web-alias" || got.Address != "" || got.User != "ops" || got.Port != 2200 || got.Kind != hosts.KindSSH ||
		got.Sudo != transport.SudoPassword || got.MaxSessions != 4 || got.SSHConfig != "none" || !got.InsecureHostKey ||
		got.ConnectTimeout != 3*time.Second || got.CommandTimeout != 4*time.Second {
		t.Errorf("%+v", got)
	}
	if got.Passphrase != nil || got.Password != nil {
		t.Error("what is prompted for, or not configured, is left to the transport's own questions")
	}
	s, err := got.SudoPassword(t.Context())
	if err != nil || s.Reveal() != "s3cret" {
		t.Errorf("sudo password %v, %v", s, err)
	}
}

func TestThroughContext(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]struct {
		kind    hosts.Kind
		alias   string
		user    string
		port    int
		socket  string
		address string
	}{
		"unix:///run/user/1000/docker.sock": {kind: hosts.KindLocal, socket: "/run/user/1000/docker.sock"},
		"ssh://ops@10.0.0.1:2222":           {kind: hosts.KindSSH, alias: "10.0.0.1", user: "ops", port: 2222},
		"ssh://alias":                       {kind: hosts.KindSSH, alias: "alias"},
		"tcp://10.0.0.1:2376":               {kind: hosts.KindDocker, address: "tcp://10.0.0.1:2376"},
	} {
		tg := transport.Target{Kind: hosts.KindDocker}
		d := inventory.Docker{Context: "c"}
		if err := throughContext(&tg, &d, inventory.DockerContext{Name: "c", Host: endpoint}); err != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
		if tg.Kind != want.kind || tg.Alias != want.alias || tg.User != want.user || tg.Port != want.port || d.Socket != want.socket || d.Address != want.address {
			t.Errorf("%s: %+v, %+v", endpoint, tg, d)
		}
	}
	if err := throughContext(new(transport.Target), new(inventory.Docker), inventory.DockerContext{Host: "npipe://x"}); err == nil {
		t.Error("npipe was taken")
	}
}
