package main

import (
	"strings"
	"testing"

	"midwatch/checks"
	"midwatch/checks/mend"
	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// A mend is a deploy that ends with the check that found the fault, and is taken back when that still does.
func TestMendIsADeploy(t *testing.T) {
	file := mend.File{Path: "/etc/nginx/conf.d/a.conf", Edits: []mend.Edit{{Line: 3, Old: "listen ${port};", New: []string{"a", "b ${c}"}}}}
	for name, c := range map[string]struct {
		m     mend.Mend
		steps string
	}{
		"nginx":   {mend.Mend{Kind: mend.Nginx, Files: []mend.File{file}}, "nginx check"},
		"reload":  {mend.Mend{Kind: mend.Reload, Container: "gw"}, "nginx check"},
		"compose": {mend.Mend{Kind: mend.Compose, Files: []mend.File{file}, Project: "hub", Services: []string{"web"}}, "file compose check"},
		"start":   {mend.Mend{Kind: mend.Unit, Unit: "a.service", Op: "start"}, "command systemd check"},
		"restart": {mend.Mend{Kind: mend.Unit, Unit: "a.service", Op: "restart"}, "systemd check"},
		"cluster": {mend.Mend{Kind: mend.Cluster, Control: "http://c", Body: []byte(`{}`)}, "envoy check"},
	} {
		c.m.Finding, c.m.Check, c.m.Host = "some-check|h|object", "some-check", "h"
		d, err := mendDeploy(&c.m, hosts.Host{Name: "h", Environment: "production"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var kinds []string
		for i, s := range d.Steps {
			kinds = append(kinds, s.Kind)
			if !s.Gate || s.On != "host" && !s.Local || s.ID == "" || s.Title == "" && i == len(d.Steps)-1 {
				t.Errorf("%s: step %+v", name, s)
			}
		}
		if got := strings.Join(kinds, " "); got != c.steps || d.OnFailure != "rollback" || d.Env != "production" {
			t.Errorf("%s: %s, %+v", name, got, d)
		}
		last, ok := d.Steps[len(d.Steps)-1].Settings.(*deploy.Check)
		if !ok || last.Checks[0] != "some-check|h|object" {
			t.Errorf("%s: the proof is %+v", name, d.Steps[len(d.Steps)-1].Settings)
		}
	}
	n := mendFiles(&mend.Mend{Files: []mend.File{file}})[0]
	if n.Edits[0].Old != "listen $${port};" || n.Edits[0].New[1] != "b $${c}" {
		t.Errorf("expressions of nginx are not escaped: %+v", n.Edits[0])
	}
	if _, err := mendDeploy(&mend.Mend{Kind: "other"}, hosts.Host{}); err == nil {
		t.Error("a mend of no kind is a deploy")
	}
}

// What a mend was for counts in its proof though it is a remark only; of a whole check remarks do not.
func TestWhatCountsInAProof(t *testing.T) {
	info := &checks.Finding{Check: "c", Host: "h", Object: "o", Severity: checks.Info}
	bad := &checks.Finding{Check: "c", Host: "h", Object: "other", Severity: checks.Error}
	for _, x := range []struct {
		f    *checks.Finding
		id   string
		want bool
	}{{info, info.ID(), true}, {bad, info.ID(), false}, {info, "c", false}, {bad, "c", true}, {bad, "a-diagnosis", true}} {
		if got := counts(x.f, []string{x.id}); got != x.want {
			t.Errorf("%s for %s: %v", x.f.ID(), x.id, got)
		}
	}
}
