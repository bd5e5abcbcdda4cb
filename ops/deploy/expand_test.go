package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"midwatch/hosts"
)

func scope() Scope {
	return Scope{
		Run: "r1", Host: "web2", HostVars: map[string]string{"workers": "3"}, Vars: map[string]string{"tag": "v7"}, Hosts: []string{"web1", "web2"},
		Outputs: map[string]map[string]string{
			"build.image": {"": "sha256:1"},
			"up.id":       {"web1": "one", "web2": "two"},
			"roll.swap.r": {"web1": "first"},
		},
	}
}

func TestExpandText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a":                                  "a",
		"${vars.tag}-${run.id}":              "v7-r1",
		"${host.name}/${host.workers}":       "web2/3",
		"${steps.build.outputs.image}":       "sha256:1",
		"${steps.up.outputs.id}":             "two",
		"${steps.up.outputs.id[web1]}":       "one",
		"${first(steps.up.outputs.id)}":      "one",
		"${first(steps.swap.outputs.r)}":     "first",
		"${steps.roll.swap.outputs.r[web1]}": "first",
		"$${vars.tag} $x $$${vars.tag}":      "${vars.tag} $x $${vars.tag}",
		"${unit.instance}.sock":              "${unit.instance}.sock",
	} {
		got, open, err := ExpandText(Text(in), scope())
		if got != want || len(open) > 0 || err != nil {
			t.Errorf("%q: %q, %v, %v, want %q", in, got, open, err, want)
		}
	}
}

func TestExpandSaysWhatIsNotDefined(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"${vars.nope}":                        "${vars.nope}: not defined in [vars]",
		"${host.nope}":                        "${host.nope}: not defined for host web2",
		"${steps.a.outputs.b}":                "${steps.a.outputs.b}: not defined: step a gave no such output",
		"${steps.swap.outputs.r}":             "not defined here: the step ran on other hosts, want ${first(steps.swap.outputs.r)}",
		"${steps.up.outputs.id[web9]}":        "step up gave no such output",
		"${secret.api}":                       ErrSecretHere.Error(),
		"${":                                  "is not closed",
		"${first(steps.up.outputs.id[web1])}": "keep one of the two",
	} {
		_, _, err := ExpandText(Text(in), scope())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
	here := scope()
	here.Host = ""
	if _, _, err := ExpandText("${host.name}", here); !errors.Is(err, ErrUndefined) {
		t.Errorf("the operator's machine has no name: %v", err)
	}
}

func TestExpandCopies(t *testing.T) {
	t.Parallel()
	in := &HTTP{
		URL: "https://x/${vars.tag}", Header: map[string]Sensitive{"A": "Bearer ${secret.api} ${run.id}"},
		JSON:   map[string]any{"list": []any{"${steps.up.outputs.id}", int64(1), true}, "deep": map[string]any{"k": "${secret.api}"}},
		Poll:   &Poll{URL: "${vars.tag}", Success: []string{"${as it is}"}},
		Before: &Before{},
	}
	before, _ := json.Marshal(in)
	got, open, err := Expand(in, scope())
	if err != nil || len(open) > 0 {
		t.Fatal(open, err)
	}
	want := &HTTP{
		URL: "https://x/v7", Header: map[string]Sensitive{"A": "Bearer ${secret.api} r1"},
		JSON:   map[string]any{"list": []any{"two", int64(1), true}, "deep": map[string]any{"k": "${secret.api}"}},
		Poll:   &Poll{URL: "v7", Success: []string{"${as it is}"}},
		Before: &Before{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if after, _ := json.Marshal(in); string(after) != string(before) {
		t.Error("what was expanded has changed")
	}
}

func TestUnitsAreRangesAfterExpansion(t *testing.T) {
	t.Parallel()
	got, _, err := Expand(&Systemd{Units: []Text{"core@{1..${host.workers}}.service", "front.service"}}, scope())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Text{"core@1.service", "core@2.service", "core@3.service", "front.service"}, got.(*Systemd).Units); diff != "" {
		t.Error(diff)
	}
	sc := scope()
	sc.Planning = true
	got, open, err := Expand(&Systemd{Units: []Text{"core@{1..${steps.count.outputs.n}}.service"}}, sc)
	if err != nil || len(open) != 1 || got.(*Systemd).Units[0] != "core@{1..‹from count›}.service" {
		t.Errorf("a plan that cannot know yet: %v %v %v", got, open, err)
	}
	for in, want := range map[string]string{
		"a{1..3}b{x,y}": "a1bx a1by a2bx a2by a3bx a3by", "w{08..11}": "w08 w09 w10 w11", "plain": "plain",
		"{3..1}": "!is empty", "{1..5000}": "!more than", "{a": "!not closed", "{1..99}{1..99}": "!more than", "{}": "!no range",
	} {
		got, err := Ranges(in)
		if why, bad := strings.CutPrefix(want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), why) {
				t.Errorf("%q: %v, want %q", in, err, why)
			}
		} else if strings.Join(got, " ") != want || err != nil {
			t.Errorf("%q: %v %v, want %q", in, got, err, want)
		}
	}
}

func TestOutputsOfAGroup(t *testing.T) {
	t.Parallel()
	sc := scope()
	sc.Host = ""
	sc.Outputs = map[string]map[string]string{
		"roll.ok.healthy_urls": {"web2": "http://b", "web1": "http://a"}, "roll.swap.release": {"web1": "/r/1"}, "other.ok.healthy_urls": {"web1": "x"},
	}
	for in, want := range map[string]string{
		"${steps.roll.outputs.healthy_urls}":       "http://a,http://b",
		"${steps.roll.outputs.healthy_urls[web2]}": "http://b",
		"${steps.roll.outputs.release}":            "/r/1",
	} {
		if got, open, err := ExpandText(Text(in), sc); got != want || len(open) > 0 || err != nil {
			t.Errorf("%q: %q %v %v, want %q", in, got, open, err, want)
		}
	}
	if got, _, err := ExpandText("${steps.roll.outputs.nothing}", sc); err == nil {
		t.Errorf("an output that no step gave: %q", got)
	}
}

// A value that a host printed is never taken for an expression.
func TestValuesAreNotExpressions(t *testing.T) {
	t.Parallel()
	sc := scope()
	sc.Outputs["evil.out"] = map[string]string{"": "${secret.api} $${vars.tag}"}
	asked := func(name string) (hosts.Secret, error) { return hosts.NewSecret("hunter2"), nil }
	got, _, err := Expand(&Command{Argv: []Text{"${steps.evil.outputs.out}"}, Stdin: "${steps.evil.outputs.out} ${secret.api} $${lit}"}, sc)
	if err != nil {
		t.Fatal(err)
	}
	c := got.(*Command)
	if c.Argv[0] != "${secret.api} $${vars.tag}" {
		t.Errorf("argv %q", c.Argv[0])
	}
	s, err := Reveal(c.Stdin, asked)
	if err != nil || s.Reveal() != "${secret.api} $${vars.tag} hunter2 ${lit}" {
		t.Errorf("stdin %q %v", s.Reveal(), err)
	}
	body := Late(Sensitive("${before} ${secret.api}"), map[string]string{"before": "${secret.api}"})
	if s, err := Reveal(body, asked); err != nil || s.Reveal() != "${secret.api} hunter2" {
		t.Errorf("body %q %v", s.Reveal(), err)
	}
	if _, err := Reveal("${before}", asked); !errors.Is(err, ErrUndefined) {
		t.Errorf("what nobody filled in: %v", err)
	}
	if _, err := Reveal("${secret.x}", func(name string) (hosts.Secret, error) { return hosts.Secret{}, fmt.Errorf("no %s", name) }); err == nil {
		t.Error("a secret that cannot be had is an error")
	}
	if !HasSecret("a ${secret.x}") || HasSecret("$${secret.x}") {
		t.Error("HasSecret")
	}
}

func TestExpandNamesTheLine(t *testing.T) {
	t.Parallel()
	def, faults := Parse("d.toml", []byte("name = \"x\"\nenv = \"s\"\n[vars]\na = \"1\"\n[targets.t]\ngroups = [\"g\"]\n[targets.t.host_vars]\nh1 = { n = 1 }\n[[step]]\nid = \"s\"\nkind = \"gate\"\non = \"t\"\nwhen = \"${vars.a}\"\nchecks = [\n { tcp = \"x:1\" },\n { tcp = \"x:${host.n}\",\n   timeout = \"1s\" },\n]\n"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	sc := Scope{Host: "h2", Vars: def.Vars}
	_, _, err := def.Expand(def.Find("s"), sc)
	var got Faults
	if !errors.As(err, &got) || len(got) != 1 || got[0].String() != `d.toml:16: step "s": checks[1].tcp: ${host.n}: not defined for host h2` {
		t.Errorf("%v", err)
	}
	if runs, _, err := def.Runs(def.Find("s"), sc); !runs || err != nil {
		t.Errorf("runs %v %v", runs, err)
	}
	sc.Vars = map[string]string{"a": "no"}
	if runs, _, err := def.Runs(def.Find("s"), sc); runs || err != nil {
		t.Errorf("when is no: %v %v", runs, err)
	}
	sc.Vars = nil
	if _, _, err := def.Runs(def.Find("s"), sc); err == nil || !strings.HasPrefix(err.Error(), `d.toml:13: step "s": when: `) {
		t.Errorf("%v", err)
	}
}

// A definition that is kept in a journal comes back as it was.
func TestDefinitionAsJSON(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"hub.toml", "fleet.toml"} {
		def := parsed(t, name)
		data, err := json.Marshal(def)
		if err != nil {
			t.Fatal(err)
		}
		var back Definition
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatal(err)
		}
		again, _ := json.Marshal(&back)
		if string(again) != string(data) {
			t.Errorf("%s: %s", name, cmp.Diff(string(data), string(again)))
		}
		for _, id := range def.IDs() {
			if diff := cmp.Diff(def.Find(id).Settings, back.Find(id).Settings); diff != "" {
				t.Errorf("%s %s: %s", name, id, diff)
			}
		}
	}
	if err := json.Unmarshal([]byte(`{"Steps":[{"ID":"a","Kind":"nope"}]}`), new(Definition)); err == nil {
		t.Error("a step of no kind was read")
	}
}
