package inventory

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"midwatch/hosts"
)

// mustParse parses a text that has to be right.
func mustParse(t *testing.T, text string) *Inventory {
	t.Helper()
	inv, faults := Parse("hosts.toml", []byte(text))
	if len(faults) > 0 {
		t.Fatalf("faults in a valid inventory:\n%v", faults)
	}
	return inv
}

func TestFaults(t *testing.T) {
	t.Parallel()
	// ok is a valid host that every text may lean on.
	const ok = "\n[hosts.ok]\naddress = \"10.0.0.1\"\n"
	tests := map[string]struct {
		text string
		want []string // whole faults, without the file
	}{
		"nothing": {"", []string{": no hosts, want at least one [hosts.NAME] with an address"}},
		"unknown keys, each with what was meant": {
			"[host.a]\naddress = \"x\"\n[hosts.b]\nadress = \"10.0.0.2\"\naddress = \"10.0.0.2\"\n[hosts.b.docker]\nsocket_path = \"/x\"\n[defualts]\nuser = \"x\"\n",
			[]string{
				`:1: unknown key "host", did you mean "hosts"?`,
				`:4: unknown key "adress" in hosts.b, did you mean "address"?`,
				`:7: unknown key "socket_path" in hosts.b.docker, known are address, ca, cert, context, key, socket, sudo`,
				`:8: unknown key "defualts", did you mean "defaults"?`,
			},
		},
		"wrong types": {
			"[hosts.a]\naddress = 7\nport = \"22\"\nproduction = \"yes\"\ngroups = { a = 1 }\nidentity_files = [1, \"\"]\ntimeouts = 3\nintervals = { refresh = 5 }\n",
			[]string{
				`:2: hosts.a.address is a whole number, want text such as "192.168.68.113"`,
				`:3: hosts.a.port is text, want a whole number such as 22`,
				`:4: hosts.a.production is text, want true or false, without quotes`,
				`:5: hosts.a.groups is a table, want a list of texts such as ["production"]`,
				`:6: hosts.a.identity_files[0] is a whole number, want text such as "~/.ssh/id_ed25519"`,
				`:6: hosts.a.identity_files[1] is "", want text such as "~/.ssh/id_ed25519"`,
				`:7: hosts.a.timeouts is a whole number, want a table such as { connect = "10s" }`,
				`:8: hosts.a.intervals.refresh is a whole number, want a duration in quotes such as "5s"`,
			},
		},
		"durations": {
			ok + "timeouts = { connect = \"10\", command = \"1ms\", keepalive = \"fast\" }\n",
			[]string{
				`:4: hosts.ok.timeouts.connect is "10", which is no duration, want a number with ms, s, m or h such as "10s"`,
				`:4: hosts.ok.timeouts.command is 1ms, want 100ms to 10m`,
				`:4: hosts.ok.timeouts.keepalive is "fast", which is no duration, want a number with ms, s, m or h such as "8s"`,
			},
		},
		"dangling references": {
			"[groups.edge]\nparents = [\"prod\"]\n[hosts.web1]\naddress = \"10.0.0.1\"\ngroups = [\"egde\"]\njump = [\"wbe1\"]\n[probes.p]\nurl = \"http://x/\"\nfrom = \"web2\"\n[logs.l]\nsources = [{ host = \"web3\", unit = \"a.service\" }, { group = \"core\", journal = true }]\n",
			[]string{
				`:2: groups.edge.parents[0] names the group "prod", which is not defined, known are edge`,
				`:5: hosts.web1.groups[0] names the group "egde", which is not defined, did you mean "edge"?`,
				`:6: hosts.web1.jump[0] names "wbe1", which is no host here, did you mean "web1"? an ssh destination is written user@host`,
				`:9: probes.p.from names the host "web2", which is not defined, did you mean "web1"?`,
				`:11: logs.l.sources[0].host names the host "web3", which is not defined, did you mean "web1"?`,
				`:11: logs.l.sources[1].group names the group "core", which is not defined, known are edge`,
			},
		},
		"names of fields": {
			ok + "[logs.fields]\nlvel = \"sev\"\ntime = 3\nmessage = [\"\"]\n[logs.shop]\nsources = [{ container = \"x\" }]\nfields = \"sev\"\n[logs.two]\nsources = [{ container = \"x\" }]\nfields = { mesage = \"m\" }\n",
			[]string{
				`:5: unknown key "lvel" in logs.fields, did you mean "level"?`,
				`:6: logs.fields.time is a whole number, want a list of texts such as ["when"]`,
				`:7: logs.fields.message[0] is "", want text such as "body"`,
				`:10: logs.shop.fields is text, want a table such as { time = "when", level = "sev", message = "body", request = "cid" }`,
				`:13: unknown key "mesage" in logs.two.fields, did you mean "message"?`,
			},
		},
		"circles": {
			"[groups.a]\nparents = [\"b\"]\n[groups.b]\nparents = [\"a\"]\n[hosts.x]\naddress = \"x\"\njump = [\"y\"]\n[hosts.y]\naddress = \"y\"\njump = [\"x\"]\n[hosts.z]\naddress = \"z\"\njump = [\"x\"]\n",
			[]string{
				`:2: group "a" contains itself through "b", remove one of the parents`,
				`:4: group "b" contains itself through "a", remove one of the parents`,
				`:5: the way to "x" leads through itself: x → y → x, remove one of the jumps`,
				`:8: the way to "y" leads through itself: y → x → y, remove one of the jumps`,
			},
		},
		"duplicates, the rest is still read": {
			"[hosts.a]\naddress = \"10.0.0.1\"\nport = 1\nport = 2\n[hosts.a]\naddress = \"10.0.0.2\"\nusr = \"x\"\n[hosts.b]\naddress = \"b\"\nuesr = \"x\"\n",
			[]string{
				`:4: hosts.a.port is defined twice, keep one of the two`,
				`:5: hosts.a is defined twice, keep one of the two`,
				`:10: unknown key "uesr" in hosts.b, did you mean "user"?`,
			},
		},
		"duplicates in a list": {
			"[[hosts]]\nname = \"a\"\naddress = \"x\"\n[[hosts]]\nname = \"a\"\naddress = \"y\"\n[[hosts]]\naddress = \"z\"\n",
			[]string{
				`:4: hosts "a" is named twice, the first is on line 1`,
				`:7: hosts[2] has no name, want name = "…"`,
			},
		},
		"no TOML, twice, and another fault": {
			"[hosts.a]\naddress = 10.0.0.1\nuser = \"ops\nport = 99999\n",
			[]string{
				`:2: not TOML: Invalid float value: "10.0.0.1", at: "address = 10.0.0.1"`,
				`:3: not TOML: strings cannot contain newlines, at: "user = \"ops"`,
				`:4: hosts.a.port is 99999, want 1 to 65535`,
			},
		},
		"secrets in plain text": {
			ok + "password = \"hunter2\"\nsudo_password = { env = \"A\", file = \"b\" }\npassphrase = {}\n[hosts.ok.dokploy]\nurl = \"http://u:hunter2@h/\"\ntoken = \"hunter2\"\n",
			[]string{
				`:4: hosts.ok.password is a secret in plain text, which is refused, ` + secretAdvice,
				`:5: hosts.ok.sudo_password names 2 sources, want exactly one of env, file, cmd, prompt, agent`,
				`:6: hosts.ok.passphrase names 0 sources, want exactly one of env, file, cmd, prompt, agent`,
				`:8: hosts.ok.dokploy.url holds a login, leave it out of the URL and name its source: ` + secretAdvice,
				`:9: hosts.ok.dokploy.token is a secret in plain text, which is refused, ` + secretAdvice,
			},
		},
		"addresses": {
			"[hosts.a]\naddress = \"ops@10.0.0.1\"\n[hosts.b]\naddress = \"10.0.0.1:22\"\n[hosts.c]\naddress = \"-oProxyCommand=x\"\n[hosts.d]\nkind = \"local\"\naddress = \"x\"\n[hosts.e]\nkind = \"docker\"\n[hosts.f]\naddress = \"f\"\njump = [\"a b\", \"u@h:0\"]\n",
			[]string{
				`:2: hosts.a.address holds a user, want address = "10.0.0.1" and user = "ops"`,
				`:4: hosts.b.address holds a port, want address = "10.0.0.1" and port = 22`,
				`:6: hosts.c.address is "-oProxyCommand=x", want an IP address, a host name or an ssh alias`,
				`:9: host "d" is local and has an address, leave the address out`,
				`:10: host "e" is of kind docker and names no engine, want docker = { address = "tcp://HOST:2376", ca = …, cert = …, key = … } or { context = "NAME" }`,
				`:14: hosts.f.jump[0] is "a b", want the name of a host here, or [user@]host[:port]`,
				`:14: hosts.f.jump[1] is "u@h:0", want a port from 1 to 65535 behind the colon`,
			},
		},
		"endpoints": {
			ok + "docker = { socket = \"run/docker.sock\", context = \"x\" }\nenvoy = { admin = \"9901\", control_plane = \"ftp://x\" }\ntraefik = {}\nnginx = [{ config = \"nginx.conf\" }, 3]\n[hosts.tcp]\nkind = \"docker\"\ndocker = { address = \"tcp://10.0.0.1:2375\", cert = \"x\" }\n[hosts.bare]\nkind = \"docker\"\ndocker = { address = \"tcp://10.0.0.1:2375\" }\n",
			[]string{
				`:4: hosts.ok.docker.socket is "run/docker.sock", want an absolute path such as "/var/run/docker.sock"`,
				`:4: hosts.ok.docker names more than one of socket, address and context, keep one`,
				`:5: hosts.ok.envoy.admin is "9901", want HOST:PORT such as "127.0.0.1:9901"; IPv6 addresses go in brackets`,
				`:5: hosts.ok.envoy.control_plane is no URL, want http:// or https:// and a host such as "http://127.0.0.1:8090"`,
				`:6: hosts.ok.traefik names neither api nor container, want api = "http://127.0.0.1:8080"`,
				`:7: hosts.ok.nginx[1] is a whole number, want a table such as { container = "ai_unified_frontend" }`,
				`:7: hosts.ok.nginx[0].config is "nginx.conf", want an absolute path such as "/etc/nginx/nginx.conf"`,
				`:10: hosts.tcp.docker has only one of cert and key, want both, or neither`,
				`:13: hosts.bare.docker is reached without TLS, an engine without TLS gives root to everyone who reaches it: want ca, cert and key, or the socket over ssh`,
			},
		},
		"probes": {
			ok + "[probes.none]\n[probes.two]\nurl = \"http://x/\"\ntcp = \"x:1\"\n[probes.tcp]\ntcp = \"x:70000\"\nexpect_status = 200\n[probes.status]\nurl = \"http://x:0/\"\nexpect_status = [200, \"9xx\", 99, \"300-200\"]\nkind = \"redy\"\ninterval = \"1s\"\n",
			[]string{
				`:4: probe "none" asks nothing, want one of url, tcp, tls`,
				`:5: probe "two" has url, tcp, want one; endpoints of one service are probes with the same service`,
				`:9: probes.tcp.tcp has the port "70000", want 1 to 65535`,
				`:10: probes.tcp.expect_status goes with url only, remove it`,
				`:11: probe "status" has a timeout of 5s and an interval of 1s, want a timeout no longer than the interval`,
				`:12: probes.status.url has the port "0", want 1 to 65535`,
				`:13: probes.status.expect_status holds "9xx", want a status such as 200, "2xx" or "200-399"`,
				`:13: probes.status.expect_status holds 99, want a status such as 200, "2xx" or "200-399"`,
				`:13: probes.status.expect_status holds "300-200", want a status such as 200, "2xx" or "200-399"`,
				`:14: probes.status.kind is "redy", did you mean "ready"?`,
			},
		},
		"units and logs": {
			ok + "[[hosts.ok.systemd.units]]\nmatch = \"worker@*\"\nports = [0, \"x\"]\n[[hosts.ok.systemd.units]]\nrestart = \"kill\"\n[logs.empty]\n[logs.two]\nsources = [{ unit = \"a.service\", container = \"b\" }, { file = \"x.log\" }, {}]\n",
			[]string{
				`:5: hosts.ok.systemd.units[0].match is "worker@*", which names no type of unit, want "worker@*.service"`,
				`:6: hosts.ok.systemd.units[0].ports holds 0, want port numbers such as [3000, 4567]`,
				`:6: hosts.ok.systemd.units[0].ports holds "x", want port numbers such as [3000, 4567]`,
				`:7: hosts.ok.systemd.units[1] has no match, want match = "powernode-worker@*.service"`,
				`:8: hosts.ok.systemd.units[1].restart is "kill", want one of restart, stop-start, reload`,
				`:9: log "empty" has no sources, want sources = [{ host = "web1", unit = "nginx.service" }]`,
				`:11: logs.two.sources[0] names 2 sources, want exactly one of container, unit, file, journal = true, events = true, probes = true`,
				`:11: logs.two.sources[1].file is "x.log", want an absolute path such as "/var/log/nginx/error.log"`,
				`:11: logs.two.sources[2] names 0 sources, want exactly one of container, unit, file, journal = true, events = true, probes = true`,
			},
		},
		"names": {
			"[hosts.\"a b\"]\naddress = \"x\"\n[hosts.here]\naddress = \"x\"\n[hosts.\"a/b\"]\naddress = \"x\"\n[hosts.\"\\u001b[2J\"]\naddress = \"x\"\n" + ok,
			[]string{
				`:1: name "a b" in hosts holds ' ', want letters, digits, '-', '_' and '.'`,
				`:3: name "here" in hosts is taken: it means this machine as the place a probe is made from, want letters, digits, '-', '_' and '.'`,
				`:5: name "a/b" in hosts holds '/', want letters, digits, '-', '_' and '.'`,
				`:7: name "\x1b[2J" in hosts holds '\x1b', want letters, digits, '-', '_' and '.'`,
			},
		},
		"sudo and console": {
			ok + "sudo = \"password\"\n[console]\ntheme = \"drak\"\nlease = \"1s\"\n",
			[]string{
				`:4: host "ok" uses sudo with a password and says not where the password comes from, want sudo_password = { prompt = true }, { env = …}, { file = … } or { cmd = [...] }`,
				`:6: console.theme is "drak", did you mean "dark"?`,
				`:7: console.lease is 1s, want 1m to 8h`,
			},
		},
		"runs": {
			ok + "environment = \"staging\"\n[runs]\nyes = [\"stagin\", \"staging\"]\nroot = \"var\"\nyse = 1\n",
			[]string{
				`:6: runs.yes[0] is "stagin", the environment of no host, did you mean "staging"?`,
				`:7: runs.root is "var", want an absolute path such as "/var/lib/midwatch"`,
				`:8: unknown key "yse" in runs, did you mean "yes"?`,
			},
		},
		"a fault in a group is told once": {
			"[groups.g]\nport = 0\n[hosts.a]\naddress = \"a\"\ngroups = [\"g\"]\n[hosts.b]\naddress = \"b\"\ngroups = [\"g\"]\n",
			[]string{`:2: groups.g.port is 0, want 1 to 65535`},
		},
		"a secret that breaks the text is not repeated": {
			"[hosts.a]\naddress = \"x\"\npassword = hunter2\nsudo_password = \"hunter2\n",
			[]string{
				`:3: not TOML, on a line that names a secret, ` + secretAdvice,
				`:4: not TOML, on a line that names a secret, ` + secretAdvice,
			},
		},
		"control characters": {
			"[hosts.a]\naddress = \"x\\ny\"\nuser = \"a\\u0000\"\n",
			[]string{
				`:2: hosts.a.address holds the control character '\n', want plain text on one line`,
				`:3: hosts.a.user holds the control character '\x00', want plain text on one line`,
			},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inv, faults := Parse("hosts.toml", []byte(tc.text))
			if inv == nil {
				t.Fatal("no inventory")
			}
			var got []string
			for _, f := range faults {
				got = append(got, strings.TrimPrefix(f.String(), "hosts.toml"))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestInheritance(t *testing.T) {
	t.Parallel()
	inv := mustParse(t, `
[defaults]
user = "nobody"
port = 2222
jump = ["bastion"]
labels = { team = "none", site = "ams" }
timeouts = { connect = "1s", command = "2s" }
[groups.base]
user = "base"
labels = { team = "base", tier = "1" }
[groups.edge]
parents = ["base"]
labels = { role = "edge" }
[groups.prod]
environment = "production"
user = "prod"
[hosts.web]
address = "10.0.0.1"
groups = ["edge", "prod"]
labels = { role = "web" }
timeouts = { command = "9s" }
[hosts.bastion]
address = "10.0.0.2"
[hosts.free]
address = "10.0.0.3"
jump = []
production = false
environment = "production"
`)
	web, _ := inv.Host("web")
	if web.User != "base" || web.SSH.Port != 2222 || !web.Production {
		t.Errorf("user %q port %d production %v, want base (a parent of the first group), 2222 (defaults), true", web.User, web.SSH.Port, web.Production)
	}
	if diff := cmp.Diff([]string{"edge", "base", "prod"}, web.Groups); diff != "" {
		t.Errorf("groups: %s", diff)
	}
	if diff := cmp.Diff(map[string]string{"role": "web", "team": "base", "tier": "1", "site": "ams"}, web.Labels); diff != "" {
		t.Errorf("labels: %s", diff)
	}
	if web.Timeouts.Connect != time.Second || web.Timeouts.Command != 9*time.Second || web.Timeouts.Keepalive != 8*time.Second {
		t.Errorf("timeouts are merged key by key, got %+v", web.Timeouts)
	}
	if diff := cmp.Diff([]Jump{{Host: "bastion"}}, web.SSH.Jump); diff != "" {
		t.Errorf("jump: %s", diff)
	}
	bastion, _ := inv.Host("bastion")
	if len(bastion.SSH.Jump) != 0 || !bastion.SSH.NoJump {
		t.Errorf("the bastion inherited a jump through itself: %+v", bastion.SSH.Jump)
	}
	free, _ := inv.Host("free")
	if !free.SSH.NoJump || free.Production {
		t.Errorf("jump = [] and production = false are kept: %+v", free)
	}
}

func TestHostsKeepTheOrderOfTheFile(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"[hosts.zeta]\naddress=\"z\"\n[hosts.alpha]\naddress=\"a\"\n[hosts.mid]\naddress=\"m\"\n",
		"[[hosts]]\nname=\"zeta\"\naddress=\"z\"\n[[hosts]]\nname=\"alpha\"\naddress=\"a\"\n[[hosts]]\nname=\"mid\"\naddress=\"m\"\n",
		"hosts.zeta.address=\"z\"\nhosts.alpha.address=\"a\"\nhosts.mid.address=\"m\"\n",
	} {
		var got []string
		for _, h := range mustParse(t, text).Hosts {
			got = append(got, h.Name)
		}
		if diff := cmp.Diff([]string{"zeta", "alpha", "mid"}, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestDefaultIsThisMachine(t *testing.T) {
	t.Parallel()
	inv := Default()
	if len(inv.Hosts) != 1 || inv.Hosts[0].Kind != hosts.KindLocal || inv.Hosts[0].Timeouts.Connect == 0 {
		t.Errorf("%+v", inv.Hosts)
	}
}
