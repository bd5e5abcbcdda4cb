package deploy

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
)

// Scope is what the expressions of a step mean on one host.
type Scope struct {
	Run      string
	Host     string            // name; "" on the operator's machine
	HostVars map[string]string // of that host
	Vars     map[string]string
	// Outputs are values by "step.name" and host; the host "" is the operator's machine.
	Outputs map[string]map[string]string
	Hosts   []string // of the run, in order, for first()
	// Planning makes ‹from build› of outputs that are known only when the run has come that far.
	Planning bool
}

// Errors that expanding ends with, beside texts that are no expressions.
var (
	// ErrUndefined is a name that means nothing here.
	ErrUndefined = errors.New("not defined")
	// ErrSecretHere is a secret where it would be seen.
	ErrSecretHere = errors.New("a secret cannot go here: it would be seen in argv, logs or on the screen")
)

// ExpandError is one text that could not be expanded.
type ExpandError struct {
	Field string // "argv[2]", as the definition names it; "" for a text alone
	Err   error
}

func (e *ExpandError) Error() string {
	if e.Field == "" {
		return e.Err.Error()
	}
	return e.Field + ": " + e.Err.Error()
}

func (e *ExpandError) Unwrap() error { return e.Err }

// Expand returns a copy of a kind's settings with every Text expanded, ranges of units included. A Sensitive
// has all of its references filled in but those to secrets: Reveal does those. What only the kind knows
// (Ref.Late) stays as it is written. unresolved are the outputs that a plan cannot know yet. The error joins
// an *ExpandError for every text that means nothing.
func Expand(settings any, sc Scope) (expanded any, unresolved []Ref, err error) {
	x := &expander{sc: sc}
	out := x.copy("", reflect.ValueOf(settings), false)
	if !out.IsValid() {
		return nil, x.open, errors.Join(x.errs...)
	}
	return out.Interface(), x.open, errors.Join(x.errs...)
}

// ExpandText expands one text.
func ExpandText(t Text, sc Scope) (string, []Ref, error) {
	x := &expander{sc: sc}
	s := x.text("", string(t), false)
	return s, x.open, errors.Join(x.errs...)
}

// Late fills in what only a kind knows: values by reference, "unit.instance" and the like.
func Late[T Text | Sensitive](t T, values map[string]string) T {
	s := string(t)
	for _, k := range slices.Sorted(maps.Keys(values)) {
		v := values[k]
		if _, sensitive := any(t).(Sensitive); sensitive {
			v = escape(v)
		}
		s = strings.ReplaceAll(s, "${"+k+"}", v)
	}
	return T(s)
}

// Reveal puts secrets into a Sensitive that was expanded. lookup fetches one by its name.
func Reveal(s Sensitive, lookup func(name string) (hosts.Secret, error)) (hosts.Secret, error) {
	pieces, err := split(string(s), false)
	if err != nil {
		return hosts.Secret{}, err
	}
	var b strings.Builder
	for _, p := range pieces {
		switch {
		case p.ref == nil:
			b.WriteString(p.lit)
		case p.ref.Root == "secret":
			v, err := lookup(p.ref.Name)
			if err != nil {
				return hosts.Secret{}, err
			}
			b.WriteString(v.Reveal())
		default:
			return hosts.Secret{}, fmt.Errorf("%s: %w", *p.ref, ErrUndefined)
		}
	}
	return hosts.NewSecret(b.String()), nil
}

// escape keeps a value from being read as an expression later.
func escape(v string) string { return strings.ReplaceAll(v, "${", "$${") }

type expander struct {
	sc   Scope
	open []Ref
	errs []error
}

var (
	textType      = reflect.TypeFor[Text]()
	sensitiveType = reflect.TypeFor[Sensitive]()
	durationType  = reflect.TypeFor[time.Duration]()
)

// copy copies a value deeply; ranges says that a list of texts has its ranges expanded.
func (x *expander) copy(field string, v reflect.Value, ranges bool) reflect.Value {
	if !v.IsValid() {
		return v
	}
	switch v.Type() {
	case textType:
		return reflect.ValueOf(Text(x.text(field, v.String(), false)))
	case sensitiveType:
		return reflect.ValueOf(Sensitive(x.text(field, v.String(), true)))
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(x.copy(field, v.Elem(), false))
		return out
	case reflect.Struct:
		out := reflect.New(v.Type()).Elem()
		for i := range v.NumField() {
			f := v.Type().Field(i)
			out.Field(i).Set(x.copy(join(field, f.Tag.Get("toml")), v.Field(i), hasRule(f, "ranges")))
		}
		return out
	case reflect.Slice:
		return x.list(field, v, ranges)
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		out := reflect.MakeMapWithSize(v.Type(), v.Len())
		for _, k := range v.MapKeys() {
			out.SetMapIndex(k, x.copy(join(field, k.String()), v.MapIndex(k), false))
		}
		return out
	case reflect.Interface:
		return x.free(field, v)
	default:
		return v
	}
}

func (x *expander) list(field string, v reflect.Value, ranges bool) reflect.Value {
	if v.IsNil() {
		return v
	}
	out := reflect.MakeSlice(v.Type(), 0, v.Len())
	for i := range v.Len() {
		at := fmt.Sprintf("%s[%d]", field, i)
		open := len(x.open)
		e := x.copy(at, v.Index(i), false)
		if !ranges || len(x.open) > open {
			out = reflect.Append(out, e)
			continue
		}
		all, err := Ranges(e.String())
		if err != nil {
			x.errs = append(x.errs, &ExpandError{at, err})
		}
		for _, one := range all {
			out = reflect.Append(out, reflect.ValueOf(one).Convert(v.Type().Elem()))
		}
	}
	return out
}

// free copies a value of JSON: its texts may hold secrets, as a body may.
func (x *expander) free(field string, v reflect.Value) reflect.Value {
	if v.IsNil() {
		return v
	}
	out := reflect.New(v.Type()).Elem()
	if e := v.Elem(); e.Kind() == reflect.String {
		out.Set(reflect.ValueOf(x.text(field, e.String(), true)))
	} else {
		out.Set(x.copy(field, e, false))
	}
	return out
}

func join(field, name string) string {
	if field == "" || name == "" {
		return field + name
	}
	return field + "." + name
}

// text expands one text; sensitive leaves secrets to Reveal.
func (x *expander) text(field, s string, sensitive bool) string {
	fail := func(err error) { x.errs = append(x.errs, &ExpandError{field, err}) }
	pieces, err := split(s, sensitive)
	if err != nil {
		fail(err)
		return s
	}
	var b strings.Builder
	for _, p := range pieces {
		switch {
		case p.ref == nil:
			b.WriteString(p.lit)
		case p.ref.Late(), p.ref.Root == "secret" && sensitive:
			b.WriteString(p.ref.String())
		case p.ref.Root == "secret":
			fail(fmt.Errorf("%s: %w", *p.ref, ErrSecretHere))
		default:
			v, known, err := x.sc.value(*p.ref)
			if err != nil {
				fail(err)
			}
			if !known && err == nil {
				x.open = append(x.open, *p.ref)
			}
			if sensitive {
				v = escape(v)
			}
			b.WriteString(v)
		}
	}
	return b.String()
}

// value is what a reference stands for. known is false for an output that a plan cannot know.
func (sc *Scope) value(r Ref) (v string, known bool, err error) {
	undefined := func(meant string) error { return fmt.Errorf("%s: %w%s", r, ErrUndefined, meant) }
	switch r.Root {
	case "run":
		return sc.Run, true, nil
	case "vars":
		v, ok := sc.Vars[r.Name]
		if !ok {
			return "", true, undefined(" in [vars]")
		}
		return v, true, nil
	case "host":
		if sc.Host == "" {
			return "", true, undefined(": the step runs here, not on a host")
		}
		if v, ok := sc.HostVars[r.Name]; ok || r.Name != "name" {
			if !ok {
				return "", true, undefined(" for host " + sc.Host)
			}
			return v, true, nil
		}
		return sc.Host, true, nil
	default:
		return sc.output(r)
	}
}

// gathered is an output of a group: what its steps gave on every host, or on the one that is named, with commas
// between them.
func (sc *Scope) gathered(r Ref) (string, bool) {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(sc.Outputs)) {
		if !strings.HasPrefix(key, r.Step+".") || !strings.HasSuffix(key, "."+r.Name) {
			continue
		}
		for _, h := range sc.Hosts {
			if v, ok := sc.Outputs[key][h]; ok && v != "" && (r.Host == "" || r.Host == h) {
				out = append(out, v)
			}
		}
	}
	return strings.Join(out, ","), len(out) > 0
}

func (sc *Scope) output(r Ref) (v string, known bool, err error) {
	byHost := sc.Outputs[r.Step+"."+r.Name]
	if byHost == nil {
		// A step of a group is "group.step"; it may be named without its group.
		for k, m := range sc.Outputs {
			if strings.HasSuffix(k, "."+r.Step+"."+r.Name) {
				byHost = m
			}
		}
	}
	if byHost == nil {
		if v, ok := sc.gathered(r); ok {
			return v, true, nil
		}
	}
	host := sc.Host
	if r.Host != "" {
		host = r.Host
	}
	if r.First {
		for _, h := range slices.Concat([]string{""}, sc.Hosts) {
			if v, ok := byHost[h]; ok {
				return v, true, nil
			}
		}
	}
	if v, ok := byHost[host]; ok {
		return v, true, nil
	}
	if v, ok := byHost[""]; ok && r.Host == "" {
		return v, true, nil
	}
	switch {
	case sc.Planning:
		return "‹from " + r.Step + "›", false, nil
	case len(byHost) > 0 && r.Host == "":
		return "", true, fmt.Errorf("%s: %w here: the step ran on other hosts, want ${first(%s)} or a host in brackets", r, ErrUndefined, r.Text)
	}
	return "", true, fmt.Errorf("%s: %w: step %s gave no such output", r, ErrUndefined, r.Step)
}
