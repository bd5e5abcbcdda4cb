package deploy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// parsed is a file of testdata, parsed; it has to be right.
func parsed(t *testing.T, name string) *Definition {
	t.Helper()
	def, err := LoadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatalf("faults in a valid definition:\n%v", err)
	}
	return def
}

func TestExamples(t *testing.T) {
	t.Parallel()
	hub := parsed(t, "hub.toml")
	if got, want := strings.Join(hub.IDs(), " "), "preflight sync build agreed up inside edge verify tidy"; got != want {
		t.Errorf("steps %q, want %q", got, want)
	}
	up := hub.Find("up")
	c, ok := up.Settings.(*Compose)
	if !ok || c.Project != "hub" || c.ProjectDir != "${vars.root}" || len(c.Files) != 2 || !c.NoBuild || c.Ready.StableFor != 10*time.Second {
		t.Errorf("up takes over the project of build, got %+v", up.Settings)
	}
	if !up.Gate || !up.PointOfNoReturn || up.Phase != "switch" || hub.Phases["switch"] != "Switch" {
		t.Errorf("up: %+v", up)
	}
	if r := hub.Find("build").Retry; r != (Retry{Attempts: 2, Delay: 10 * time.Second}) {
		t.Errorf("retry %+v", r)
	}
	if s := hub.Find("sync").Settings.(*Sync); s.Delete != (Delete{true, 200, 25}) {
		t.Errorf("delete %+v", s.Delete)
	}
	if p := hub.Find("preflight").Settings.(*Check); p.PortOwner[0].Port != "8002" || p.DiskFree[0].Min != "6GiB" {
		t.Errorf("check %+v", p)
	}
	if g := hub.Find("agreed"); g.On != "" || !g.Local || g.Timeout != 30*time.Minute {
		t.Errorf("approve %+v", g)
	}

	fleet := parsed(t, "fleet.toml")
	want := "test push roll roll.swap roll.workers roll.front roll.host-ok register dialler smoke"
	if got := strings.Join(fleet.IDs(), " "); got != want {
		t.Errorf("steps %q, want %q", got, want)
	}
	w := fleet.Find("roll.workers")
	s := w.Settings.(*Systemd)
	if w.On != "core" || s.Drain.Busy.Number != "active_calls" || s.Settle.AliveFor != 20*time.Second || !s.OneByOne {
		t.Errorf("workers %+v %+v", w, s)
	}
	if b := fleet.Find("roll").Batch; b != (Batch{Canary: 1, Size: 1, Pause: time.Minute}) {
		t.Errorf("batch %+v", b)
	}
	if u := fleet.Find("dialler").Undo; u.Mode != "command" || len(u.Argv) != 3 || u.Note != "calls are lost" {
		t.Errorf("undo %+v", u)
	}
	if fleet.Targets["core"].HostVars["core-3"]["workers"] != "4" || fleet.Secrets["api"].JSON != "value" {
		t.Errorf("targets %+v secrets %+v", fleet.Targets, fleet.Secrets)
	}
	if fleet.Find("test").Undo.Mode != "none" || fleet.Find("nothing") != nil {
		t.Error("undo = none is kept, and nothing is found by a wrong name")
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	// head is what every definition has, on lines 1 to 9.
	const head = `name = "x"
env = "staging"
[vars]
tag = "v1"
[targets.web]
hosts = ["a", "b"]
[secrets.api]
from = "env"
env = "API"
`
	cmdStep := func(extra string) string {
		return head + "[[step]]\nid = \"s\"\nkind = \"command\"\non = \"web\"\n" + extra
	}
	tests := map[string]struct {
		text string
		want []string // whole faults, without the file
	}{
		"nothing": {"", []string{
			": no name, want name = \"cortex-hub\"", ": no env, want env = \"production\"",
			": no steps, want at least one [[step]] with an id and a kind",
		}},
		"unknown keys, of a step and of its settings": {
			cmdStep("argv = [\"true\"]\ntimout = \"1s\"\nrepaet = \"safe\"\n[stpe]\n"),
			[]string{
				`:15: unknown key "timout" in step[0], did you mean "timeout"?`,
				`:16: unknown key "repaet" in step[0], did you mean "repeat"?`,
				`:17: unknown key "stpe", did you mean "step"?`,
			},
		},
		"kinds": {
			head + "[[step]]\nid = \"a\"\nkind = \"comand\"\nargv = [\"x\"]\n[[step]]\nid = \"b\"\n",
			[]string{`:12: step[0].kind is "comand", which is no kind of step, did you mean "command"?`, `:14: step[1] has no kind, want one of approve, check, command, compose, container, drain, envoy, file, gate, group, http, migrate, …`},
		},
		"a secret where it would be seen": {
			cmdStep("argv = [\"login\", \"-p\", \"${secret.api}\"]\nwhen = \"${secret.api}\"\ntitle = \"${secret.api}\"\nundo = [\"x\", \"${secret.api}\"]\nenv = { TOKEN = \"${secret.api}\" }\nstdin = \"${secret.apy}\"\neffect = \"${secret.api}\"\n[[step]]\nid = \"h\"\nkind = \"http\"\nurl = \"https://x/${secret.api}\"\nheader = { Authorization = \"Bearer ${secret.api}\" }\n"),
			[]string{
				`:14: step[0].argv[2]: ${secret.api} cannot go here: it would be seen in argv, logs or on the screen, secrets go into env, stdin, header, body, json, content or bearer`,
				`:15: step[0].when: ${secret.api} cannot go here: it would be seen in argv, logs or on the screen, secrets go into env, stdin, header, body, json, content or bearer`,
				`:16: step[0].title holds an expression, titles are shown everywhere and are taken as they are written`,
				`:17: step[0].undo[1]: ${secret.api} cannot go here: it would be seen in argv, logs or on the screen, secrets go into env, stdin, header, body, json, content or bearer`,
				`:19: step[0].stdin: secret "apy" is not defined in [secrets], did you mean "api"?`,
				`:20: step[0].effect holds an expression, and is taken as it is written, write the value itself`,
				`:24: step[1].url: ${secret.api} cannot go here: it would be seen in argv, logs or on the screen, secrets go into env, stdin, header, body, json, content or bearer`,
			},
		},
		"expressions": {
			cmdStep("argv = [\"${vars.tga}\", \"${env.HOME}\", \"${steps.late.outputs.x}\", \"${host.name}\", \"${host.workers}\", \"${vars.tag\", \"$${literal}\", \"${var.tag}\", \"${unit.instance}\", \"${s.x}\"]\n[[step]]\nid = \"late\"\nkind = \"command\"\nlocal = true\nargv = [\"${host.name}\", \"${steps.s.outputs.id}\", \"${first(steps.s.outputs.nr)}\", \"${steps.s.outputs.nr[c]}\"]\n"),
			[]string{
				`:14: step[0].argv[1]: ${env.HOME}, the environment is not read: make it a variable, or a secret from = "env"`,
				`:14: step[0].argv[5]: "${vars.tag" is not closed, want ${vars.NAME} and the like; a literal ${ is written $${`,
				`:14: step[0].argv[7]: ${var.tag} is no expression, did you mean "vars"?`,
				`:14: step[0].argv[9]: ${s.x} is no expression, known are vars, host, run, steps, secret; a literal ${ is written $${`,
				`:14: step[0].argv[0]: ${vars.tga} is not defined in [vars], did you mean "tag"?`,
				`:14: step "s" reads an output of "late", which comes later, steps run in the order of the file: move it, or step "late"`,
				`:14: step[0].argv[4]: ${host.workers} is not defined in [targets.web.host_vars], known are name`,
				`:14: step[0].argv[8]: ${unit.instance} is known in steps of kind systemd only, write the name of the unit`,
				`:19: step[1].argv[0]: ${host.name} means nothing on this machine, step "late" runs here: name a target, or write the value`,
				`:19: step[1].argv[1]: step "s" has no output "id", there is none`,
				`:19: step[1].argv[1]: step "s" has an output for every host of "web", want ${first(steps.s.outputs.id)}, or one host: ${steps.s.outputs.id[HOST]}`,
				`:19: step[1].argv[2]: step "s" has no output "nr", there is none`,
				`:19: step[1].argv[3]: step "s" has no output "nr", there is none`,
				`:19: step[1].argv[3]: step "s" does not run on "c", did you mean "a"?`,
			},
		},
		"ids, targets, order": {
			head + "[[step]]\nid = \"a\"\nkind = \"swap\"\non = \"wbe\"\nlink = \"/srv/x/current\"\nneeds = [\"b\", \"a\", \"q\"]\n[[step]]\nid = \"a\"\nkind = \"swap\"\nlink = \"current\"\n[[step]]\nkind = \"gate\"\nchecks = []\nphase = \"x\"\n[[step]]\nid = \"a b\"\nkind = \"compose\"\non = \"web\"\nlocal = true\nop = \"up\"\nlike = \"a\"\n[[step]]\nid = \"b\"\nkind = \"approve\"\nbatch = { size = 1 }\nshow = [\"diff:c\"]\n",
			[]string{
				`:13: step "a" is on "wbe", which is no target, did you mean "web"?`,
				`:15: step "a" needs "b", which comes later, steps run in the order of the file: move it, or step "b"`,
				`:15: step "a" needs "a", which is itself, name a step before it`,
				`:15: step "a" needs "q", which is no step, did you mean "a"?`,
				`:16: step "a" says not where it runs, want on = a target, or local = true for this machine`,
				`:17: id "a" is used twice, the first is on line 11`,
				`:19: step[1].link is "current", want an absolute path without "..", such as "/srv/app"`,
				`:20: step[2] has no id, want id = "build"`,
				`:23: step[2].phase is "x", which is no phase, there is none`,
				`:25: id "a b" cannot be the name of a directory, want up to 64 letters, digits, '-' and '_'`,
				`:28: step "a b" is on "web" and local, keep one of the two`,
				`:30: step "a b" is like "a", which is of kind "swap", name a step of kind compose`,
				`:34: step "b" runs on this machine only, remove batch, or name a target`,
				`:35: step "b" shows diff of "c", which is no step, did you mean "a"?`,
			},
		},
		"what is copied over nothing": {
			head + "[[step]]\nid = \"a\"\nkind = \"sync\"\non = \"web\"\nfrom = \"./\"\nto = \"/srv/\"\n[[step]]\nid = \"b\"\nkind = \"sync\"\non = \"web\"\nfrom = \"./\"\nto = \"/home/ann\"\nmode = \"stagd\"\nshared = [\"x\"]\n[[step]]\nid = \"c\"\nkind = \"sync\"\non = \"web\"\nfrom = \"\"\nto = \"/srv/../etc\"\nmode = \"release\"\ndelete = { enabled = true, max = 1, confirm_over = 2 }\n",
			[]string{
				`:15: step[0].to is "/srv/", which is a directory of the system, want a directory of the application's own, such as /srv/app`,
				`:21: step[1].to is "/home/ann", which is the home of a user, want a directory of the application's own, such as /srv/app`,
				`:22: step[1].mode is "stagd", did you mean "staged"?`,
				`:23: step "b": shared goes with mode = "release" only, remove it`,
				`:28: step[2].from is empty, want from = "./"`,
				`:29: step[2].to is "/srv/../etc", want an absolute path without "..", such as "/srv/app"`,
				`:29: step[2].to is "/srv/../etc", which is a directory of the system, want a directory of the application's own, such as /srv/app`,
				`:31: step "c": delete goes with mode = "staged" or "inplace" only, remove it`,
				`:31: delete.confirm_over is 2 and more than 1 are refused, want it below delete.max`,
			},
		},
		"values": {
			cmdStep("argv = []\ntimeout = \"5\"\nexit = [\"0\"]\nmatch = \"(\"\noutputs = { a = \"x\", b = \"json:k\" }\nrepeat = \"always\"\nretry = { attempts = 0 }\nbatch = { canary = 3, size = 1, percent = 10, max_failures = 2 }\n"),
			[]string{
				`:14: step[0].argv is empty, want argv = ["make", "release"]`,
				`:15: step[0].timeout is "5", which is no duration, want a number with ms, s, m or h such as "1s"`,
				`:16: step[0].exit[0] is text, want a whole number, without quotes`,
				"" + `:17: step[0].match is no regular expression ("missing closing ): ` + "`" + `(` + "`" + `"), want RE2 syntax, in single quotes`,
				`:18: step[0].outputs.a has 0 groups, want one group around the value, or "json:KEY"`,
				`:19: step[0].repeat is "always", want one of safe, never`,
				`:20: step[0].retry.attempts is 0, want 1 to 100`,
				`:21: step[0].batch has size and percent, keep one of the two`,
				`:21: step[0].batch.canary is 3, and target "web" has 2 hosts, want at most 2`,
			},
		},
		"batches that do not add up": {
			cmdStep("argv = [\"x\"]\nbatch = { canary = 1, size = 2, max_failures = 0 }\n[[step]]\nid = \"t\"\nkind = \"command\"\non = \"web\"\nargv = [\"x\"]\nbatch = { max_failures = 2 }\n"),
			[]string{
				`:15: step[0].batch.size is 2, and 1 hosts of target "web" are left behind the canary, want at most 1`,
				`:21: step[1].batch.max_failures is 2, and target "web" has 2 hosts, a step that failed everywhere would count as done`,
			},
		},
		"probes": {
			head + "[[step]]\nid = \"g\"\nkind = \"gate\"\non = \"web\"\nstable_for = \"2m\"\nwithin = \"1m\"\nmanual = [\"x\"]\nchecks = [\n{ },\n{ tcp = \"a:1\", http = \"http://a\" },\n{ tcp = \"a:1\", status = 200 },\n{ log = \"c\", since = \"step:nope\", must_not = '[' },\n{ http = \"http://a\", from = \"there\", status = 20 },\n]\n",
			[]string{
				`:14: step[0].stable_for is 2m, longer than within = 1m, want stable_for to be the shorter`,
				`:16: step "g": manual goes with kind = "verify" only, remove it`,
				`:18: step[0].checks[0] looks at nothing, want one of http, tcp, argv, log, unit`,
				`:19: step[0].checks[1] looks at http, tcp, want one; make another probe of the other`,
				`:20: step[0].checks[2].status goes with http only, remove it`,
				"" + `:21: step[0].checks[3].must_not is no regular expression ("missing closing ]: ` + "`[`" + `"), want RE2 syntax, in single quotes`,
				`:21: step "g" looks at a log since "nope", which is no step, there is none`,
				`:22: step[0].checks[4].status is 20, want at least 100`,
				`:22: step[0].checks[4].from is "there", did you mean "here"?`,
			},
		},
		"systemd": {
			head + "[[step]]\nid = \"u\"\nkind = \"systemd\"\non = \"web\"\nop = \"signal\"\nunits = [\"x@{8..1}.service\", \"y@{1..}.service\"]\ndrain = { busy = { http = \"http://a\" }, then = \"kill\" }\n[[step]]\nid = \"v\"\nkind = \"systemd\"\non = \"web\"\nop = \"restart\"\nproof_log = \"up\"\n",
			[]string{
				`:10: step "u" has no signal, want signal = …`,
				`:15: step[0].units[0]: "x@{8..1}.service", {8..1} is empty: the second number is the smaller`,
				`:15: step[0].units[1]: "y@{1..}.service", {1..} is no range: want numbers such as {1..8}`,
				`:16: step[0].drain.then is "kill", want one of ask, force, skip`,
				`:16: step[0].drain.busy does not say which number counts, want json = "active_calls", the path of the number in the answer`,
				`:17: step "v" has no units, want units = …`,
				`:22: step "v": proof_log goes with op = "signal" or "reload" only, remove it`,
			},
		},
		"secrets": {
			"name = \"x\"\nenv = \"s\"\n[secrets.a]\nvalue = \"hunter2\"\n[secrets.b]\nfrom = \"file\"\nargv = [\"x\"]\n[secrets.c]\nfrom = \"keyrnig\"\n[[step]]\nid = \"n\"\nkind = \"notify\"\nurl = \"https://x/${secret.b}\"\n",
			[]string{
				`:3: secret "a" says not where it comes from, want from = "env", "file", "command", "prompt" or "keyring"`,
				`:4: secrets.a.value is a secret in plain text, which is refused, want from = "env", "file", "command", "prompt" or "keyring"`,
				`:5: secret "b" is from "file" and has no path, want path = …`,
				`:7: secrets.b.argv does not go with from = "file", remove it`,
				`:9: secrets.c.from is "keyrnig", did you mean "keyring"?`,
			},
		},
		"groups": {
			head + "[[step]]\nid = \"g\"\nkind = \"group\"\non = \"web\"\n[[step.steps]]\nid = \"in\"\nkind = \"command\"\nlocal = true\nargv = [\"x\"]\n[[step.steps]]\nid = \"g2\"\nkind = \"group\"\n[[step.steps.steps]]\nid = \"x\"\n[[step]]\nid = \"h\"\nkind = \"group\"\nlocal = true\n",
			[]string{
				`:17: step[0].steps[0].local: the steps of a group run on the hosts of the group, remove it`,
				`:19: group "g2" has no steps, want [[step.steps]] tables below it`,
				`:22: a group cannot hold a group, write its steps into the outer one`,
				`:24: group "h" has no steps, want [[step.steps]] tables below it`,
				`:27: group "h" runs on no target, want on = a target`,
			},
		},
		"outputs that no step gives": {
			head + "[[step]]\nid = \"g\"\nkind = \"group\"\non = \"web\"\n[[step.steps]]\nid = \"ok\"\nkind = \"gate\"\nchecks = { unit = \"a.service\" }\n[[step]]\nid = \"h\"\nkind = \"notify\"\nargv = [\"${steps.g.outputs.healthy_urls}\", \"${steps.g.outputs.healthy_url}\", \"${steps.ok.outputs.x}\"]\n",
			[]string{
				`:21: step[1].argv[1]: step "g" has no output "healthy_url", did you mean "healthy_urls"?`,
				`:21: step[1].argv[2]: step "ok" has no output "x", known are healthy_urls`,
				`:21: step[1].argv[2]: step "ok" has an output for every host of "web", want ${first(steps.ok.outputs.x)}, or one host: ${steps.ok.outputs.x[HOST]}`,
			},
		},
		"targets and the lock": {
			"schema = 2\nname = \"a/b\"\nenv = \"s\"\non_failure = \"stp\"\n[targets.a]\n[targets.b]\nhosts = [\"x\", \"x\"]\n[targets.b.host_vars]\ny = { n = 1 }\nx = { n = \"${vars.a}\" }\n[lock]\non = [\"c\"]\nttl = \"1s\"\n[[step]]\nid = \"n\"\nkind = \"wait\"\nfor = \"5s\"\nmax = \"1m\"\n",
			[]string{
				`:1: schema is 2, this version reads schema = 1`,
				`:2: name is "a/b", want letters, digits, '-', '_' and '.': locks and directories are called so`,
				`:4: on_failure is "stp", did you mean "stop"?`,
				`:5: target "a" names no hosts, want hosts = ["web1"] or groups = ["edge"]`,
				`:7: target "b" names host "x" twice, keep one of the two`,
				`:9: host_vars are for "y", which is no host of target "b", did you mean "x"?`,
				`:10: targets.b.host_vars.x.n holds an expression or a control character, values are taken as they are written; secrets go into [secrets.NAME]`,
				`:12: lock.on[0] names the target "c", which is not defined, did you mean "a"?`,
				`:13: lock.ttl is 1s, want 10s to 1h`,
				`:18: step "n": max goes with until only, remove it`,
			},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			def, faults := Parse("x.toml", []byte(tc.text))
			if def == nil {
				t.Fatal("no definition")
			}
			var got []string
			for _, f := range faults {
				got = append(got, strings.TrimPrefix(f.String(), "x.toml"))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"hub.toml", "fleet.toml"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("step = 1\ntargets = [1]\nsecrets = { a = 1 }\nvars = []\nphase = [[]]\nlock = 1\n"))
	f.Add([]byte("[[step]]\nkind = \"migrate\"\nmarker = [\"a\"]\ncommand = { env = { a = \"${secret.x}\" } }\nuntil = { http = 1, json = 2 }\n[[step]]\nkind=\"http\"\njson = [{a=[1,\"${x\"]}]\npoll = { every = \"1s\" }\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		def, faults := Parse("x.toml", data)
		last := 0
		for _, fault := range faults {
			if fault.Line < last || fault.Line > strings.Count(string(data), "\n")+1 {
				t.Fatalf("line %d after %d: %v", fault.Line, last, fault)
			}
			last = fault.Line
			for _, r := range fault.String() {
				if r < 0x20 || r == 0x7f {
					t.Fatalf("control character in %q", fault.String())
				}
			}
		}
		if len(faults) > 0 {
			return
		}
		for _, id := range def.IDs() {
			s := def.Find(id)
			if s == nil || s.Settings == nil || s.Line == 0 || s.Local != (s.On == "") {
				t.Fatalf("step %q: %+v", id, s)
			}
			// What was accepted can be expanded for every host it names, but for what only a run knows.
			for _, h := range def.Targets[s.On].Hosts {
				sc := Scope{Run: "r", Host: h, HostVars: def.Targets[s.On].HostVars[h], Vars: def.Vars, Planning: true}
				if _, _, err := def.Expand(s, sc); err != nil && len(def.Targets[s.On].Groups) == 0 && !strings.Contains(err.Error(), "{") {
					t.Fatalf("step %q on %q: %v", id, h, err)
				}
			}
		}
	})
}
