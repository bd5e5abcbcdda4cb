package deploy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"midwatch/hosts/config"
)

// idPattern is what a step may be called: its directories and jobs are called so on the hosts.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// checkSteps looks at what steps say of each other.
func (p *parser) checkSteps() {
	seen := map[string]*flatStep{}
	for i := range p.flat {
		s := &p.flat[i]
		switch first := seen[s.ID]; {
		case s.ID == "":
			p.Missing(s.at, s.at.String()+" has no id", `want id = "build"`)
		case !idPattern.MatchString(s.ID):
			p.Fault(s.at.At("id"), fmt.Sprintf("id %q cannot be the name of a directory", s.ID), "want up to 64 letters, digits, '-' and '_'")
		case first != nil:
			p.Fault(s.at.At("id"), fmt.Sprintf("id %q is used twice", s.ID), fmt.Sprintf("the first is on line %d", p.Line(first.at.At("id"))))
		default:
			seen[s.ID] = s
		}
		for _, need := range s.Needs {
			p.earlier(i, s.at.At("needs"), "needs", need)
		}
		switch v := s.Settings.(type) {
		case *Compose:
			p.like(i, v)
		case *Approve:
			p.shows(i, v)
		}
	}
}

// earlier returns the step that another names, which must come before it in the file.
func (p *parser) earlier(i int, at config.Path, key, id string) *flatStep {
	at0 := fmt.Sprintf("step %q %s %q", p.flat[i].ID, key, id)
	j := p.find(i, id)
	switch {
	case j < 0:
		var ids []string
		for k := range p.flat {
			if k != i && p.flat[k].ID != "" {
				ids = append(ids, p.flat[k].ID)
			}
		}
		p.unknown(at, at0+", which is no step", id, ids)
		return nil
	case j == i:
		p.Fault(at, at0+", which is itself", "name a step before it")
		return nil
	case j > i:
		p.Fault(at, at0+", which comes later", fmt.Sprintf("steps run in the order of the file: move it, or step %q", id))
		return nil
	}
	return &p.flat[j]
}

// find looks a step up by its id or "group.step"; among steps with the same name the one before i is meant.
func (p *parser) find(i int, id string) int {
	match := func(s flatStep) bool { return id != "" && (s.ID == id || s.full == id) }
	if j := slices.IndexFunc(p.flat[:i], match); j >= 0 {
		return j
	}
	return slices.IndexFunc(p.flat, match)
}

// like takes over what a compose step does not say itself.
func (p *parser) like(i int, c *Compose) {
	if c.Like == "" {
		return
	}
	at := p.flat[i].at.At("like")
	o := p.earlier(i, at, "is like", c.Like)
	if o == nil {
		return
	}
	other, ok := o.Settings.(*Compose)
	switch {
	case !ok:
		p.Fault(at, fmt.Sprintf("step %q is like %q, which is of kind %q", p.flat[i].ID, c.Like, o.Kind), "name a step of kind compose")
		return
	case other.Like != "":
		p.Fault(at, fmt.Sprintf("step %q is like %q, which is like %q", p.flat[i].ID, c.Like, other.Like), fmt.Sprintf("want like = %q", other.Like))
		return
	}
	if c.Project == "" {
		c.Project = other.Project
	}
	if c.ProjectDir == "" {
		c.ProjectDir = other.ProjectDir
	}
	if len(c.Files) == 0 {
		c.Files = other.Files
	}
	if len(c.EnvFiles) == 0 {
		c.EnvFiles = other.EnvFiles
	}
	if len(c.Profiles) == 0 {
		c.Profiles = other.Profiles
	}
	c.Sudo = c.Sudo || other.Sudo
}

// shows checks what an approval shows.
func (p *parser) shows(i int, a *Approve) {
	for n, show := range a.Show {
		at := p.flat[i].at.At("show").Item(n)
		what, id, named := strings.Cut(show, ":")
		switch {
		case show == "plan":
		case named && (what == "diff" || what == "output"):
			p.earlier(i, at, "shows "+what+" of", id)
		default:
			p.Fault(at, fmt.Sprintf("%s is %q", at, show), `want "plan", "diff:STEP" or "output:STEP"`)
		}
	}
}
