package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"midwatch/checks/mend"
	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// mendName begins the names of deploys that are made from a finding; what follows is the finding's ID.
const mendName = "mend:"

// mendDeploy makes a deploy of a mend: the change, and then the check itself, asked anew. The way back is
// taken at once when the check still finds what it found.
func mendDeploy(m *mend.Mend, h hosts.Host) (*deploy.Definition, error) {
	d := &deploy.Definition{
		Name: "mend-" + m.Check, Env: h.Environment, About: m.Title, OnFailure: "rollback",
		Targets: map[string]deploy.Target{"host": {Name: "host", Hosts: []string{m.Host}}},
		Lock:    deploy.Lock{On: []string{"host"}, TTL: 90 * time.Second},
	}
	if len(m.Also) > 0 {
		d.About += "; also: " + strings.Join(m.Also, "; ")
	}
	steps, err := mendSteps(m)
	if err != nil {
		return nil, err
	}
	for i := range steps {
		// A control plane is where the host of its Envoy has it, as everything else that the inventory says of it.
		if steps[i].On = "host"; steps[i].Kind == "envoy" && h.Kind == hosts.KindDocker {
			steps[i].On, steps[i].Local = "", true // an engine alone leads nowhere else
		}
		steps[i].Gate, steps[i].Undo = true, deploy.UndoSpec{Mode: "auto"}
	}
	proof := deploy.Step{
		ID: "proof", Kind: "check", On: "host", Gate: true, Title: m.Check + " finds it no more",
		Settings: &deploy.Check{Checks: []deploy.Text{literal(m.Finding)}},
		Timeout:  2 * proofWait,
	}
	d.Steps = append(steps, proof)
	return d, nil
}

// mendSteps are the steps that change something.
func mendSteps(m *mend.Mend) ([]deploy.Step, error) {
	switch m.Kind {
	case mend.Nginx, mend.Reload:
		return []deploy.Step{{
			ID: "change", Kind: "nginx", Title: m.Title,
			Settings: &deploy.Nginx{Files: mendFiles(m), Container: literal(m.Container)},
		}}, nil
	case mend.Compose:
		var files []deploy.Step
		for i, f := range mendFiles(m) {
			files = append(files, deploy.Step{
				ID: fmt.Sprintf("file-%d", i+1), Kind: "file", Title: "change " + filepath.Base(string(f.Dst)), Settings: &f,
			})
		}
		up := &deploy.Compose{
			Op: "up", Project: literal(m.Project), ProjectDir: literal(m.Dir), Files: literals(m.ProjectFiles), Services: literals(m.Services), NoBuild: true,
		}
		return append(files, deploy.Step{ID: "up", Kind: "compose", Title: "bring up " + strings.Join(m.Services, ", "), Settings: up}), nil
	case mend.Unit:
		u := &deploy.Systemd{Units: []deploy.Text{literal(m.Unit)}, Op: m.Op}
		steps := []deploy.Step{{ID: "unit", Kind: "systemd", Title: m.Op + " " + m.Unit, Settings: u}}
		if m.Op != "start" {
			return steps, nil
		}
		// systemd starts nothing that has used up its starts until somebody says so.
		reset := deploy.Step{ID: "reset", Kind: "command", Title: "let systemd start " + m.Unit + " again", Settings: &deploy.Command{
			Argv: []deploy.Text{"systemctl", "reset-failed", literal(m.Unit)}, User: "root", Repeat: "safe",
			Effect: "systemd forgets how often the unit was started",
		}}
		return append([]deploy.Step{reset}, steps...), nil
	case mend.Cluster:
		return []deploy.Step{{
			ID: "cluster", Kind: "envoy", Title: m.Title,
			Settings: &deploy.Envoy{URL: literal(m.Control), Cluster: literal(string(m.Body)), ExpectEndpoint: literal(m.Expect)},
		}}, nil
	}
	return nil, fmt.Errorf("a mend of kind %q has no steps", m.Kind)
}

func mendFiles(m *mend.Mend) []deploy.File {
	var out []deploy.File
	for _, f := range m.Files {
		x := deploy.File{Dst: literal(f.Path), InPlace: f.InPlace}
		for _, e := range f.Edits {
			x.Edits = append(x.Edits, deploy.Edit{Line: e.Line, Old: literal(e.Old), New: literals(e.New)})
		}
		out = append(out, x)
	}
	return out
}

// literal is a text in which nothing is an expression: files of nginx have ${variables} too.
func literal(s string) deploy.Text { return deploy.Text(strings.ReplaceAll(s, "${", "$${")) }

func literals(list []string) []deploy.Text {
	out := make([]deploy.Text, len(list))
	for i, s := range list {
		out[i] = literal(s)
	}
	return out
}
