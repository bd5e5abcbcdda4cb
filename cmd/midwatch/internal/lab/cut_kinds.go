//go:build lab

package lab

import "strings"

// cutKind is a deploy whose act stands still on a host until it is let go: the way to the host is cut meanwhile.
type cutKind struct {
	name, host string
	body       string // settings of the step "it"
	prepare    string // sh on the host, before the deploy is planned
	seen       string // sh on the host: exit 0 when the effect is there
	times      string // sh on the host: how often what must happen once has happened; "" may be repeated
	// asks says that nobody can tell how the act ended, when its answer is lost: the run may end with these words.
	asks bool
}

const counted = `cat /srv/cut/NAME.count 2>/dev/null | wc -l`

// cutKinds are all kinds of steps that touch a host, spread over three hosts. @ROUND@ is another word each time.
func cutKinds() []cutKind {
	act := func(name, more string) string {
		return `["sh", "-c", "cut-hold ` + name + ` && echo x >>/srv/cut/` + name + `.count` + more + `"]`
	}
	return []cutKind{
		{name: "check", host: "h1", body: "kind = \"check\"\non = \"one\"\ntools = [\"cut-tool>=1\"]", seen: "true"},
		{
			name: "compose", host: "h1", times: `wc -l </srv/cut/compose.began`,
			body: "kind = \"compose\"\non = \"one\"\nop = \"up\"\nproject = \"cutcompose\"\nproject_dir = \"/srv/cut/compose\"\nfiles = [\"docker-compose.yml\"]\nno_build = true\n" +
				"[step.ready]\nstable_for = \"2s\"\nwithin = \"90s\"",
			prepare: `mkdir -p /srv/cut/compose && printf 'services:\n  web:\n    image: lab/svc:health\n    environment: {ROUND: "@ROUND@"}\n' >/srv/cut/compose/docker-compose.yml`,
			seen:    `docker inspect -f '{{.State.Health.Status}} {{.Config.Env}}' cutcompose-web-1 | grep -q 'healthy .*ROUND=@ROUND@'`,
		},
		{
			name: "container", host: "h1", body: "kind = \"container\"\non = \"one\"\nname = \"cutbox\"\nop = \"restart\"",
			prepare: `docker rm -f cutbox >/dev/null 2>&1; docker run -d --name cutbox lab/svc:1 serve >/dev/null`,
			seen:    `docker inspect -f '{{.State.Status}}' cutbox | grep -qx running`,
			times:   `expr $(docker logs cutbox 2>&1 | grep -c 'serving on') - 1`,
		},
		{
			name: "snapshot", host: "h1", body: "kind = \"snapshot\"\non = \"one\"\ncontainers = [\"cut-snapshot\"]",
			prepare: `docker rm -f cut-snapshot >/dev/null 2>&1; docker create --name cut-snapshot lab/svc:1 >/dev/null`,
			seen:    `find /var/lib/midwatch/runs -name snapshot.json | xargs grep -q 'container cut-snapshot.*state=created'`,
		},
		{
			name: "gate", host: "h1", seen: "true", body: "kind = \"gate\"\non = \"one\"\nstable_for = \"2s\"\nwithin = \"9m\"\n" +
				`checks = [{ argv = ["sh", "-c", "echo x >>/srv/cut/gate.began; test -e /srv/cut/go"] }]`,
		},
		{
			name: "http-here", host: "h1", body: "kind = \"http\"\nmethod = \"POST\"\nurl = \"http://@ADDRESS@:8099/http-here\"",
			seen: "test -s /srv/cut/http-here.count", times: counted, asks: true,
		},
		{
			name: "inplace", host: "h1", body: "kind = \"sync\"\non = \"one\"\nfrom = \"cut-tree/\"\nto = \"/srv/cut/inplace\"\nmode = \"inplace\"",
			prepare: "mkdir -p /srv/cut/inplace", seen: "echo '@SUM@  /srv/cut/inplace/big' | sha256sum -c >/dev/null",
		},
		{
			name: "staged", host: "h2", body: "kind = \"sync\"\non = \"one\"\nfrom = \"cut-tree/\"\nto = \"/srv/cut/staged\"\nmode = \"staged\"",
			prepare: "mkdir -p /srv/cut/staged", seen: "echo '@SUM@  /srv/cut/staged/big' | sha256sum -c >/dev/null",
		},
		{name: "command", host: "h2", body: "kind = \"command\"\non = \"one\"\nargv = " + act("command", ""), seen: "test -s /srv/cut/command.count", times: counted},
		{
			name: "migrate", host: "h2", prepare: "echo before-@ROUND@ >/srv/cut/schema", seen: "grep -qx @ROUND@ /srv/cut/schema", times: counted,
			body: "kind = \"migrate\"\non = \"one\"\ncommand = { argv = " + act("migrate", " && echo @ROUND@ >/srv/cut/schema") + " }\nmarker = { argv = [\"cat\", \"/srv/cut/schema\"] }",
		},
		{
			name: "systemd", host: "h2", body: "kind = \"systemd\"\non = \"one\"\nunits = [\"cutunit.service\"]\nop = \"restart\"\ncooldown = \"1s\"\n" +
				"[step.drain]\nstop_start_after = \"9m\"\n[step.settle]\nalive_for = \"2s\"",
			prepare: `printf '[Service]\nExecStart=/bin/sh -c "echo x >>/srv/cut/systemd.count; exec sleep infinity"\nExecStop=/usr/local/bin/cut-hold systemd\nTimeoutStopSec=600\n' >/etc/systemd/system/cutunit.service
systemctl daemon-reload && systemctl restart cutunit && until [ -s /srv/cut/systemd.count ]; do sleep 0.1; done; sleep 1.5`,
			seen: "systemctl is-active -q cutunit", times: `expr $(wc -l </srv/cut/systemd.count) - 1`,
		},
		{
			name: "drain", host: "h2", body: "kind = \"drain\"\non = \"one\"\nquiet = [\"cut-hold\", \"drain\"]\nrestore = [\"true\"]\nbusy = { argv = [\"cat\", \"/srv/cut/drain.busy\"] }",
			prepare: "echo 0 >/srv/cut/drain.busy", seen: "test -s /srv/cut/drain.ended", times: "wc -l </srv/cut/drain.ended",
		},
		{name: "wait", host: "h2", seen: "true", body: "kind = \"wait\"\non = \"one\"\nmax = \"9m\"\nuntil = { argv = [\"cut-hold\", \"wait\"], timeout = \"9m\" }"},
		{
			name: "release", host: "h3", body: "kind = \"sync\"\non = \"one\"\nfrom = \"cut-tree/\"\nto = \"/srv/cut/release\"\nmode = \"release\"",
			prepare: "mkdir -p /srv/cut/release", seen: "cat /srv/cut/release/releases/*/big | sha256sum | grep -q @SUM@",
		},
		{
			name: "swap", host: "h3", body: "kind = \"swap\"\non = \"one\"\nlink = \"/srv/cut/swap/current\"\nto = \"/srv/cut/swap/@ROUND@\"",
			prepare: "mkdir -p /srv/cut/swap/old /srv/cut/swap/@ROUND@ && ln -sfn /srv/cut/swap/old /srv/cut/swap/current",
			seen:    `[ "$(readlink /srv/cut/swap/current)" = /srv/cut/swap/@ROUND@ ]`,
		},
		{
			name: "file", host: "h3", body: "kind = \"file\"\non = \"one\"\ncontent = \"@ROUND@\\n\"\ndst = \"/srv/cut/file/x\"\nvalidate = [\"cut-hold\", \"file\", \"%s\"]",
			prepare: "mkdir -p /srv/cut/file", seen: "grep -qx @ROUND@ /srv/cut/file/x",
		},
		{
			name: "nginx", host: "h3", body: "kind = \"nginx\"\non = \"one\"\nfiles = [{ content = \"server { listen 8098; location / { return 200 @ROUND@; } }\\n\", dst = \"/etc/nginx/conf.d/cut.conf\" }]",
			seen: "curl -s -m 5 http://127.0.0.1:8098/ | grep -qx @ROUND@",
		},
		{name: "verify", host: "h3", seen: "true", body: "kind = \"verify\"\non = \"one\"\nchecks = [{ argv = [\"cut-hold\", \"verify\"], timeout = \"9m\" }]"},
		{
			name: "retain", host: "h3", body: "kind = \"retain\"\non = \"one\"\nkeep = 2\nto = \"/srv/cut/retain\"",
			prepare: "cd /srv/cut && mkdir -p retain/releases && cd retain/releases && for r in a b c d; do mkdir -p $r; sleep 1.1; done; ln -sfn releases/d ../current",
			seen:    "cd /srv/cut/retain/releases && [ ! -e a ] && [ ! -e b ] && [ -d c ] && [ -d d ]",
		},
		{
			name: "group", host: "h3", body: "kind = \"group\"\non = \"one\"\nbatch = { size = 1 }\n[[step.steps]]\nid = \"conf\"\nkind = \"file\"\ncontent = \"@ROUND@\\n\"\ndst = \"/srv/cut/group.conf\"\n" +
				"[[step.steps]]\nid = \"act\"\nkind = \"command\"\nargv = " + act("group", ""),
			seen: "grep -qx @ROUND@ /srv/cut/group.conf && test -s /srv/cut/group.count", times: counted,
		},
		{
			name: "http-on", host: "h3", body: "kind = \"http\"\non = \"one\"\nmethod = \"POST\"\nurl = \"http://127.0.0.1:8099/http-on\"",
			seen: "test -s /srv/cut/http-on.count", times: counted, asks: true,
		},
	}
}

// marker is the name that a kind's act is held under: of the transfers there is one a host.
func (k cutKind) marker() string {
	if strings.Contains(k.body, "kind = \"sync\"") {
		return "sync"
	}
	return k.name
}

// deploy is its name: a lock that could not be given back is in nobody's way.
func (k cutKind) deploy(round string) string { return "cut-" + k.name + "-" + round }

// definition is the deploy of a kind: it is armed, acts, and goes on.
func (k cutKind) definition(round string) string {
	step := func(id, body string) string { return "[[step]]\nid = \"" + id + "\"\n" + body + "\n" }
	return "schema = 1\nname = \"" + k.deploy(round) + "\"\nenv = \"lab\"\non_failure = \"stop\"\n[targets.one]\nhosts = [\"" + k.host + "\"]\n" +
		step("arm", "kind = \"command\"\non = \"one\"\nargv = [\"touch\", \"/srv/cut/"+k.marker()+".armed\"]\nundo = \"none\"") +
		step("it", k.body) +
		step("after", "kind = \"command\"\non = \"one\"\nargv = [\"sh\", \"-c\", \"echo x >>/srv/cut/"+k.name+".after\"]\nundo = \"none\"")
}
