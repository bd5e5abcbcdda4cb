package deploy

import (
	"fmt"
	"maps"
	"slices"

	"midwatch/hosts/config"
)

// checkRefs looks at every expression of the definition.
func (p *parser) checkRefs() {
	for _, w := range p.refs {
		switch w.Root {
		case "vars":
			if _, ok := p.def.Vars[w.Name]; !ok {
				p.unknown(w.at, fmt.Sprintf("%s: %s is not defined in [vars]", w.at, w), w.Name, slices.Sorted(maps.Keys(p.def.Vars)))
			}
		case "secret":
			p.secretRef(w)
		case "host":
			p.hostRef(w)
		case "unit", "before":
			p.lateRef(w)
		case "steps":
			p.outputRef(w)
		}
	}
}

func (p *parser) secretRef(w written) {
	if !w.sensitive {
		p.Fault(w.at, fmt.Sprintf("%s: %s cannot go here: it would be seen in argv, logs or on the screen", w.at, w), secretSinks)
		return
	}
	p.knownSecret(w.at, w.Name)
}

func (p *parser) knownSecret(at config.Path, name string) {
	if _, ok := p.def.Secrets[name]; !ok {
		p.unknown(at, fmt.Sprintf("%s: secret %q is not defined in [secrets]", at, name), name, slices.Sorted(maps.Keys(p.def.Secrets)))
	}
}

// hostRef wants a variable to be there for every host that is known here.
func (p *parser) hostRef(w written) {
	if w.step < 0 {
		return
	}
	s := p.flat[w.step]
	if s.here() {
		p.Fault(w.at, fmt.Sprintf("%s: %s means nothing on this machine", w.at, w), fmt.Sprintf("step %q runs here: name a target, or write the value", s.ID))
		return
	}
	target, ok := p.def.Targets[s.On]
	if !ok || w.Name == "name" {
		return
	}
	var without []string
	known := map[string]bool{"name": true}
	for _, h := range target.Hosts {
		maps.Copy(known, keys(target.HostVars[h]))
		if _, ok := target.HostVars[h][w.Name]; !ok {
			without = append(without, h)
		}
	}
	for _, vars := range target.HostVars {
		maps.Copy(known, keys(vars))
	}
	switch {
	case !known[w.Name]:
		p.unknown(w.at, fmt.Sprintf("%s: %s is not defined in [targets.%s.host_vars]", w.at, w, s.On), w.Name, slices.Sorted(maps.Keys(known)))
	case len(without) > 0:
		p.Fault(w.at, fmt.Sprintf("%s: %s is not defined for %s", w.at, w, config.List(without)), fmt.Sprintf("want it for every host of target %q", s.On))
	}
}

func keys(m map[string]string) map[string]bool {
	out := map[string]bool{}
	for k := range m {
		out[k] = true
	}
	return out
}

// lateRef wants what only a kind knows to stand in a step of that kind.
func (p *parser) lateRef(w written) {
	kind := ""
	if w.step >= 0 {
		kind = p.flat[w.step].Kind
	}
	if w.Root == "unit" && kind != "systemd" {
		p.Fault(w.at, fmt.Sprintf("%s: %s is known in steps of kind systemd only", w.at, w), "write the name of the unit")
	}
	if w.Root == "before" && (kind != "http" || !w.sensitive) {
		p.Fault(w.at, fmt.Sprintf("%s: %s is known in the body of undo_request only", w.at, w), "want it in a step of kind http with before = { … }")
	}
}

// outputRef wants the step to come before, to name the output, and to have run where it is read.
func (p *parser) outputRef(w written) {
	if w.step < 0 {
		return
	}
	o := p.earlier(w.step, w.at, "reads an output of", w.Step)
	if o == nil {
		return
	}
	if names, closed := outputs(o.Step); closed && !slices.Contains(names, w.Name) {
		p.unknown(w.at, fmt.Sprintf("%s: step %q has no output %q", w.at, w.Step, w.Name), w.Name, names)
	}
	s := p.flat[w.step]
	if w.Host != "" {
		if t := p.def.Targets[o.On]; len(t.Groups) == 0 && !slices.Contains(t.Hosts, w.Host) {
			p.unknown(w.at, fmt.Sprintf("%s: step %q does not run on %q", w.at, w.Step, w.Host), w.Host, t.Hosts)
		}
		return
	}
	if !o.here() && o.On != s.On && !w.First && o.Kind != "group" {
		p.Fault(w.at, fmt.Sprintf("%s: step %q has an output for every host of %q", w.at, w.Step, o.On), fmt.Sprintf("want ${first(%s)}, or one host: ${%s[HOST]}", w.Text, w.Text))
	}
}

// outputs are the names that a step can give; closed says that there are no others.
func outputs(s *Step) (names []string, closed bool) {
	switch v := s.Settings.(type) {
	case *Command:
		return slices.Sorted(maps.Keys(v.Outputs)), true
	case *HTTP:
		return append(slices.Sorted(maps.Keys(v.Outputs)), "status"), true
	case *Sync:
		if v.Mode == "release" {
			return []string{"release", "previous"}, true
		}
		return []string{"changed", "deleted", "bytes"}, true
	case *Swap:
		return []string{"release", "previous"}, true
	case *Gate:
		if s.Kind == "verify" {
			return nil, true
		}
		return []string{"healthy_urls"}, true
	case *Migrate:
		return []string{"before", "after"}, true
	case *Compose: // images.SERVICE, of services that the host knows
		return nil, false
	case *Group:
		closed = true
		for i := range s.Steps {
			n, c := outputs(&s.Steps[i])
			names, closed = append(names, n...), closed && c
		}
		return names, closed
	}
	return nil, true
}
