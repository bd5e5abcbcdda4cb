package step

import (
	"os"
	"strings"
	"testing"

	"midwatch/ops/deploy"
)

func argv(s ...string) []deploy.Text {
	out := make([]deploy.Text, len(s))
	for i, v := range s {
		out[i] = deploy.Text(v)
	}
	return out
}

func TestCommandRunsDetachedAndIsJudged(t *testing.T) {
	b := newBench(t, nil)
	s := &deploy.Command{
		Argv:    argv("sh", "-c", `printf 'built image sha256:ab12\n{"id":{"n":7}}\n'; exit 3`),
		Dir:     deploy.Text(b.dir),
		Exit:    []int{0, 3},
		Match:   "built image",
		Outputs: map[string]string{"image": `image (sha256:[0-9a-f]+)`, "id": "json:id.n"},
	}
	b.Settings = s
	if c := b.plan(command{}); !c.Unknown || !strings.HasPrefix(c.Lines[0], "? effect unknown") || c.Back != BackManual {
		t.Errorf("%+v", c)
	}
	u := b.forward(command{})
	if b.outputs["image"] != "sha256:ab12" || b.outputs["id"] != "7" {
		t.Errorf("outputs %v", b.outputs)
	}
	if len(b.said) == 0 || b.said[0].Line != "built image sha256:ab12" {
		t.Errorf("said %+v", b.said)
	}
	// The verdict can be made again by somebody who has not seen it run.
	if seen, err := (command{}).Verify(t.Context(), b.Env, u); err != nil || !seen.OK {
		t.Errorf("%+v, %v", seen, err)
	}
	wantRefused(t, command{}.Undo(t.Context(), b.Env, u), "box", "has no undo")
	if seen, _ := (command{}).Undone(t.Context(), b.Env, u); seen.OK {
		t.Error("a command that nobody took back is undone")
	}
}

func TestCommandThatFailsSaysWhy(t *testing.T) {
	b := newBench(t, nil)
	for want, s := range map[string]*deploy.Command{
		"exit 2: no such table":          {Argv: argv("sh", "-c", "echo no such table >&2; exit 2")},
		"(no such program":               {Argv: argv("midwatch-no-such-program")},
		"does not match done":            {Argv: argv("echo", "half"), Match: "done"},
		"output id: no JSON":             {Argv: argv("echo", "x"), Outputs: map[string]string{"id": "json:id"}},
		"output id: nothing matches":     {Argv: argv("echo", "x"), Outputs: map[string]string{"id": "(y)"}},
		"output id: a.b is not in the J": {Argv: argv("echo", `{"a":1}`), Outputs: map[string]string{"id": "json:a.b"}},
	} {
		b.Step = plainName(want)
		b.Settings = s
		if _, seen := b.run(command{}); seen.OK || !strings.Contains(seen.Line, want) {
			t.Errorf("%q: %+v", want, seen)
		}
	}
	b.Settings, b.Step = &deploy.Command{}, "none"
	_, err := command{}.Record(t.Context(), b.Env)
	wantRefused(t, err, "no argv")
}

func TestCommandIsNotStartedTwice(t *testing.T) {
	b := newBench(t, nil)
	count := b.path("count")
	b.Settings = &deploy.Command{Argv: argv("sh", "-c", `echo ran >>"$1"`, "sh", count)}
	u := b.record(command{})
	if p := b.probe(command{}, u); p != NotStarted {
		t.Errorf("before: %v", p)
	}
	if err := (command{}).Act(t.Context(), b.Env, u); err != nil {
		t.Fatal(err)
	}
	// The one who ran it dies before he notes its end; the next one attaches.
	if p := b.probe(command{}, u); p != Ended {
		t.Errorf("after: %v", p)
	}
	if err := (command{}).Act(t.Context(), b.Env, u); err != nil {
		t.Fatal(err)
	}
	if got := read(t, count); got != "ran\n" {
		t.Errorf("it ran %q", got)
	}
	// Another attempt is another job.
	b.Try = 2
	u = b.forward(command{})
	if got := read(t, count); got != "ran\nran\n" || b.probe(command{}, u) != Ended {
		t.Errorf("the second attempt: %q", got)
	}
}

func TestCommandClassFollowsRepeat(t *testing.T) {
	for repeat, want := range map[string]Class{"": Reattach, "safe": Repeat, "never": AskHuman} {
		if got := (command{}).Class(&deploy.Command{Repeat: repeat}); got != want {
			t.Errorf("%q: %v", repeat, got)
		}
	}
}

func TestCommandKeepsSecretsToItself(t *testing.T) {
	b := newBench(t, nil)
	b.secrets["db"], b.secrets["in"] = "sentinel-db", "sentinel-in"
	b.Settings = &deploy.Command{
		Argv:  argv("sh", "-c", `printf '%s %s' "$PASS" "$(cat)" >"$1"`, "sh", b.path("got")),
		Env:   map[string]deploy.Sensitive{"PASS": "${secret.db}"},
		Stdin: "<${secret.in}>",
	}
	c := b.plan(command{})
	u := b.forward(command{})
	if got := read(t, b.path("got")); got != "sentinel-db <sentinel-in>" {
		t.Errorf("the program was given %q", got)
	}
	b.noSecret("sentinel", u)
	if strings.Contains(c.Detail[0].Text+c.Saw, "sentinel") || !strings.Contains(c.Detail[0].Text, "PASS") {
		t.Errorf("plan: %q", c.Detail[0].Text)
	}
}

func TestLocalCommandRunsInTheDefinitionsDirectory(t *testing.T) {
	b := newBench(t, nil)
	if err := os.Mkdir(b.src+"/core", 0o755); err != nil {
		t.Fatal(err)
	}
	b.Host = ""
	b.Settings = &deploy.Command{Argv: argv("pwd"), Dir: "core", Match: "(?m)^" + b.src + "/core$"}
	b.forward(command{})
}
