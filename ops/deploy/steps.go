package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"midwatch/hosts/config"
)

// Find returns a step by its id, or "group.step" for one of a group; nil when there is none.
func (d *Definition) Find(id string) *Step {
	for i := range d.Steps {
		s := &d.Steps[i]
		if s.ID == id {
			return s
		}
		for j := range s.Steps {
			if inner := &s.Steps[j]; inner.ID == id || s.ID+"."+inner.ID == id {
				return inner
			}
		}
	}
	return nil
}

// IDs are the ids of all steps in order, those of a group as "group.step" behind it.
func (d *Definition) IDs() []string {
	var out []string
	for i := range d.Steps {
		out = append(out, d.Steps[i].ID)
		for j := range d.Steps[i].Steps {
			out = append(out, d.Steps[i].ID+"."+d.Steps[i].Steps[j].ID)
		}
	}
	return out
}

// Expand returns a copy of the settings of a step as Expand does; what means nothing is told as Faults, with
// the line it stands on.
func (d *Definition) Expand(s *Step, sc Scope) (settings any, unresolved []Ref, err error) {
	settings, unresolved, err = Expand(s.Settings, sc)
	return settings, unresolved, d.placed(s, err)
}

// Runs reports whether a step is to run in a scope: its condition expands to none of "", "false", "no" and "0".
// A step without one runs. unresolved are the outputs that a plan cannot know yet.
func (d *Definition) Runs(s *Step, sc Scope) (runs bool, unresolved []Ref, err error) {
	if s.When == "" {
		return true, nil, nil
	}
	text, unresolved, err := ExpandText(s.When, sc)
	if err != nil {
		return false, unresolved, d.placed(s, &ExpandError{"when", err})
	}
	return !slices.Contains([]string{"", "false", "no", "0"}, strings.TrimSpace(text)), unresolved, nil
}

// Placed tells an error of Expand for the settings of one of the steps with file and line; settings of nobody
// here leave the error as it is.
func (d *Definition) Placed(settings any, err error) error {
	for _, id := range d.IDs() {
		if s := d.Find(id); s != nil && s.Settings == settings {
			return d.placed(s, err)
		}
	}
	return err
}

// placed tells an error of expanding with file and line.
func (d *Definition) placed(s *Step, err error) error {
	if err == nil {
		return nil
	}
	var faults Faults
	for _, e := range flatten(err) {
		f := Fault{File: d.File, Line: s.Line, What: fmt.Sprintf("step %q: %s", s.ID, e)}
		var x *ExpandError
		if errors.As(e, &x) {
			f.Line = d.line(s, x.Field)
		}
		faults = append(faults, f)
	}
	return faults.Sorted()
}

func flatten(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // it is the join that is taken apart
		var out []error
		for _, e := range many.Unwrap() {
			out = append(out, flatten(e)...)
		}
		return out
	}
	return []error{err}
}

// line is where a field of a step stands, "checks[1].http"; the step's own line when that is not known.
func (d *Definition) line(s *Step, field string) int {
	at := s.at
	for part := range strings.SplitSeq(field, ".") {
		name, index, indexed := strings.Cut(part, "[")
		next := at.At(name)
		for indexed {
			var number string
			number, index, _ = strings.Cut(index, "]")
			if n, err := strconv.Atoi(number); err == nil {
				next = next.Item(n)
			}
			_, index, indexed = strings.Cut(index, "[")
		}
		at = next
	}
	r := config.Reader{Lines: d.lines}
	if n := r.Line(at); n > 0 {
		return n
	}
	return s.Line
}

// UnmarshalJSON reads a step as encoding/json writes it: its settings become the struct of its kind again.
func (s *Step) UnmarshalJSON(data []byte) error {
	type plain Step // without this method
	with := struct {
		*plain
		Settings json.RawMessage
	}{plain: (*plain)(s)}
	if err := json.Unmarshal(data, &with); err != nil {
		return fmt.Errorf("read step: %w", err)
	}
	s.Settings = NewSettings(s.Kind)
	if s.Settings == nil {
		return fmt.Errorf("read step %q: there is no kind %q", s.ID, s.Kind)
	}
	if len(with.Settings) == 0 {
		return nil
	}
	if err := json.Unmarshal(with.Settings, s.Settings); err != nil {
		return fmt.Errorf("read step %q: settings: %w", s.ID, err)
	}
	return nil
}
