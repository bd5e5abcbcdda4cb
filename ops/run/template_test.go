package run

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"midwatch/ops/deploy"
	"midwatch/ops/step"
)

// TestTemplateIsExpanded: what stands in a template means what it means in the definition.
func TestTemplateIsExpanded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	src := filepath.Join(t.TempDir(), "site.conf.tmpl")
	if err := os.WriteFile(src, []byte("root ${dir};\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := fileStep("conf", "all", "conf", "")
	s.Settings = &deploy.File{Src: deploy.Text(src), Dst: deploy.Text(w.path("h1", "conf"))}
	w.definition([]string{"h1"}, s)
	o := w.person(t, "anna", func(p *Params) { p.Kinds["file"] = step.Kinds()["file"] })
	p, err := o.Plan(t.Context(), "web", Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := p.Steps[0].Hosts[0]
	if c.Err != "" || len(c.Change.Detail) != 1 || !strings.Contains(c.Change.Detail[0].Text, "+root "+w.hostDir("h1")+";") {
		t.Errorf("%+v", c)
	}
}
