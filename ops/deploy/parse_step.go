package deploy

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"midwatch/hosts/config"
)

// flatStep is a step while it is parsed, with what others refer to.
type flatStep struct {
	*Step
	full  string // "group.step"
	group int    // index of its group; -1 outside
}

// here reports a step that runs on the operator's machine.
func (s *flatStep) here() bool { return s.On == "" }

// maxTimeout bounds a step; maxAttempts how often it is tried.
const (
	maxTimeout  = 24 * time.Hour
	maxAttempts = 100
)

// step reads a [[step]], or with group the [[step.steps]] of one.
func (p *parser) step(t *config.Table, group *flatStep) Step {
	s := &Step{at: t.At(), Line: p.Line(t.At())}
	f := flatStep{Step: s, group: -1}
	index := len(p.flat)
	p.in = index
	s.ID, s.Kind, s.Title = t.Str("id", "build"), t.Str("kind", "command"), t.Str("title", "Build the image")
	f.full = s.ID
	if group != nil {
		f.full = group.ID + "." + s.ID
		f.group = slices.IndexFunc(p.flat, func(o flatStep) bool { return o.Step == group.Step })
	}
	p.flat = append(p.flat, f)
	p.common(t, s)
	p.batch(t, s)
	p.undo(t, s)
	p.kind(t, s)
	if s.Kind == "group" {
		for _, inner := range t.Each("steps", "[[step.steps]] tables") {
			if group != nil {
				p.Fault(inner.At(), "a group cannot hold a group", "write its steps into the outer one")
				break
			}
			s.Steps = append(s.Steps, p.step(inner, &f))
		}
		if len(s.Steps) == 0 {
			p.Missing(t.At(), fmt.Sprintf("group %q has no steps", s.ID), "want [[step.steps]] tables below it")
		}
	}
	t.Done()
	p.in = -1
	p.place(t, s, group)
	return *s
}

// common reads the keys that steps of all kinds have.
func (p *parser) common(t *config.Table, s *Step) {
	s.Phase = t.Str("phase", "switch")
	if _, ok := p.def.Phases[s.Phase]; s.Phase != "" && !ok {
		var known []string
		for id := range p.def.Phases {
			known = append(known, id)
		}
		p.unknown(t.At().At("phase"), fmt.Sprintf("%s is %q, which is no phase", t.At().At("phase"), s.Phase), s.Phase, known)
	}
	s.On, s.Local = t.Str("on", "hub"), t.Flag("local")
	s.Gate, s.PointOfNoReturn = t.Flag("gate"), t.Flag("point_of_no_return")
	s.Needs = config.Texts(t.Strs("needs", "build"))
	s.Timeout = t.Duration("timeout", time.Second, maxTimeout, 0)
	if at := t.At().At("title"); containsRef(s.Title) {
		p.Fault(at, at.String()+" holds an expression", "titles are shown everywhere and are taken as they are written")
	}
	if raw, at, ok := t.Get("when"); ok {
		text, isText := scalar(raw)
		if !isText {
			p.WrongType(at, raw, `text such as "${vars.migrate}"`)
		}
		s.When = Text(text)
		p.text(at, text, false)
	}
	if sub, ok := t.Sub("retry", `a table such as { attempts = 3, delay = "10s" }`); ok {
		s.Retry.Attempts = sub.Whole("attempts", 1, maxAttempts, 1, 3)
		s.Retry.Delay = sub.Duration("delay", 0, time.Hour, 0)
		sub.Done()
	}
	s.Retry.Attempts = max(s.Retry.Attempts, 1)
}

func containsRef(s string) bool {
	refs, err := Refs(s)
	return len(refs) > 0 || err != nil
}

func (p *parser) batch(t *config.Table, s *Step) {
	sub, ok := t.Sub("batch", `a table such as { canary = 1, size = 2, pause = "60s", max_failures = 0 }`)
	if !ok {
		return
	}
	s.Batch = Batch{
		Canary:      sub.Whole("canary", 0, 1000, 0, 1),
		Size:        sub.Whole("size", 1, 1000, 0, 2),
		Percent:     sub.Whole("percent", 1, 100, 0, 25),
		Pause:       sub.Duration("pause", 0, 24*time.Hour, 0),
		MaxFailures: sub.Whole("max_failures", 0, 1000, 0, 1),
	}
	sub.Done()
	at := t.At().At("batch")
	if s.Batch.Size > 0 && s.Batch.Percent > 0 {
		p.Fault(at, at.String()+" has size and percent", "keep one of the two")
	}
	target, ok := p.def.Targets[s.On]
	if !ok || len(target.Groups) > 0 {
		return // how many hosts there are, the inventory knows
	}
	n := len(target.Hosts)
	switch {
	case s.Batch.Canary > n:
		p.Fault(at.At("canary"), fmt.Sprintf("%s is %d, and target %q has %d hosts", at.At("canary"), s.Batch.Canary, s.On, n), fmt.Sprintf("want at most %d", n))
	case s.Batch.Canary+s.Batch.Size > n && s.Batch.Canary < n && s.Batch.Size > 0:
		p.Fault(at.At("size"), fmt.Sprintf("%s is %d, and %d hosts of target %q are left behind the canary", at.At("size"), s.Batch.Size, n-s.Batch.Canary, s.On), fmt.Sprintf("want at most %d", n-s.Batch.Canary))
	case s.Batch.MaxFailures >= n && n > 0:
		p.Fault(at.At("max_failures"), fmt.Sprintf("%s is %d, and target %q has %d hosts", at.At("max_failures"), s.Batch.MaxFailures, s.On, n), "a step that failed everywhere would count as done")
	}
}

// undo reads "auto", "none", an argv, or { argv = [...], note = "…" }.
func (p *parser) undo(t *config.Table, s *Step) {
	s.Undo.Mode = "auto"
	raw, at, ok := t.Get("undo")
	if !ok {
		return
	}
	argv := func(at config.Path, raw any) {
		s.Undo.Mode = "command"
		p.value(at, raw, reflect.ValueOf(&s.Undo.Argv).Elem(), argvField)
	}
	switch v := raw.(type) {
	case string:
		p.oneOf(at, v, []string{"auto", "none"})
		s.Undo.Mode = v
	case []any:
		argv(at, v)
	case map[string]any:
		sub := p.Table(config.Layer{At: at, M: v})
		s.Undo.Note = sub.Str("note", "restore the dump by hand")
		if list, place, ok := sub.Get("argv"); ok {
			argv(place, list)
		} else if s.Undo.Mode = sub.Word("mode", "auto", "none"); s.Undo.Mode == "" {
			s.Undo.Mode = "none"
		}
		sub.Get("mode")
		sub.Done()
	default:
		p.WrongType(at, raw, `"auto", "none", an argv such as ["make", "undo"], or { argv = […], note = "…" }`)
	}
}

// argvField is the field that an argv outside of settings is read as.
var argvField, _ = reflect.TypeFor[Command]().FieldByName("Argv")

// kind reads the settings of a step.
func (p *parser) kind(t *config.Table, s *Step) {
	at := t.At()
	switch s.Settings = NewSettings(s.Kind); {
	case !t.Has("kind"):
		p.Missing(at, at.String()+" has no kind", "want one of "+config.List(Kinds()))
	case s.Settings == nil:
		p.unknown(at.At("kind"), fmt.Sprintf("%s is %q, which is no kind of step", at.At("kind"), s.Kind), s.Kind, Kinds())
	}
	if s.Settings == nil {
		// Nobody knows what belongs to a step of no kind.
		for _, l := range t.Layers {
			for k := range l.M {
				t.Asked[k] = true
			}
		}
		return
	}
	p.fill(t, reflect.ValueOf(s.Settings).Elem())
	if check := kindTable()[s.Kind].check; check != nil {
		check(&checker{parser: p, t: t, at: at, step: s})
	}
}

// place checks where a step runs.
func (p *parser) place(t *config.Table, s *Step, group *flatStep) {
	at := t.At()
	if group != nil {
		for _, key := range []string{"on", "local", "batch"} {
			if t.Has(key) {
				p.Fault(at.At(key), fmt.Sprintf("%s: the steps of a group run on the hosts of the group", at.At(key)), "remove it")
			}
		}
		s.On, s.Local = group.On, group.Local
		return
	}
	known := kindTable()
	switch _, ok := p.def.Targets[s.On]; {
	case s.On != "" && s.Local:
		p.Fault(at.At("local"), fmt.Sprintf("step %q is on %q and local", s.ID, s.On), "keep one of the two")
	case s.On != "" && !ok:
		var names []string
		for n := range p.def.Targets {
			names = append(names, n)
		}
		p.unknown(at.At("on"), fmt.Sprintf("step %q is on %q, which is no target", s.ID, s.On), s.On, names)
	case s.On == "" && !s.Local && known[s.Kind].host:
		p.Missing(at, fmt.Sprintf("step %q says not where it runs", s.ID), "want on = a target, or local = true for this machine")
	case s.On == "" && t.Has("batch"):
		p.Fault(at.At("batch"), fmt.Sprintf("step %q runs on this machine only", s.ID), "remove batch, or name a target")
	case s.Kind == "group" && s.Local:
		p.Fault(at.At("local"), fmt.Sprintf("group %q runs on no target", s.ID), "want on = a target")
	}
	if s.On == "" {
		s.Local = true
	}
}
